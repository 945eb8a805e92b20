"""Positions that are learned; ``rotary`` has those that are computed."""

from __future__ import annotations

from typing import Any

from quatrain.layers.basic import Embedding
from quatrain.module import Module, Param


class Learned(Embedding):
    """A learned row for every position; the first token's is row ``start``."""

    def __init__(self, size: int, width: int, *, start: int = 0):
        super().__init__(size, width)
        self.start = start

    def forward(self, op: Any, layout: Any) -> Any:
        return op.embedding(op.positions(layout, start=self.start), self.weight)


class RelativeBias(Module):
    """A learned bias of the scores for every head and bucket of distance (Raffel et al. 2020)."""

    def __init__(self, buckets: int, heads: int, *, max_distance: int, bidirectional: bool):
        self.weight: Any = Param((buckets, heads))
        self.buckets, self.max_distance = buckets, max_distance
        self.bidirectional = bidirectional

    def forward(self, op: Any, layout: Any) -> Any:
        return op.relative_bias(
            self.weight,
            layout,
            bidirectional=self.bidirectional,
            buckets=self.buckets,
            max_distance=self.max_distance,
        )
