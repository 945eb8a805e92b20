"""Positions: rows of a table, learned or computed."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from quatrain.module import Module, Param


class LearnedPositions(Module):
    """A learned vector for each of ``count`` positions, the first one in row ``offset``."""

    def __init__(self, count: int, width: int, *, offset: int = 0):
        self.weight: Any = Param((count + offset, width), "embedding")
        self.offset = offset

    def forward(self, op: Any, layout: Any) -> Any:
        return op.embedding(op.positions(layout, start=self.offset), self.weight)


class SinusoidalPositions(LearnedPositions):
    """Sines and cosines of each position, in one of ``SINUSOIDS``; a file may hold the table."""

    def __init__(self, count: int, width: int, *, form: str, offset: int = 0):
        super().__init__(count, width, offset=offset)
        self.weight.default = partial(sinusoids, count + offset, width, form=form)


#: Forms of ``sinusoids``.
SINUSOIDS = ("paper", "marian", "tensor2tensor")


def sinusoids(count: int, width: int, *, form: str) -> np.ndarray:
    """sin and cos of ``position * 10000^(-i / n)``, i < width / 2: float32 ``[count, width]``.

    "paper": a sine and a cosine by turns, n = width / 2 (Vaswani et al. 2017). "marian": all sines,
    then all cosines, with the same n (opus-mt, as transformers computes it). "tensor2tensor":
    likewise with n = width / 2 - 1 (the paper's own code; fairseq; the marian program).
    """
    pairs = width // 2
    steps = max(pairs - 1, 1) if form == "tensor2tensor" else pairs
    angle = np.arange(count)[:, None] * 10000.0 ** (-np.arange(pairs) / steps)
    table = np.empty((count, pairs, 2) if form == "paper" else (count, 2, pairs), np.float32)
    sines, cosines = np.moveaxis(table, 2 if form == "paper" else 1, 0)
    np.sin(angle, out=sines, casting="same_kind")
    np.cos(angle, out=cosines, casting="same_kind")
    return table.reshape(count, width)
