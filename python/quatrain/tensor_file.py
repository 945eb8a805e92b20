"""A safetensors file: what its header says, and its tensors, read when they are asked for."""

from __future__ import annotations

import mmap
import os
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from quatrain.errors import CheckpointError
from quatrain.files import parse_json

#: NumPy has no bfloat16; its bits are uint16 here.
TYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": np.uint16,
    "I8": np.int8,
    "U8": np.uint8,
    "I32": np.int32,
}


class TensorFile:
    """The tensors of one file. The file is not held open.

    ``tensors``: dtype ("F32", ...), shape and data_offsets of each, by name; ``metadata``: what the
    header says beside them. Raises CheckpointError for a file that cannot be read or is not a
    whole safetensors file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise CheckpointError(f"{path}: expected a file of weights, found none")
        try:
            with path.open("rb") as file:
                self._identity = identity(file.fileno())
                # The format's own reader checks the header: no hole, no overlap, no size that lies.
                safe_open(path, framework="numpy")
                self._begin = 8 + int.from_bytes(file.read(8), "little")
                header = file.read(self._begin - 8)
        except SafetensorError as e:
            raise CheckpointError(
                f"{path}: not a whole safetensors file ({e}); fetch or write it again"
            ) from None
        except OSError as e:
            raise CheckpointError(f"{path}: cannot be read: {e.strerror or e}") from None
        self.tensors: dict[str, dict[str, Any]] = parse_json(header, str(path))
        self.metadata: dict[str, str] = self.tensors.pop("__metadata__", None) or {}

    def read(self, name: str, first: int = 0, last: int | None = None) -> np.ndarray:
        """A tensor as it is stored, or its rows from ``first`` to ``last``.

        Raises CheckpointError for a file that cannot be read or has changed.
        """
        entry = self.tensors[name]
        kind, shape = np.dtype(TYPES[entry["dtype"]]), entry["shape"]
        if last is not None:
            shape = [max(min(last, shape[0]) - first, 0), *shape[1:]]
        size = prod(shape)
        row = size // shape[0] if last is not None and shape[0] else 0
        at = self._begin + entry["data_offsets"][0] + first * row * kind.itemsize
        return read(self.path, kind, size, at, self._identity).reshape(shape)

    def mapped(self) -> np.ndarray:
        """The bytes of all tensors where they are mapped; ``data_offsets`` count from there."""
        with self.path.open("rb") as file:
            memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return np.frombuffer(memory, np.uint8)[self._begin :]


def identity(file: int | Path) -> tuple[int, ...]:
    """What only this file has, until it changes."""
    found = os.stat(file)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def read(
    path: Path, kind: np.dtype | type, size: int, at: int, expected: tuple[int, ...]
) -> np.ndarray:
    """``size`` values from byte ``at`` of a file that had the identity ``expected``.

    Raises CheckpointError for a file that cannot be read or has changed.
    """
    try:
        with path.open("rb", buffering=0) as file:
            array = np.fromfile(file, kind, size, offset=at)
            changed = identity(file.fileno()) != expected
    except OSError as e:
        raise CheckpointError(f"{path}: cannot be read: {e.strerror or e}") from None
    if changed or array.size != size:
        raise CheckpointError(f"{path}: changed while it was read")
    return array


def widened(array: np.ndarray) -> np.ndarray:
    """The numbers of an array in which uint16 are the bits of bfloat16."""
    if array.dtype != np.uint16:
        return array
    return (array.astype(np.uint32) << 16).view(np.float32)
