"""How long encodings may and must be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from quatrain import _core
from quatrain.errors import InputError
from quatrain.tokenizer.integers import in_range

_core_spec = _core.tokenizer
_STRATEGIES = {
    "longest_first": _core_spec.TruncationSpec.Strategy.LONGEST_FIRST,
    "only_first": _core_spec.TruncationSpec.Strategy.ONLY_FIRST,
    "only_second": _core_spec.TruncationSpec.Strategy.ONLY_SECOND,
}

# No model reads more; a file that asks for gigabytes of padding is refused.
_LONGEST, _MOST = 2**24, 2**31 - 1

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
        _to_ints(self, max_length=_MOST, stride=_MOST)
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
            _to_ints(self, length=_LONGEST)
        _check_choice("direction", self.direction, "left", "right")
        _to_ints(self, multiple_of=_LONGEST, pad_id=_MOST, pad_type_id=_MOST)
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


def _to_ints(owner: Truncation | Padding, **largest: int) -> None:
    for name, most in largest.items():
        object.__setattr__(owner, name, in_range(name, getattr(owner, name), 0, most))


def _check_choice(name: str, value: object, *options: str) -> None:
    if not isinstance(value, str) or value not in options:
        raise InputError(f"{name} is {value!r}, expected one of {', '.join(options)}")
