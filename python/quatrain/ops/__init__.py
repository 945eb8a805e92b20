"""The vocabulary: every operation a model may call, with its specification.

Three tiers. *Primitives* act on the last axes. *Row-wise* operations have a body in primitives
where one exists. *Layout-reading* operations are the only ones that know where a sentence
begins. An engine is a class that implements the required ones and overrides the rest at will.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from quatrain.ops.layout_reading import POOLINGS, LayoutReading, relative_buckets
from quatrain.ops.operation import KINDS
from quatrain.ops.rowwise import ACTIVATIONS

__all__ = ["ACTIVATIONS", "KINDS", "POOLINGS", "Ops", "relative_buckets"]


class Ops(LayoutReading):
    """All operations. ``names`` says whether calls are named (see ``quatrain.trace``)."""

    names = False

    @classmethod
    def operations(cls) -> Iterator[tuple[str, Callable[..., Any]]]:
        """Every operation of the vocabulary, by name."""
        for name in dir(cls):
            method = getattr(Ops, name, None)
            if method is not None and hasattr(method, "kind"):
                yield name, method
