"""The core's functions, ready to be called for one text after the other."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from quatrain import _core
from quatrain.tokenizer.encoding import Encoding
from quatrain.tokenizer.special import Special, to_core

#: Rules for special tokens of which the calls are kept.
_MOST_KEPT = 64


class Calls(NamedTuple):
    """The functions of a tokenizer under one rule for special tokens, which they hold.

    Attributes:
        encode: (text, pair or None, add_special_tokens), and the byte ranges of the text in which
            the rule holds if it is not all; to an `Encoding`.
        encode_batch: (list of texts and pairs, add_special_tokens, threads); to encodings.
        encode_ids: (text, add_special_tokens) to a list of ids.
        encode_array: the same to an array.
        count: the same to their number.
        rule: the rule, as the core takes it.
    """

    encode: Any
    encode_batch: Any
    encode_ids: Any
    encode_array: Any
    count: Any
    rule: Any


def calls(core: Any, lengths: Any, rule: Any) -> Calls:
    """The functions of the core's tokenizer under lengths and a rule."""
    return Calls(**_core.tokenizer.calls(core, lengths, rule, Encoding), rule=rule)


class RuledCalls:
    """The calls of a tokenizer by what ``special`` may be: it takes long to look up what a rule
    says of every token."""

    def __init__(self, core: Any, special_ids: AbstractSet[int], lengths: Any):
        self._core = core
        self._special_ids = special_ids
        self._lengths = lengths
        self._kept: dict[Any, Calls] = {}

    def __call__(self, special: Special) -> Calls:
        """See `to_core` for what it raises."""
        key: Any = special
        if not isinstance(special, str):
            key = frozenset(special) if isinstance(special, AbstractSet) else None
        known = self._kept.get(key)
        if known is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            rule = to_core(self._core, self._special_ids, special)
            known = self._kept[key] = calls(self._core, self._lengths, rule)
        return known

    def cut_to(self, lengths: Any, special: Special) -> Calls:
        """The calls under other lengths."""
        return calls(self._core, lengths, self(special).rule)
