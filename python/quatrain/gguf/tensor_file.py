"""The tensors of a GGUF file under their own names, read when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path

import numpy as np

from quatrain.errors import CheckpointError
from quatrain.gguf.tensors import Tensor
from quatrain.gguf.values import values
from quatrain.tensor_file import read, widened

#: No file's config has more numbers in a tensor.
MOST_NUMBERS = 2**16


class TensorFile:
    """The tensors of one file, by the directory that it has while its identity is the given one.

    What reads raises CheckpointError for a file that cannot be read or has changed.
    """

    def __init__(
        self, path: Path, identity: tuple[int, ...], tensors: Mapping[str, Tensor]
    ) -> None:
        self.path, self.tensors = path, tensors
        self._identity = identity

    def size(self, name: str) -> int:
        """How many rows a tensor has: a size that the file says nowhere else."""
        return self._tensor(name).shape[0]

    def numbers(self, name: str) -> list[float]:
        """The values of a tensor that is a part of the config."""
        if (count := prod(self._tensor(name).shape)) > MOST_NUMBERS:
            raise CheckpointError(
                f"{self.path}: {name}: expected at most {MOST_NUMBERS} numbers, found {count}"
            )
        return widened(self.values(name)).astype(np.float64).ravel().tolist()

    def values(self, name: str, first: int = 0, last: int | None = None) -> np.ndarray:
        """The values as rows, or those of the rows from ``first`` to ``last``."""
        rows = self.rows(name, first, last)
        return values(rows, self.tensors[name].type, f"{self.path}: {name}")

    def rows(self, name: str, first: int = 0, last: int | None = None) -> np.ndarray:
        """The blocks, uint8 ``[rows, bytes]``, or those of the rows from ``first`` to ``last``."""
        tensor = self.tensors[name]
        width = tensor.shape[-1] // tensor.type.values * tensor.type.nbytes
        count = (prod(tensor.shape[:-1]) if last is None else last) - first
        at = tensor.begin + first * width
        return read(self.path, np.uint8, count * width, at, self._identity).reshape(-1, width)

    def _tensor(self, name: str) -> Tensor:
        if name not in self.tensors:
            raise CheckpointError(f"{self.path}: tensor {name} is missing")
        return self.tensors[name]
