"""What sentence-transformers puts behind an encoder: rows become one vector of a sentence."""

from __future__ import annotations

from typing import Any

from quatrain.layers.basic import LayerNorm, Linear
from quatrain.module import Module


class SentenceModule(Module):
    """One step, ``forward(op, x, layout)``; it gives vectors of ``outputs`` values."""

    outputs: int


class Pooling(SentenceModule):
    """A sentence's rows pooled (``op.pool``) in one way, or in several, side by side."""

    def __init__(self, width: int, kinds: tuple[str, ...]):
        self.kinds, self.outputs = kinds, len(kinds) * width

    def forward(self, op: Any, x: Any, layout: Any) -> Any:
        vectors = [op.pool(x, layout, kind=kind) for kind in self.kinds]
        return vectors[0] if len(vectors) == 1 else op.concat(*vectors)


class Dense(SentenceModule):
    """``activation(linear(x))``; without ``activation``, the product as it is."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool, activation: str | None):
        self.linear = Linear(inputs, outputs, bias=bias)
        self.activation, self.outputs = activation, outputs

    def forward(self, op: Any, x: Any, layout: Any) -> Any:
        x = self.linear(op, x)
        return x if self.activation is None else op.activation(x, self.activation)


class ResidualDense(Dense):
    """``Dense``, and x itself is added, by another matrix where its size is another."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool, activation: str | None):
        super().__init__(inputs, outputs, bias=bias, activation=activation)
        self.residual = None if inputs == outputs else Linear(inputs, outputs, bias=False)

    def forward(self, op: Any, x: Any, layout: Any) -> Any:
        y = super().forward(op, x, layout)
        return op.add(y, x if self.residual is None else self.residual(op, x))


class Norm(SentenceModule):
    """A layer norm of the vector."""

    def __init__(self, width: int):
        self.norm, self.outputs = LayerNorm(width, 1e-5), width

    def forward(self, op: Any, x: Any, layout: Any) -> Any:
        return self.norm(op, x)


class Normalize(SentenceModule):
    """The vector with length 1."""

    def __init__(self, width: int):
        self.outputs = width

    def forward(self, op: Any, x: Any, layout: Any) -> Any:
        return op.l2_normalize(x)
