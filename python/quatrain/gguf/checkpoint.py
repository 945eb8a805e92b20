"""The tensors of a GGUF file under our names, read one at a time."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from math import prod
from pathlib import Path

import numpy as np

from quatrain.errors import CheckpointError
from quatrain.gguf.described import Described
from quatrain.gguf.tensors import Tensor
from quatrain.gguf.values import PLAIN, QUANTISED, values
from quatrain.tensor_file import read, widened
from quatrain.weights import Blocks

#: How large the pieces are, about, in which a large tensor is read.
PIECE = 2**22


class GgufTensors:
    """The tensors of a file by their keys here (`quatrain.weights.Tensors`).

    What the model has no name for keeps its own, so that it is found unused.
    """

    dtypes: Collection[str] = (*PLAIN, *QUANTISED)

    def __init__(
        self,
        file: Path,
        identity: tuple[int, ...],
        tensors: Mapping[str, Tensor],
        described: Described,
    ) -> None:
        self.where = file
        self._identity = identity
        self._described = described
        self._tensors: dict[str, tuple[str, Tensor]] = {}
        for name, tensor in tensors.items():
            key = renamed(name, described.names)
            if key in self._tensors:
                raise CheckpointError(
                    f"{file}: tensors {self._tensors[key][0]!r} and {name!r} are one weight, {key}"
                )
            self._tensors[key] = name, tensor

    def names(self) -> list[str]:
        return list(self._tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        shape = self._tensors[name][1].shape
        return shape[::-1] if self._is(name, self._described.transposed) else shape

    def dtype(self, name: str) -> str:
        return self._tensors[name][1].type.name

    def path(self, name: str) -> Path:
        return self.where

    def load(self, name: str) -> np.ndarray:
        tensor = self._tensors[name][1]
        array = widened(self._values(name)).reshape(tensor.shape)
        if self._is(name, self._described.neighbours):
            array = array[self._halves(len(array))]
        return array.T if self._is(name, self._described.transposed) else array

    def pieces(self, name: str) -> Iterator[np.ndarray]:
        moved = {*self._described.neighbours, *self._described.transposed}
        if self._is(name, moved):
            yield self.load(name)
            return
        rows, width = self.shape(name)
        step = max(PIECE // (4 * width), 16) // 16 * 16
        for first in range(0, rows, step):
            yield self._values(name, first, min(first + step, rows))

    def blocks(self, name: str) -> Blocks | None:
        tensor = self._tensors[name][1]
        if tensor.type.name not in QUANTISED or len(tensor.shape) != 2:
            return None
        rows = self._rows(name, 0, tensor.shape[0])
        if self._is(name, self._described.neighbours):
            rows = rows[self._halves(len(rows))]
        return Blocks(tensor.type.name, rows)

    def _values(self, name: str, first: int = 0, last: int | None = None) -> np.ndarray:
        """A tensor's values as rows, or those of its rows from ``first`` to ``last``."""
        theirs, tensor = self._tensors[name]
        rows = prod(tensor.shape[:-1]) if last is None else last
        return values(self._rows(name, first, rows), tensor.type, f"{self.where}: {theirs}")

    def _rows(self, name: str, first: int, last: int) -> np.ndarray:
        """A tensor's blocks, uint8 ``[rows, bytes]``, read from the file now."""
        tensor = self._tensors[name][1]
        width = tensor.shape[-1] // tensor.type.values * tensor.type.nbytes
        size, at = (last - first) * width, tensor.begin + first * width
        return read(self.where, np.uint8, size, at, self._identity).reshape(-1, width)

    def _is(self, name: str, stems: Collection[str]) -> bool:
        return pattern(self._tensors[name][0])[0] in stems

    def _halves(self, rows: int) -> np.ndarray:
        """The order of rows in which the pairs of a head's rows are half a head apart."""
        heads = np.arange(rows).reshape(-1, self._described.head_size // 2, 2)
        return heads.swapaxes(1, 2).reshape(-1)


def pattern(name: str) -> tuple[str, list[str], str]:
    """``blk.3.attn_q.weight`` -> ``blk.{}.attn_q``, the numbers in it, and ``.weight``."""
    stem, dot, kind = name.rpartition(".")
    numbers = re.findall(r"(?<=\.)\d+(?=\.|$)", stem)
    return re.sub(r"(?<=\.)\d+(?=\.|$)", "{}", stem), numbers, dot + kind


def renamed(name: str, names: Mapping[str, str]) -> str:
    """A tensor's key here; its own name if there is none."""
    stem, numbers, kind = pattern(name)
    return names[stem].format(*numbers) + kind if stem in names else name
