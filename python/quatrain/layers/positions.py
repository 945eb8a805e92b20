"""Positions as rows of a table or as biases of scores; ``rotary`` has those that turn."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from quatrain.layers.basic import Embedding
from quatrain.module import Module, Param


class Learned(Embedding):
    """A learned row for every position; the first token's is row ``start``."""

    def __init__(self, size: int, width: int, *, start: int = 0):
        super().__init__(size, width)
        self.start = start

    def forward(self, op: Any, layout: Any) -> Any:
        return op.embedding(op.positions(layout, start=self.start), self.weight)


class Sinusoidal(Learned):
    """Sines and cosines of each position, in one of ``SINUSOIDS``; a file may hold the table."""

    def __init__(self, size: int, width: int, *, form: str, start: int = 0):
        super().__init__(size, width, start=start)
        self.weight.default = partial(sinusoids, size, width, form=form)


#: Forms of ``sinusoids``.
SINUSOIDS = ("paper", "marian", "tensor2tensor")


def sinusoids(size: int, width: int, *, form: str) -> np.ndarray:
    """sin and cos of ``position * 10000^(-i / n)``, i < width / 2: float32 ``[size, width]``.

    "paper": a sine and a cosine by turns, n = width / 2 (Vaswani et al. 2017). "marian": all sines,
    then all cosines, with the same n (opus-mt, as transformers computes it). "tensor2tensor":
    likewise with n = width / 2 - 1 (the paper's own code; fairseq; the marian program).
    """
    pairs = width // 2
    steps = max(pairs - 1, 1) if form == "tensor2tensor" else pairs
    angle = np.arange(size)[:, None] * 10000.0 ** (-np.arange(pairs) / steps)
    table = np.empty((size, pairs, 2) if form == "paper" else (size, 2, pairs), np.float32)
    sines, cosines = np.moveaxis(table, 2 if form == "paper" else 1, 0)
    np.sin(angle, out=sines, casting="same_kind")
    np.cos(angle, out=cosines, casting="same_kind")
    return table.reshape(size, width)


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
