"""A ``.npz`` file: arrays in a zip archive, read where they lie."""

from __future__ import annotations

import struct
import zipfile
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np

from quatrain.errors import CheckpointError
from quatrain.tensor_file import identity, read


@dataclass(frozen=True)
class Member:
    """An array's type, its shape, and the byte of the file at which its values begin."""

    type: np.dtype
    shape: tuple[int, ...]
    begin: int


class NpzFile:
    """The arrays of a file by their names. The file is not held open.

    Raises CheckpointError for a file that cannot be read, that is no whole archive of arrays, or
    whose arrays are compressed: these could be larger than any memory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file, zipfile.ZipFile(file) as archive:
                self._identity = identity(file.fileno())
                self.members = {
                    info.filename.removesuffix(".npy"): self._member(file, archive, info)
                    for info in archive.infolist()
                }
        except OSError as e:
            raise CheckpointError(f"{path}: cannot be read: {e.strerror or e}") from None
        except (zipfile.BadZipFile, ValueError, struct.error, NotImplementedError) as e:
            raise CheckpointError(f"{path}: not a whole file of arrays: {e}") from None

    def read(self, name: str) -> np.ndarray:
        """An array's values, as they are stored."""
        member = self.members[name]
        size = prod(member.shape)
        array = read(self.path, member.type, size, member.begin, self._identity)
        return array.reshape(member.shape)

    def _member(self, file: BinaryIO, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
        if info.compress_type != zipfile.ZIP_STORED:
            raise CheckpointError(
                f"{self.path}: {info.filename} is compressed; write the arrays with numpy.savez"
            )
        with archive.open(info) as member:
            version = np.lib.format.read_magic(member)
            header = {
                1: np.lib.format.read_array_header_1_0,
                2: np.lib.format.read_array_header_2_0,
            }
            if version[0] not in header:
                raise ValueError(f"{info.filename}: version {version[0]} of the format")
            shape, reversed_order, kind = header[version[0]](member)
            before = member.tell()
        if (
            kind.hasobject
            or reversed_order
            or before + prod(shape) * kind.itemsize != info.file_size
        ):
            raise ValueError(f"{info.filename}: expected plain numbers, row by row, of its size")
        # The archive's own list does not say how long the header before the member is.
        file.seek(info.header_offset + 26)
        begin = info.header_offset + 30 + sum(struct.unpack("<HH", file.read(4))) + before
        return Member(kind, shape, begin)
