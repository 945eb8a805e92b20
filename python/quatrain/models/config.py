"""Configs: the fields of a Hugging Face ``config.json`` that a family uses, typed and checked."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, Self, get_type_hints

from quatrain.errors import ConfigError
from quatrain.ops import ACTIVATIONS

#: No file describes more: a larger number is a mistake, and would cost memory before it is found.
LARGEST, MOST_LAYERS = 2**24, 4096


@dataclasses.dataclass(frozen=True)
class Config:
    """Base of every family's config: a frozen dataclass whose defaults are Hugging Face's.

    Fields of the file that the family does not declare are ignored; ``check`` refuses values
    that would change the numbers and are not supported.
    """

    @classmethod
    def from_dict(cls, fields: dict[str, Any], file: str) -> Self:
        """A config from ``config.json``'s fields. Raises ConfigError naming file and field."""
        kinds = get_type_hints(cls)
        values = {}
        for field in dataclasses.fields(cls):
            if field.name in fields:
                value = fields[field.name]
                if not matches(value, kinds[field.name]):
                    expected = getattr(kinds[field.name], "__name__", str(kinds[field.name]))
                    raise ConfigError(f"{file}: {field.name}: expected {expected}, found {value!r}")
                values[field.name] = value
            elif field.default is dataclasses.MISSING:
                raise ConfigError(f"{file}: {field.name} is missing")
        config = cls(**values)
        try:
            config.check()
        except ConfigError as e:
            raise ConfigError(f"{file}: {e}") from None
        return config

    def check(self) -> None:
        """Refuse what the family cannot compute; raises ConfigError naming the field."""


def matches(value: Any, kind: Any) -> bool:
    """Whether a JSON value fits a field's annotation (``int``, ``float``, ``X | None``, ...)."""
    if hasattr(kind, "__args__") and not isinstance(kind, type):
        return any(matches(value, option) for option in kind.__args__)
    if kind is type(None):
        return value is None
    if kind is float:
        # JSON has no infinity, but Python reads 1e999 as one.
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and abs(value) <= sys.float_info.max
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def positive(config: Config, *fields: str, most: int = LARGEST) -> None:
    """Each field must be from 1 to ``most``."""
    for field in fields:
        between(config, field, 1, most)


def layers(config: Config, *fields: str) -> None:
    """Each field is a number of blocks, which are made before any weight is looked at."""
    positive(config, *fields, most=MOST_LAYERS)


def between(config: Config, field: str, least: float, most: float) -> None:
    """The field must be from ``least`` to ``most``, or None where that is allowed."""
    value = getattr(config, field)
    if value is not None and not least <= value <= most:
        raise ConfigError(f"{field}: expected from {least} to {most}, found {value}")


def divides(config: Config, part: str, whole: str) -> None:
    """``whole`` must be a multiple of ``part``."""
    small, large = getattr(config, part), getattr(config, whole)
    if large % small:
        raise ConfigError(f"{whole}: expected a multiple of {part} ({small}), found {large}")


def one_of(config: Config, field: str, *choices: Any) -> None:
    """The field's value must be one of ``choices``."""
    if (found := getattr(config, field)) not in choices:
        raise ConfigError(f"{field}: {unsupported(found, choices)}")


def unsupported(found: Any, choices: Iterable[Any]) -> str:
    """What to say of a value that is none of ``choices``: these, and of words the nearest."""
    known = list(choices)
    said = f"expected {'one of ' * (len(known) > 1)}{', '.join(map(repr, known))}"
    words = [one for one in known if isinstance(one, str)]
    near = get_close_matches(found, words, 1, 0.0) if isinstance(found, str) else []
    hint = f" (the nearest is {near[0]!r})" if near and len(known) > 1 else ""
    return f"{said}, found {found!r:.60}{hint}"


def activation(config: Config, field: str) -> str:
    """The operation that an activation field names."""
    one_of(config, field, *ACTIVATIONS)
    return ACTIVATIONS[getattr(config, field)]
