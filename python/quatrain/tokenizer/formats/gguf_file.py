"""The fields of a GGUF file that describe its tokenizer, and a file of these alone."""

from __future__ import annotations

from pathlib import Path

from quatrain.errors import TokenizerError
from quatrain.gguf.container import HEADER, MAGIC, VERSIONS, Reader, mapped
from quatrain.tokenizer.formats.fields import Node

_KEPT = ("tokenizer.", "general.architecture")


def fields(data: bytes, name: str) -> Node:
    """The fields of a file by their names.

    Raises:
        TokenizerError: the file is malformed, or of another version or byte order.
    """
    reader = Reader(data, name, TokenizerError)
    return Node({field.name: field.value for field in reader.fields()}, name, "")


def load(path: Path) -> bytes:
    """A file with the tokenizer's fields of the one at ``path``, and no tensors."""
    data, _ = mapped(path, TokenizerError)
    with data:
        kept = [
            data[field.begin : field.end]
            for field in Reader(data, str(path), TokenizerError).fields()
            if field.name.startswith(_KEPT)
        ]
    return HEADER.pack(MAGIC, VERSIONS[-1], 0, len(kept)) + b"".join(kept)
