"""A GGUF file's model in our terms: what the functions for each architecture give."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

#: Tensors that are parts of the config.
UNUSED = ("rope_freqs", "rope_factors_short", "rope_factors_long")


@dataclass(frozen=True)
class Described:
    """A file's model in our terms: the fields of its ``config.json``, and its tensors' names.

    ``neighbours``: of these, the rows of a head are in pairs that turn together, as llama.cpp's
    rotary positions want them; here they are half a head apart, as in Hugging Face's files.
    ``transposed``: these have the inputs first in Hugging Face's files. ``raised``: these are more
    by 1 than there (Gemma's norms). ``unused``: these are no weights here.
    """

    config: dict[str, Any]
    names: dict[str, str]
    neighbours: Collection[str] = ()
    transposed: Collection[str] = ()
    raised: Collection[str] = ()
    unused: Collection[str] = UNUSED
    #: How many values a head has.
    head_size: int = 1
    #: How texts become vectors, in sentence-transformers' words; None for what is no encoder.
    pooling: str | None = None
