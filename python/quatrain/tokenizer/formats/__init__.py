"""One reader per file format: from the bytes of its files to a `Description`.

A reader refuses by name what it does not know, and raises `TokenizerError` with the file, the
field and what was expected there.
"""

from __future__ import annotations

from quatrain.tokenizer.description import Description, Format, Source
from quatrain.tokenizer.formats import (
    gguf,
    marian,
    sentencepiece,
    tiktoken,
    tokenizer_json,
    vocab_files,
)

#: In the order in which a folder is searched for them.
FORMATS: dict[str, Format] = {
    format.name: format
    for format in (
        tokenizer_json.FORMAT,
        sentencepiece.FORMAT,
        tiktoken.FORMAT,
        marian.FORMAT,
        vocab_files.VOCAB_JSON,
        vocab_files.VOCAB_TXT,
        gguf.FORMAT,
    )
}


def read(source: Source) -> Description:
    """What the files of a tokenizer say.

    Raises:
        TokenizerError: a file is malformed, or asks for something that is not supported.
    """
    return FORMATS[source.format].read(source)
