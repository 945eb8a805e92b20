"""Feed-forward layers."""

from __future__ import annotations

from typing import Any

from quatrain.layers.basic import Linear
from quatrain.module import Module


class GatedFeedForward(Module):
    """``down(activation(gate(x)) * up(x))`` (Shazeer 2020), with Llama's names."""

    def __init__(self, width: int, inner: int, *, activation: str, bias: bool = False):
        self.gate_proj = Linear(width, inner, bias=bias)
        self.up_proj = Linear(width, inner, bias=bias)
        self.down_proj = Linear(inner, width, bias=bias)
        self.activation = activation

    def forward(self, op: Any, x: Any) -> Any:
        gate, up = self.gate_proj(op, x), self.up_proj(op, x)
        return self.down_proj(op, op.gated(gate, up, activation=self.activation))
