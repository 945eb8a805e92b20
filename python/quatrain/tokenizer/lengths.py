"""How long encodings may and must be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from quatrain import _core
from quatrain.errors import InputError

_core_spec = _core.tokenizer
_STRATEGIES = {
    "longest_first": _core_spec.TruncationSpec.Strategy.LONGEST_FIRST,
    "only_first": _core_spec.TruncationSpec.Strategy.ONLY_FIRST,
    "only_second": _core_spec.TruncationSpec.Strategy.ONLY_SECOND,
}

# No model reads more; a file that asks for gigabytes of padding is refused.
_LONGEST = 2**24

Direction = Literal["left", "right"]
Strategy = Literal["longest_first", "only_first", "only_second"]


@dataclass(frozen=True)
class Truncation:
    """Cut encodings to ``max_length`` tokens, special tokens included.

    Attributes:
        max_length: the most tokens an encoding may have.
        strategy: which text of a pair gives way.
        direction: the end at which tokens are dropped.
        stride: the tokens of text that each of `Encoding.overflowing` shares with the window
            before it.
    """

    max_length: int
    strategy: Strategy = "longest_first"
    direction: Direction = "right"
    stride: int = 0

    def __post_init__(self) -> None:
        _check_count("max_length", self.max_length)
        _check_count("stride", self.stride)
        _check_choice("strategy", self.strategy, *_STRATEGIES)
        _check_choice("direction", self.direction, "left", "right")


@dataclass(frozen=True)
class Padding:
    """Fill encodings up to one length.

    Attributes:
        length: the length in tokens, or None for that of the longest in the batch.
        direction: the end at which padding is added.
        multiple_of: the length is rounded up to a multiple of it; 0 for any length.
        pad_id: the padding token's id.
        pad_type_id: its type id.
        pad_token: its text.
    """

    length: int | None = None
    direction: Direction = "right"
    multiple_of: int = 0
    pad_id: int = 0
    pad_type_id: int = 0
    pad_token: str = "[PAD]"

    def __post_init__(self) -> None:
        if self.length is not None:
            _check_count("length", self.length, _LONGEST)
        _check_choice("direction", self.direction, "left", "right")
        _check_count("multiple_of", self.multiple_of, _LONGEST)
        for name in ("pad_id", "pad_type_id"):
            _check_count(name, getattr(self, name))
        if not isinstance(self.pad_token, str):
            raise InputError(f"pad_token is {self.pad_token!r}, expected a str")


def to_core(truncation: Truncation | None, padding: Padding | None) -> Any:
    """Both, as the core takes them."""
    lengths = _core_spec.LengthSpec()
    if truncation is not None:
        spec = _core_spec.TruncationSpec()
        spec.max_length = truncation.max_length
        spec.stride = truncation.stride
        spec.strategy = _STRATEGIES[truncation.strategy]
        spec.left = truncation.direction == "left"
        lengths.truncation = spec
    if padding is not None:
        spec = _core_spec.PaddingSpec()
        spec.fixed = padding.length
        spec.left = padding.direction == "left"
        spec.multiple_of = padding.multiple_of
        spec.id = padding.pad_id
        spec.type_id = padding.pad_type_id
        spec.token = padding.pad_token
        lengths.padding = spec
    return lengths


def _check_count(name: str, value: object, largest: int = 2**31 - 1) -> None:
    if type(value) is not int or not 0 <= value <= largest:
        raise InputError(f"{name} is {value!r}, expected an int from 0 to {largest}")


def _check_choice(name: str, value: object, *options: str) -> None:
    if value not in options:
        raise InputError(f"{name} is {value!r}, expected one of {', '.join(options)}")
