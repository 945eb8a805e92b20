"""Text from ids as they come."""

from __future__ import annotations

from typing import Any

from quatrain.errors import InputError


class StreamDecoder:
    """Text from ids as they come, never half a character.

    The pieces that `push` and finally `flush` return add up to what `Tokenizer.decode` returns
    for all the ids.
    """

    def __init__(self, core: Any):
        self._core = core

    def push(self, index: int) -> str:
        """The text that one more id makes certain; empty while a character is incomplete.

        Raises:
            InputError: the id is not in the vocabulary.
        """
        try:
            return self._core.push(index)
        except TypeError:
            raise InputError(f"the id is {index!r}, expected an int") from None

    def flush(self) -> str:
        """The end of the text: U+FFFD if it stops inside a character. A new text may follow."""
        return self._core.flush()
