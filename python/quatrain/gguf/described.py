"""A GGUF file's model in our terms: what the functions for each architecture give."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from quatrain.errors import ConfigError
from quatrain.gguf.metadata import Metadata

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Described:
    """A file's model in our terms: the fields of its ``config.json``, and its tensors' names.

    ``neighbours``: of these, the rows of a head are in pairs that turn together, as llama.cpp's
    rotary positions want them; here they are half a head apart, as in Hugging Face's files.
    ``transposed``: these have the inputs first in Hugging Face's files.
    """

    config: dict[str, Any]
    names: dict[str, str]
    neighbours: Collection[str] = ()
    transposed: Collection[str] = ()
    #: How many values a head has.
    head_size: int = 1
    #: How texts become vectors, in sentence-transformers' words; None for what is no encoder.
    pooling: str | None = None


def size_of(metadata: Metadata, shapes: Shapes, tensor: str, axis: int = 0) -> int:
    """A size that the file says in a tensor's shape alone."""
    if tensor not in shapes:
        raise ConfigError(f"{metadata.file}: tensor {tensor} is missing")
    return shapes[tensor][axis]
