"""The keys, values or items of a dict, as templates see them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from jinja2.exceptions import SecurityError


class View:
    """What ``dict.keys``, ``values`` or ``items`` gives, without what makes it a set.

    Python's views hash the values of the dict when they are compared or subtracted.
    """

    __slots__ = ("_held", "_kind")

    def __init__(self, kind: str, values: dict[Any, Any]):
        self._kind = kind
        self._held = list(getattr(values, kind)())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def __repr__(self) -> str:
        return f"dict_{self._kind}({self._held!r})"

    def __eq__(self, other: object) -> NoReturn:
        raise SecurityError(f"a comparison of dict.{self._kind}() is not supported")


def held(view: View) -> list[Any]:
    """What a view holds."""
    return view._held
