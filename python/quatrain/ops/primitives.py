"""Primitives: the smallest steps. They act on the last axes only, so that a model never learns
whether its rows are packed ``[N, D]`` or padded ``[B, T, D]``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from quatrain.ops.operation import operation, required

Tensor = Any


class Primitives:
    """Element-wise and shape operations that every engine implements itself."""

    @required
    @operation()
    def add(self, x: Tensor, y: Tensor | float) -> Tensor:
        """``x + y``; ``y`` has x's shape, is one value a row ``[..., 1]``, a vector over the last
        axis, or a number."""
        raise NotImplementedError

    @required
    @operation()
    def mul(self, x: Tensor, y: Tensor | float) -> Tensor:
        """``x * y``; ``y`` has x's shape, is one value a row ``[..., 1]``, a vector over the last
        axis, or a number."""
        raise NotImplementedError

    @required
    @operation()
    def tanh(self, x: Tensor) -> Tensor:
        """Hyperbolic tangent, element-wise."""
        raise NotImplementedError

    @required
    @operation()
    def relu(self, x: Tensor) -> Tensor:
        """``max(x, 0)``, element-wise."""
        raise NotImplementedError

    @required
    @operation()
    def sigmoid(self, x: Tensor) -> Tensor:
        """``1 / (1 + exp(-x))``, element-wise."""
        raise NotImplementedError

    @required
    @operation()
    def erf(self, x: Tensor) -> Tensor:
        """The Gauss error function, element-wise."""
        raise NotImplementedError

    @required
    @operation()
    def rsqrt(self, x: Tensor) -> Tensor:
        """``1 / sqrt(x)``, element-wise."""
        raise NotImplementedError

    @required
    @operation()
    def mean(self, x: Tensor) -> Tensor:
        """Mean over the last axis, which stays with size 1: ``[..., D] -> [..., 1]``."""
        raise NotImplementedError

    @required
    @operation()
    def softmax(self, x: Tensor) -> Tensor:
        """``exp(x - max) / sum(exp(x - max))`` over the last axis (ONNX Softmax, axis -1)."""
        raise NotImplementedError

    @required
    @operation()
    def split(self, x: Tensor, sizes: Sequence[int]) -> tuple[Tensor, ...]:
        """Cut the last axis into pieces of the given sizes, which add up to it."""
        raise NotImplementedError

    @required
    @operation()
    def concat(self, *parts: Tensor) -> Tensor:
        """Join along the last axis."""
        raise NotImplementedError

    @required
    @operation()
    def split_heads(self, x: Tensor, heads: int) -> Tensor:
        """``[..., H*D] -> [..., H, D]``; nothing moves in memory."""
        raise NotImplementedError

    @required
    @operation()
    def merge_heads(self, x: Tensor) -> Tensor:
        """``[..., H, D] -> [..., H*D]``; undoes ``split_heads``."""
        raise NotImplementedError
