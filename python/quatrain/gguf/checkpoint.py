"""The tensors of a GGUF file under our names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np

from quatrain.errors import CheckpointError
from quatrain.gguf.described import Described
from quatrain.gguf.tensor_file import TensorFile
from quatrain.gguf.values import PLAIN, QUANTISED
from quatrain.tensor_file import widened
from quatrain.weights import Blocks

#: How large the pieces are, about, in which a large tensor is read.
PIECE = 2**22


class GgufTensors:
    """The tensors of a file by their keys here (`quatrain.weights.Tensors`).

    What the model has no name for keeps its own, so that it is found unused.
    """

    dtypes: Collection[str] = (*PLAIN, *QUANTISED)

    def __init__(self, file: TensorFile, described: Described) -> None:
        self.where = file.path
        self._file, self._described = file, described
        self._own: dict[str, str] = {}
        for own in file.tensors:
            if parts(own)[0] in described.unused:
                continue
            name = renamed(own, described.names)
            if (first := self._own.setdefault(name, own)) != own:
                raise CheckpointError(
                    f"{file.path}: tensors {first!r} and {own!r} are one weight, {name}"
                )

    def names(self) -> list[str]:
        return list(self._own)

    def shape(self, name: str) -> tuple[int, ...]:
        shape = self._file.tensors[self._own[name]].shape
        return shape[::-1] if self._is(name, self._described.transposed) else shape

    def dtype(self, name: str) -> str:
        return self._file.tensors[self._own[name]].type.name

    def path(self, name: str) -> Path:
        return self.where

    def load(self, name: str) -> np.ndarray:
        own = self._own[name]
        array = widened(self._file.values(own)).reshape(self._file.tensors[own].shape)
        if self._is(name, self._described.neighbours):
            array = array[self._halves(len(array))]
        if self._is(name, self._described.raised):
            # In float64, so that adding it again gives what the file has.
            array = array.astype(np.float64) - 1
        return array.T if self._is(name, self._described.transposed) else array

    def pieces(self, name: str) -> Iterator[np.ndarray]:
        described = self._described
        if self._is(name, {*described.neighbours, *described.transposed, *described.raised}):
            yield self.load(name)
            return
        rows, width = self.shape(name)
        step = max(PIECE // (4 * width), 16) // 16 * 16
        for first in range(0, rows, step):
            yield self._file.values(self._own[name], first, min(first + step, rows))

    def blocks(self, name: str) -> Blocks | None:
        tensor = self._file.tensors[self._own[name]]
        if tensor.type.name not in QUANTISED or len(tensor.shape) != 2:
            return None
        rows = self._file.rows(self._own[name])
        if self._is(name, self._described.neighbours):
            rows = rows[self._halves(len(rows))]
        return Blocks(tensor.type.name, rows)

    def _is(self, name: str, stems: Collection[str]) -> bool:
        return parts(self._own[name])[0] in stems

    def _halves(self, rows: int) -> np.ndarray:
        """The order of rows in which the pairs of a head's rows are half a head apart."""
        heads = np.arange(rows).reshape(-1, self._described.head_size // 2, 2)
        return heads.swapaxes(1, 2).reshape(-1)


def parts(name: str) -> tuple[str, list[str], str]:
    """``blk.3.attn_q.weight`` -> ``blk.{}.attn_q``, the numbers in it, and ``.weight``."""
    stem, dot, kind = name.rpartition(".")
    number = re.compile(r"(?<=\.)\d+(?=\.)")
    return number.sub("{}", stem), number.findall(stem), dot + kind


def renamed(name: str, names: Mapping[str, str]) -> str:
    """A tensor's key here; its own name if there is none."""
    stem, numbers, kind = parts(name)
    return names[stem].format(*numbers) + kind if stem in names else name
