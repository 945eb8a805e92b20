"""A weight and the operation that uses it."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from quatrain.module import Module, Param


class Linear(Module):
    """``x @ weight.T + bias``. ``transposed``: the file stores [in, out] (GPT-2's Conv1D)."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True, transposed: bool = False):
        self.weight: Any = Param((outputs, inputs), "linear", transposed)
        self.bias: Any = Param((outputs,)) if bias else None

    def forward(self, op: Any, x: Any) -> Any:
        return op.linear(x, self.weight, self.bias)


class Conv1d(Module):
    """A convolution over ``size`` rows at a time; every ``stride``-th of them has a row after it.

    Its rows are those of ``layout.every(stride)``.
    """

    def __init__(self, inputs: int, outputs: int, *, size: int, stride: int = 1):
        self.weight: Any = Param((outputs, inputs, size), "convolution")
        self.bias: Any = Param((outputs,))
        self.stride = stride

    def forward(self, op: Any, x: Any, layout: Any) -> Any:
        return op.conv1d(x, self.weight, self.bias, layout, stride=self.stride)


class Embedding(Module):
    """Rows of a table; ``tied`` when an output head uses the same table."""

    def __init__(self, size: int, width: int, *, tied: bool = False):
        self.weight: Any = Param((size, width), "tied" if tied else "embedding")

    def forward(self, op: Any, ids: Any) -> Any:
        return op.embedding(ids, self.weight)


class ScaledEmbedding(Embedding):
    """Rows of a table times ``scale``."""

    def __init__(self, size: int, width: int, *, scale: float, tied: bool = False):
        super().__init__(size, width, tied=tied)
        self.scale = scale

    def forward(self, op: Any, ids: Any) -> Any:
        return op.mul(super().forward(op, ids), self.scale)


class LayerNorm(Module):
    """Layer normalisation with a learned scale and shift (Ba et al. 2016)."""

    def __init__(self, width: int, eps: float, *, bias: bool = True):
        self.weight: Any = Param((width,))
        self.bias: Any = Param((width,)) if bias else None
        self.eps = eps

    def forward(self, op: Any, x: Any) -> Any:
        return op.layer_norm(x, self.weight, self.bias, eps=self.eps)


class RMSNorm(Module):
    """Root-mean-square normalisation with a learned scale (Zhang and Sennrich 2019)."""

    def __init__(self, width: int, eps: float):
        self.weight: Any = Param((width,))
        self.eps = eps

    def forward(self, op: Any, x: Any, *, heads: int = 1) -> Any:
        return op.rms_norm(x, self.weight, eps=self.eps, heads=heads)


class UnitOffsetRMSNorm(RMSNorm):
    """The same, of a file that has w where the scale is 1 + w (Gemma)."""

    def __init__(self, width: int, eps: float):
        super().__init__(width, eps)
        self.weight = Param((width,), offset=1.0)


def optional_row(size: int) -> Param:
    """A vector that files store as one row ``[1, size]``; one without it means zeros."""
    return Param((size,), default=partial(np.zeros, size, np.float32), one_row=True)
