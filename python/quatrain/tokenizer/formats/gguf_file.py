"""The fields of a GGUF file that describe its tokenizer, and a file of these alone.

The container is https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3. The
file is mapped, not read: of a model of any size only the pages that hold its fields are touched.
Every length is checked against the file before it is believed.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from quatrain.errors import TokenizerError
from quatrain.tokenizer.formats.fields import Node, brief

MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_KEPT = ("tokenizer.", "general.architecture")
_NUMBERS = {0: "u1", 1: "i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4", 7: "?"}
_NUMBERS |= {10: "<u8", 11: "<i8", 12: "<f8"}
_STRING, _ARRAY = 8, 9
_HEADER = struct.Struct("<4sIQQ")  # magic, version, number of tensors, number of fields


def fields(data: bytes, name: str) -> Node:
    """The fields of a file by their names.

    Raises:
        TokenizerError: the file is malformed, or of another version or byte order.
    """
    found: dict[str, Any] = {}
    for field in _Reader(data, name).fields():
        if field.name in found:
            raise TokenizerError(brief(f"{name}: field {field.name!r} appears twice"))
        found[field.name] = field.value
    return Node(found, name, "")


def load(path: Path) -> bytes:
    """A file with the tokenizer's fields of the one at ``path``, and no tensors."""
    try:
        if path.stat().st_size == 0:
            raise TokenizerError(f"{path}: empty, expected a GGUF file")
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            kept = [
                data[field.begin : field.end]
                for field in _Reader(data, str(path)).fields()
                if field.name.startswith(_KEPT)
            ]
            return _HEADER.pack(MAGIC, _VERSIONS[-1], 0, len(kept)) + b"".join(kept)
    except OSError as error:
        raise TokenizerError(f"{path}: cannot be read: {error.strerror}") from None


class _Field:
    """A field, and which bytes of the file it is."""

    def __init__(self, reader: _Reader) -> None:
        self.begin = reader.at
        self.name = reader.string("the name of a field")
        self.value = reader.value(self.name if self.name.isprintable() else repr(self.name))
        self.end = reader.at


class _Reader:
    def __init__(self, data: bytes | mmap.mmap, name: str) -> None:
        self.data = data
        self.file = name
        self.at = 0

    def fields(self) -> Iterator[_Field]:
        magic, version, _, count = self.unpack(_HEADER, "the header")
        if magic != MAGIC:
            self.fail(f"begins with {magic!r}, expected {MAGIC!r}")
        if version not in _VERSIONS:
            self.fail(f"GGUF version {version} is not supported; supported: 2, 3 (little-endian)")
        for _ in range(count):  # a field takes bytes, so the file's end ends a count that lies
            yield _Field(self)

    def value(self, what: str) -> Any:
        kind = self.number(np.dtype("<u4"), what)
        if kind != _ARRAY:
            return (
                self.string(what) if kind == _STRING else self.number(self.dtype(kind, what), what)
            )
        kind, size = self.number(np.dtype("<u4"), what), self.number(np.dtype("<u8"), what)
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
        return self.text(self.take(self.number(np.dtype("<u8"), what), what), what)

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
        raise TokenizerError(brief(f"{self.file}: {message}"))
