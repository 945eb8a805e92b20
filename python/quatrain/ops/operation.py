"""What makes a method an operation: a name, a kind of result, a place in the vocabulary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Method = TypeVar("Method", bound=Callable[..., Any])

#: Kinds of value. ``rows``: one row per token (packed ``[N, ...]``, padded ``[B, T, ...]``).
#: ``sentence``: one row per sentence ``[B, ...]``. ``scores``: per sentence ``[H, T, S]``, and
#: ``cross`` the same over a source's keys. ``table``: no batch at all. When packed, rows and
#: sentences look alike, so the kind is declared.
KINDS = ("rows", "sentence", "scores", "cross", "table")


def operation(kind: str | None = None) -> Callable[[Method], Method]:
    """Declare a method of the vocabulary. ``kind``: its result's; None: its first argument's."""

    def declare(method: Method) -> Method:
        method.kind = kind  # type: ignore[attr-defined]
        return method

    return declare


def required(method: Method) -> Method:
    """An operation without a body here: every engine implements it."""
    method.required = True  # type: ignore[attr-defined]
    return method
