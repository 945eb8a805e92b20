"""The tokens of a tokenizer and their ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from quatrain.errors import InputError
from quatrain.tokenizer.description import Description
from quatrain.tokenizer.formats.fields import Node
from quatrain.tokenizer.integers import to_int


class _Ids(Mapping[str, int]):
    """Tokens and their ids, where the core holds them."""

    def __init__(self, core: Any):
        self._core = core

    def __getitem__(self, token: str) -> int:
        try:
            index = self._core.find(token)
        except InputError:  # it is no text
            index = None
        if index is None:
            raise KeyError(token)
        return int(index)

    def __iter__(self) -> Iterator[str]:
        return (self._core.token(i) for i in range(self._core.end_id) if self._core.has(i))

    def __len__(self) -> int:
        return len(self._core)

    def __repr__(self) -> str:
        return f"<the ids of {len(self)} tokens>"


class Vocabulary:
    """The tokens of a tokenizer, as the core holds them, and what some of them are for."""

    def __init__(self, core: Any, description: Description):
        self._core = core
        self._special_ids = description.special_ids
        self._named = {
            role: self._role_id(description.roles.get(role))
            for role in ("bos_token", "eos_token", "pad_token")
        }
        self._unknown = description.roles.get("unk_token")

    def __len__(self) -> int:
        """The number of tokens, added ones included."""
        return len(self._core)

    @property
    def vocab_size(self) -> int:
        """The number of tokens, added ones included. Ids may have gaps; see `max_id`."""
        return len(self._core)

    @property
    def max_id(self) -> int:
        """The largest id: an embedding needs at least one row more."""
        return self._core.end_id - 1

    @property
    def vocab(self) -> Mapping[str, int]:
        """The ids of all tokens, added ones included, in the order of the ids: a view, no copy."""
        return _Ids(self._core)

    def id_to_token(self, index: int) -> str:
        """The token with an id, as the vocabulary spells it.

        Raises:
            InputError: no token has the id.
        """
        return self._core.token(self._checked(index))

    def token_to_id(self, token: str) -> int | None:
        """The id of a token, as the vocabulary spells it; None if there is none."""
        return self._core.find(token)

    def token_bytes(self, index: int) -> bytes:
        """The bytes of text that a token stands for, which may be a part of a character only.

        Raises:
            InputError: no token has the id.
        """
        return self._core.token_bytes(self._checked(index))

    @property
    def special_ids(self) -> frozenset[int]:
        """The ids that decoding skips: added tokens marked special."""
        return self._special_ids

    @property
    def bos_id(self) -> int | None:
        """The id of the token that begins a text, if the files name it."""
        return self._named["bos_token"]

    @property
    def eos_id(self) -> int | None:
        """The id of the token that ends a text, if the files name it."""
        return self._named["eos_token"]

    @property
    def pad_id(self) -> int | None:
        """The id of the padding token, if the files name it."""
        return self._named["pad_token"]

    @property
    def unk_id(self) -> int | None:
        """The id of the token for what the vocabulary lacks, if the files name it by role.

        Raises:
            TokenizerError: it is not in the vocabulary.
        """
        return self._role_id(self._unknown)

    def _checked(self, index: int) -> int:
        found = to_int(index)
        if found is None:
            raise InputError(f"the id is {index!r:.60}, expected an int")
        if not (0 <= found <= self.max_id and self._core.has(found)):
            raise InputError(
                f"id {found} is not in the vocabulary of {len(self)} tokens (ids 0 to "
                f"{self.max_id})"
            )
        return found

    def _role_id(self, token: Node | None) -> int | None:
        if token is None:
            return None
        index = self._core.find(token.text())
        if index is None:
            token.fail(f"{token.value!r} is not in the vocabulary")
        return index
