"""The container: a GGUF file's fields and the directory of its tensors, every length checked.

It is https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3. The file is
mapped, not read: of a model of any size only the pages that hold its fields are touched. Every
length is checked against the file before it is believed.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from quatrain.errors import CheckpointError
from quatrain.files import brief
from quatrain.tensor_file import identity

MAGIC = b"GGUF"
VERSIONS = (2, 3)
HEADER = struct.Struct("<4sIQQ")  # magic, version, number of tensors, number of fields
_NUMBERS = {0: "u1", 1: "i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4", 7: "?"}
_NUMBERS |= {10: "<u8", 11: "<i8", 12: "<f8"}
_STRING, _ARRAY = 8, 9
#: A list takes many times its bytes once it is read; the longest known has a million elements.
_LONGEST = 2**24


def mapped(
    path: Path, error: type[CheckpointError] = CheckpointError
) -> tuple[mmap.mmap, tuple[int, ...]]:
    """A file's bytes and its identity. Raises ``error`` if it cannot be read or is empty."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise error(f"{path}: empty, expected a GGUF file")
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            return data, identity(file.fileno())
    except OSError as e:
        raise error(f"{path}: cannot be read: {e.strerror}") from None


class Field:
    """A field, and which bytes of the file it is."""

    def __init__(self, reader: Reader) -> None:
        self.begin = reader.at
        self.name = reader.string("the name of a field")
        self.value = reader.value(self.name if self.name.isprintable() else repr(self.name))
        self.end = reader.at


class Reader:
    """Reads a file from its beginning. What is wrong is raised as ``error``, naming the file."""

    def __init__(
        self,
        data: bytes | mmap.mmap,
        name: str,
        error: type[CheckpointError] = CheckpointError,
    ) -> None:
        self.data = data
        self.file = name
        self.error = error
        self.at = 0
        magic, version, self.tensors, self.count = self.unpack(HEADER, "the header")
        if magic != MAGIC:
            self.fail(f"begins with {magic!r}, expected {MAGIC!r}")
        if version not in VERSIONS:
            self.fail(f"GGUF version {version} is not supported; supported: 2, 3 (little-endian)")

    def fields(self) -> Iterator[Field]:
        """The fields, one after another; behind them stands the directory of tensors."""
        seen = set()
        for _ in range(self.count):  # a field takes bytes: the file's end ends a count that lies
            field = Field(self)
            if field.name in seen:
                self.fail(f"field {field.name!r} appears twice")
            seen.add(field.name)
            yield field

    def value(self, what: str) -> Any:
        kind = self.number(np.dtype("<u4"), what)
        if kind != _ARRAY:
            return (
                self.string(what) if kind == _STRING else self.number(self.dtype(kind, what), what)
            )
        kind, size = self.number(np.dtype("<u4"), what), self.number(np.dtype("<u8"), what)
        self.bound(size, "elements", what)
        if kind == _STRING:
            return self.strings(size, what)
        return self.numbers(size, self.dtype(kind, what), what)

    def dtype(self, kind: int, what: str) -> np.dtype[Any]:
        if kind not in _NUMBERS:
            self.fail(f"{what} has the unknown or nested type {kind}")
        return np.dtype(_NUMBERS[kind])

    def number(self, dtype: np.dtype[Any], what: str) -> Any:
        return self.numbers(1, dtype, what)[0]

    def numbers(self, count: int, dtype: np.dtype[Any], what: str) -> list[Any]:
        data = self.take(count * dtype.itemsize, what)
        return np.frombuffer(data, dtype).tolist()

    def string(self, what: str) -> str:
        size = self.number(np.dtype("<u8"), what)
        self.bound(size, "bytes", what)
        return self.text(self.take(size, what), what)

    def strings(self, count: int, what: str) -> list[str]:
        """As `string`, for the hundred thousands of tokens."""
        data, at, end = self.data, self.at, len(self.data)
        size_at = struct.Struct("<Q").unpack_from
        found: list[str] = []
        for _ in range(count):
            if end - at < 8:
                self.fail(f"ends within {what}, after {len(found)} of {count} strings")
            begin = at + 8
            at = begin + size_at(data, at)[0]
            if at > end:
                self.fail(f"ends within {what}, after {len(found)} of {count} strings")
            found.append(self.text(data[begin:at], what))
        self.at = at
        return found

    def bound(self, size: int, unit: str, what: str) -> None:
        if size > _LONGEST:
            self.fail(f"{what} says that it has {size} {unit}, expected at most {_LONGEST}")

    def text(self, data: bytes, what: str) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError:
            self.fail(f"{what} holds {data[:40]!r}, which is not UTF-8")

    def unpack(self, form: struct.Struct, what: str) -> tuple[Any, ...]:
        return form.unpack(self.take(form.size, what))

    def take(self, size: int, what: str) -> bytes:
        if size > len(self.data) - self.at:
            self.fail(f"ends within {what}: {size} bytes expected at byte {self.at}")
        self.at += size
        return self.data[self.at - size : self.at]

    def fail(self, message: str) -> NoReturn:
        raise self.error(brief(f"{self.file}: {message}"))
