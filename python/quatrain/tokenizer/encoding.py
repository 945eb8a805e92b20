"""What a text becomes."""

from __future__ import annotations

from functools import cached_property
from typing import Any


class Encoding:
    """The tokens of one text (or pair). Every list has one entry per token.

    Lists are made when first asked for.
    """

    def __init__(self, core: Any):
        self._core = core

    def __len__(self) -> int:
        """The number of tokens, special and padding tokens included."""
        return len(self._core)

    def __repr__(self) -> str:
        return f"Encoding({len(self)} tokens: {self.ids[:8]}{'...' if len(self) > 8 else ''})"

    @cached_property
    def ids(self) -> list[int]:
        """Token ids."""
        return self._core.ids

    @cached_property
    def tokens(self) -> list[str]:
        """The tokens as the vocabulary spells them (byte-level: one character per byte)."""
        return self._core.tokens

    @cached_property
    def offsets(self) -> list[tuple[int, int]]:
        """(begin, end) in characters (code points) of the text the token is from, as it was given.

        (0, 0) for tokens that stand for no text.
        """
        return self._core.offsets

    @cached_property
    def type_ids(self) -> list[int]:
        """Which segment a token belongs to (BERT's ``token_type_ids``)."""
        return self._core.type_ids

    @cached_property
    def attention_mask(self) -> list[int]:
        """1 for tokens, 0 for padding."""
        return self._core.attention_mask

    @cached_property
    def special_tokens_mask(self) -> list[int]:
        """1 for the special tokens and padding that were added around the text, else 0."""
        return self._core.special_tokens_mask

    @cached_property
    def word_ids(self) -> list[int | None]:
        """The index of the word (piece of the pre-tokenizer) in its text; None for added ones."""
        return self._core.word_ids
