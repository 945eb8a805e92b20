"""Where a block's norm stands: before a part of it, or after what the part is added to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: ``(op, x, norm, part)``: the rows after ``part``, with ``norm`` in its place.
Residual = Callable[[Any, Any, Any, Callable[[Any], Any]], Any]


def pre_norm(op: Any, x: Any, norm: Any, part: Callable[[Any], Any]) -> Any:
    """``x + part(norm(x))``: nothing is done to the sum (Baevski and Auli 2019)."""
    return op.add(x, part(norm(op, x)))


def post_norm(op: Any, x: Any, norm: Any, part: Callable[[Any], Any]) -> Any:
    """``norm(x + part(x))``, as in the first Transformer (Vaswani et al. 2017)."""
    return norm(op, op.add(x, part(x)))
