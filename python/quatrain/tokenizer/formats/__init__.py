"""One reader per file format: from the bytes of its files to a `Description`.

A reader refuses by name what it does not know, and raises `TokenizerError` with the file, the
field and what was expected there.
"""

from __future__ import annotations

from collections.abc import Callable

from quatrain.tokenizer.description import Description, Source
from quatrain.tokenizer.formats import tokenizer_json

READERS: dict[str, Callable[[Source], Description]] = {
    "tokenizer.json": tokenizer_json.read,
}


def read(source: Source) -> Description:
    """What the files of a tokenizer say.

    Raises:
        TokenizerError: a file is malformed, or asks for something that is not supported.
    """
    return READERS[source.format](source)
