"""GGUF files byte by byte, right or wrong."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple


def string(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def value(item: Any) -> bytes:
    """A value of a field, with its type."""
    match item:
        case bool():
            return struct.pack("<I?", 7, item)
        case str():
            return struct.pack("<I", 8) + string(item)
        case int():
            return struct.pack("<II", 4, item)
        case float():
            return struct.pack("<If", 6, item)
        case [str(), *_]:
            return struct.pack("<IIQ", 9, 8, len(item)) + b"".join(map(string, item))
        case [float(), *_]:
            return struct.pack(f"<IIQ{len(item)}f", 9, 6, len(item), *item)
        case _:
            return struct.pack(f"<IIQ{len(item)}i", 9, 5, len(item), *item)


class Entry(NamedTuple):
    """A tensor's entry in the directory: its sizes are the fastest axis first."""

    name: str
    sizes: tuple[int, ...]
    type: int = 0
    offset: int = 0

    def data(self) -> bytes:
        dimensions = struct.pack(f"<I{len(self.sizes)}Q", len(self.sizes), *self.sizes)
        return string(self.name) + dimensions + struct.pack("<IQ", self.type, self.offset)


def write(
    fields: dict[str, Any],
    entries: list[Entry] | None = None,
    data: bytes = b"",
    *,
    version: int = 3,
    tensors: int | None = None,
    alignment: int = 32,
) -> bytes:
    """A file of these fields, this directory and these data; ``tensors``: how many it says."""
    entries = entries or []
    count = len(entries) if tensors is None else tensors
    body = struct.pack("<4sIQQ", b"GGUF", version, count, len(fields))
    body += b"".join(string(name) + value(item) for name, item in fields.items())
    body += b"".join(entry.data() for entry in entries)
    return body + bytes(-len(body) % alignment) * bool(data) + data
