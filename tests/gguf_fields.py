"""The fields of a GGUF file, read in a second where the ``gguf`` package takes twenty."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

# https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
_NUMBERS = ["B", "b", "H", "h", "I", "i", "f", "?", "", "", "Q", "q", "d"]
_STRING, _ARRAY = 8, 9


def fields(path: Path) -> dict[str, Any]:
    data, at = path.read_bytes(), 16  # behind magic, version and the number of tensors

    def number(form: str) -> Any:
        nonlocal at
        at += struct.calcsize(form)
        return struct.unpack_from(f"<{form}", data, at - struct.calcsize(form))[0]

    def string() -> str:
        nonlocal at
        size = number("Q")
        at += size
        return data[at - size : at].decode()

    def value(kind: int) -> Any:
        nonlocal at
        if kind == _STRING:
            return string()
        if kind != _ARRAY:
            return number(_NUMBERS[kind])
        kind, count = number("I"), number("Q")
        if kind in (_STRING, _ARRAY):
            return [value(kind) for _ in range(count)]
        form = f"<{count}{_NUMBERS[kind]}"
        at += struct.calcsize(form)
        return list(struct.unpack_from(form, data, at - struct.calcsize(form)))

    count = number("Q")
    return {string(): value(number("I")) for _ in range(count)}
