"""Text from ids as they come."""

from __future__ import annotations

from typing import Any

from quatrain.errors import InputError
from quatrain.tokenizer.integers import to_int


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
        found = to_int(index)
        if found is None:
            raise InputError(f"the id is {index!r:.60}, expected an int")
        if not 0 <= found < 2**63:
            raise InputError(f"id {found} is not in the vocabulary")
        return self._core.push(found)

    def flush(self) -> str:
        """The end of the text: U+FFFD if it stops inside a character. A new text may follow."""
        return self._core.flush()
