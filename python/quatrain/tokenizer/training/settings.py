"""What each algorithm can be told, checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from quatrain.errors import InputError
from quatrain.tokenizer.integers import in_range

_MOST = 2**31 - 1


def count(smallest: int, largest: int = _MOST) -> Callable[[str, object], int]:
    """A check that a setting is an int in a range."""

    def check(name: str, value: object) -> int:
        return in_range(name, value, smallest, largest)

    return check


def text(name: str, value: object) -> str:
    """Checks that a setting is text that UTF-8 can express."""
    if not isinstance(value, str):
        raise InputError(f"{name} is {value!r}, expected a str")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InputError(f"{name} has a lone surrogate, which UTF-8 cannot express") from None
    return value


def special(tokens: object) -> None:
    """Checks a list of special tokens."""
    if isinstance(tokens, str) or not isinstance(tokens, Sequence):
        raise InputError(f"special_tokens is a {type(tokens).__name__}, expected a list of str")
    for token in tokens:
        if not text("a special token", token):
            raise InputError("a special token is empty")


def _characters(name: str, value: Any) -> str:
    try:
        characters = "".join(value)
    except TypeError:
        raise InputError(f"{name} is {value!r:.60}, expected characters") from None
    return text(name, characters)


def _factor(name: str, value: object) -> float:
    if not isinstance(value, float) or not 0 < value < 1:
        raise InputError(f"{name} is {value!r}, expected a float between 0 and 1")
    return value


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "min_frequency": count(0),
    "limit_alphabet": count(0),
    "initial_alphabet": _characters,
    "continuing_subword_prefix": text,
    "end_of_word_suffix": text,
    "max_token_length": count(0),
    "max_piece_length": count(1, 255),
    "seed_size": count(0, 2**23),
    "sub_iterations": count(1, 1000),
    "shrinking_factor": _factor,
}
_WORDPIECE = (
    *("min_frequency", "limit_alphabet", "initial_alphabet"),
    *("continuing_subword_prefix", "max_token_length"),
)
_SETTINGS = {
    "wordpiece": _WORDPIECE,
    "bpe": (*_WORDPIECE, "end_of_word_suffix"),
    "unigram": (
        *("initial_alphabet", "max_piece_length", "seed_size"),
        *("sub_iterations", "shrinking_factor"),
    ),
}


def checked(algorithm: str, given: dict[str, Any]) -> dict[str, Any]:
    """The settings that were given (that are not None).

    Raises:
        InputError: a setting is out of range, or means nothing to the algorithm.
    """
    settings = {name: value for name, value in given.items() if value is not None}
    for name in settings.keys() - _SETTINGS[algorithm]:
        known = ", ".join(_SETTINGS[algorithm])
        raise InputError(f"{name} means nothing to {algorithm!r}, which knows {known}")
    return {name: _CHECKS[name](name, value) for name, value in settings.items()}
