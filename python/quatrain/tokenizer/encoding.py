"""What a text becomes."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quatrain.errors import InputError
from quatrain.tokenizer.integers import in_range, to_int


class Call(NamedTuple):
    """How a text was encoded: enough to do it again."""

    core: Any
    add_special_tokens: bool
    lengths: Any
    rule: Any

    def encoding(self, text: str, pair: str | None, core: Any) -> Encoding:
        """What the text became, from what the core says."""
        return Encoding(core, text, pair, self)


class Arrays(NamedTuple):
    """An encoding of T tokens as arrays: read-only views of its own memory, which they keep.

    Attributes:
        ids: uint32 [T].
        type_ids: uint32 [T].
        attention_mask: uint8 [T].
        special_tokens_mask: uint8 [T].
        offsets: uint32 [T, 2], in characters.
        word_ids: int32 [T], -1 where there is no word.
    """

    ids: NDArray[np.uint32]
    type_ids: NDArray[np.uint32]
    attention_mask: NDArray[np.uint8]
    special_tokens_mask: NDArray[np.uint8]
    offsets: NDArray[np.uint32]
    word_ids: NDArray[np.int32]


class Encoding:
    """The tokens of one text (or pair). Every list has one entry per token.

    Lists are made when first asked for. It can be pickled and copied, `overflowing` included. The
    sequence that methods ask for is 0 for the text and 1 for the second of a pair.
    """

    def __init__(self, core: Any, text: str, pair: str | None, call: Call | None):
        self._core = core
        self._text = text
        self._pair = pair
        self._call = call

    def __getstate__(self) -> tuple[Any, ...]:
        # Without the tokenizer, which is far larger: so what was cut off is made now.
        return self._core, self._text, self._pair, self.overflowing

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._core, self._text, self._pair, self.overflowing = state
        self._call = None

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
    def byte_offsets(self) -> list[tuple[int, int]]:
        """`offsets` in bytes of the text's UTF-8: always whole characters, like those."""
        return self._core.byte_offsets(self._text, self._pair)

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

    @cached_property
    def sequence_ids(self) -> list[int | None]:
        """0 for tokens of the text, 1 for those of the second of a pair, None for added ones."""
        return self._core.sequence_ids

    @property
    def n_sequences(self) -> int:
        """The number of texts: 1, or 2 for a pair."""
        return 1 if self._pair is None else 2

    @cached_property
    def overflowing(self) -> list[Encoding]:
        """What truncation cut off: the windows that follow this one, with their special tokens.

        Each overlaps the one before it by the truncation's ``stride``. Of a pair of which both
        texts were cut, every combination of windows but this one. Empty if nothing was cut. The
        text is encoded again when this is first asked for, and the list is as long as it is:
        for pairs, the product of the texts' windows.
        """
        if self._call is None:
            return []
        core, *how = self._call
        further = core.overflow(self._text, self._pair, *how, len(self))
        return [Encoding(window, self._text, self._pair, None) for window in further]

    def arrays(self) -> Arrays:
        """The lists as arrays, without a Python object per token and without a copy."""
        return Arrays(*self._core.arrays())

    def token_to_sequence(self, token: int) -> int | None:
        """The sequence that a token is from; None for added tokens.

        Raises:
            InputError: there is no token of that index.
        """
        return self.sequence_ids[self._checked(token)]

    def token_to_chars(self, token: int) -> tuple[int, int] | None:
        """A token's `offsets`; None for added tokens.

        Raises:
            InputError: there is no token of that index.
        """
        return None if self.token_to_sequence(token) is None else self.offsets[token]

    def token_to_word(self, token: int) -> int | None:
        """The index of a token's word in its text; None for added tokens.

        Raises:
            InputError: there is no token of that index.
        """
        return self.word_ids[self._checked(token)]

    def char_to_token(self, char: int, sequence: int = 0) -> int | None:
        """The first token that covers a character; None if none does."""
        return self._core.token_at(in_range("char", char), self._second(sequence))

    def char_to_word(self, char: int, sequence: int = 0) -> int | None:
        """The index of the word that covers a character; None if none does."""
        token = self.char_to_token(char, sequence)
        return None if token is None else self.word_ids[token]

    def word_to_tokens(self, word: int, sequence: int = 0) -> tuple[int, int] | None:
        """The tokens [begin, end) of a word; None if it has none."""
        return self._core.tokens_of_word(in_range("word", word), self._second(sequence))

    def word_to_chars(self, word: int, sequence: int = 0) -> tuple[int, int] | None:
        """The characters [begin, end) of a word; None if it has no token."""
        tokens = self.word_to_tokens(word, sequence)
        if tokens is None:
            return None
        return self.offsets[tokens[0]][0], self.offsets[tokens[1] - 1][1]

    def _checked(self, token: int) -> int:
        index = in_range("token", token)
        if index >= len(self):
            raise InputError(f"token is {index}, but there are {len(self)} tokens")
        return index

    def _second(self, sequence: int) -> bool:
        index = to_int(sequence)
        if index is None or not 0 <= index < self.n_sequences:
            raise InputError(f"sequence is {sequence!r:.60}, but there are {self.n_sequences}")
        return index == 1
