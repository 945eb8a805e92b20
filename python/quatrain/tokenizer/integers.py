"""Integers that callers give: Python's and NumPy's, but no booleans."""

from __future__ import annotations

import operator
from typing import Any

from quatrain.errors import InputError

_MOST = 2**31 - 1


def to_int(value: Any) -> int | None:
    """An integer of any type as Python's; None for what is none."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def in_range(name: str, value: Any, least: int = 0, most: int = _MOST) -> int:
    """An integer of any type as Python's.

    Raises:
        InputError: it is none, or not in the range.
    """
    index = to_int(value)
    if index is None or not least <= index <= most:
        raise InputError(f"{name} is {value!r:.60}, expected an int from {least} to {most}")
    return index
