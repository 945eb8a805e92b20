"""What a text becomes."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quatrain import _core
from quatrain.errors import InputError
from quatrain.tokenizer.integers import in_range, to_int


class Arrays(NamedTuple):
    """An encoding of T tokens as read-only arrays, of its own memory where it has them so.

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


class Encoding(_core.tokenizer.Encoding):
    """The tokens of one text (or pair).

    Every list has one entry per token, and is made when first asked for. An encoding can be pickled
    and copied, `overflowing` included. The sequence that methods ask for is 0 for the text and 1
    for the second of a pair.

    Attributes:
        ids: token ids.
        tokens: the tokens as the vocabulary spells them (byte-level: one character per byte).
        offsets: (begin, end) in characters (code points) of the text the token is from, as it was
            given; (0, 0) for tokens that stand for no text.
        byte_offsets: `offsets` in bytes of the text's UTF-8: always whole characters, like those.
        type_ids: which segment a token belongs to (BERT's ``token_type_ids``).
        attention_mask: 1 for tokens, 0 for padding.
        special_tokens_mask: 1 for the special tokens and padding that were added around the text,
            else 0.
        word_ids: the index of the word (piece of the pre-tokenizer) in its text; None for added
            ones.
        sequence_ids: 0 for tokens of the text, 1 for those of the second of a pair, None for added
            ones.
    """

    ids: list[int]
    tokens: list[str]
    offsets: list[tuple[int, int]]
    byte_offsets: list[tuple[int, int]]
    type_ids: list[int]
    attention_mask: list[int]
    special_tokens_mask: list[int]
    word_ids: list[int | None]
    sequence_ids: list[int | None]

    def __getstate__(self) -> tuple[Any, ...]:
        # Without the tokenizer, which is far larger: so what was cut off is made now.
        return self._state(), self.overflowing

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        core, self.overflowing = state
        self._restore(core)

    def __repr__(self) -> str:
        return f"Encoding({len(self)} tokens: {self.ids[:8]}{'...' if len(self) > 8 else ''})"

    @property
    def n_sequences(self) -> int:
        """The number of texts: 1, or 2 for a pair."""
        return 1 + self._is_pair()

    @cached_property
    def overflowing(self) -> list[Encoding]:
        """What truncation cut off: the windows that follow this one, with their special tokens.

        Each overlaps the one before it by the truncation's ``stride``. Of a pair of which both
        texts were cut, every combination of windows but this one. Empty if nothing was cut. The
        text is encoded again when this is first asked for, and the list is as long as it is:
        for pairs, the product of the texts' windows.
        """
        return self._overflow()

    def arrays(self) -> Arrays:
        """The lists as arrays, without a Python object per token."""
        return Arrays(*self._arrays())

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
        return self._token_at(in_range("char", char), self._second(sequence))

    def char_to_word(self, char: int, sequence: int = 0) -> int | None:
        """The index of the word that covers a character; None if none does."""
        token = self.char_to_token(char, sequence)
        return None if token is None else self.word_ids[token]

    def word_to_tokens(self, word: int, sequence: int = 0) -> tuple[int, int] | None:
        """The tokens [begin, end) of a word; None if it has none."""
        return self._tokens_of_word(in_range("word", word), self._second(sequence))

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
