"""The calls that give ids alone, without an `Encoding`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quatrain import _core
from quatrain.errors import InputError
from quatrain.tokenizer.calls import Calls, RuledCalls
from quatrain.tokenizer.integers import in_range
from quatrain.tokenizer.lengths import Padding, Truncation, to_core
from quatrain.tokenizer.ragged import Ragged
from quatrain.tokenizer.special import Special


class CacheInfo(NamedTuple):
    """The word caches of a tokenizer.

    They are as many as calls and their threads ran at once, and shared with the tokenizers made
    from it by `with_truncation` and its like.
    """

    caches: int
    #: What one takes at most, in bytes; memory is taken as words come.
    bytes_each: int


class IdCalls:
    """The part of `Tokenizer` that gives ids alone."""

    _core: Any
    _truncation: Truncation | None
    _padding: Padding | None
    _lengths: Any
    _calls: RuledCalls
    _allow: Calls  # what `_calls` has for "allow"

    def encode_ids(
        self,
        text: str,
        add_special_tokens: bool = True,
        *,
        max_length: int | None = None,
        special: Special = "allow",
    ) -> list[int]:
        """The ids of one text: those of `encode`, never padded, at a fraction of the time.

        They are cut as `encode` cuts them where there is a `truncation`, as files may ask for; see
        `without_truncation`.

        Args:
            text, add_special_tokens, max_length, special: see `encode`.

        Raises:
            InputError, TokenizerError: see `encode`.
        """
        is_free = max_length is None and isinstance(special, str) and special == "allow"
        calls = self._allow if is_free else self._calls_for(max_length, special)
        return calls.encode_ids(text, add_special_tokens)

    def encode_array(
        self,
        text: str,
        add_special_tokens: bool = True,
        *,
        max_length: int | None = None,
        special: Special = "allow",
    ) -> NDArray[np.uint32]:
        """What `encode_ids` returns, cut where there is a `truncation`, as an array: uint32 [T]."""
        is_free = max_length is None and isinstance(special, str) and special == "allow"
        calls = self._allow if is_free else self._calls_for(max_length, special)
        return calls.encode_array(text, add_special_tokens)

    def count(
        self,
        text: str,
        add_special_tokens: bool = True,
        *,
        max_length: int | None = None,
        special: Special = "allow",
    ) -> int:
        """How many ids `encode_ids` returns, without making them Python's.

        Where there is a `truncation`, never more than it leaves; see `without_truncation`.
        """
        is_free = max_length is None and isinstance(special, str) and special == "allow"
        calls = self._allow if is_free else self._calls_for(max_length, special)
        return calls.count(text, add_special_tokens)

    def encode_ids_batch(
        self,
        texts: Iterable[str],
        add_special_tokens: bool = True,
        *,
        max_length: int | None = None,
        special: Special = "allow",
        threads: int | None = None,
    ) -> Ragged:
        """The ids of several texts, in order, each as `encode_ids` gives it: cut where there is a
        `truncation`, never padded.

        Args:
            texts: texts.
            add_special_tokens, max_length, special: see `encode`.
            threads: see `encode_batch`.

        Raises:
            InputError, TokenizerError: see `encode`.
        """
        rule = self._calls(special).rule
        return Ragged(
            *_core.tokenizer.encode_ids_batch(
                self._core,
                list(each(texts, "texts", "texts; encode_ids takes one")),
                add_special_tokens,
                self._lengths if max_length is None else self._cut_to(max_length),
                rule,
                checked_threads(threads),
            )
        )

    def _cut_to(self, max_length: int) -> Any:
        now = self._truncation or Truncation(0)
        return to_core(replace(now, max_length=max_length), self._padding)

    def _calls_for(self, max_length: int | None, special: Special) -> Calls:
        if max_length is None:
            return self._calls(special)
        return self._calls.cut_to(self._cut_to(max_length), special)

    def cache_info(self) -> CacheInfo:
        """How many word caches are kept for the next calls, and how large each may become."""
        return CacheInfo(*self._core.cache_info())


def each(items: Iterable[Any], name: str, expected: str) -> Iterator[Any]:
    """What an argument holds. Raises InputError where it holds nothing, or is one text."""
    try:
        if not isinstance(items, (str, bytes)):
            return iter(items)
    except TypeError:
        pass
    raise InputError(f"{name} is a {type(items).__name__}, expected an iterable of {expected}")


def checked_threads(threads: int | None) -> int:
    """How many threads are meant."""
    if threads is None:
        return _core.default_threads()
    return in_range("threads", threads, 1)
