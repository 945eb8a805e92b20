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


class FusedGatedFeedForward(Module):
    """The same with one matrix for the gate and what it gates, with Phi-3's names."""

    def __init__(self, width: int, inner: int, *, activation: str):
        self.gate_up_proj = Linear(width, 2 * inner, bias=False)
        self.down_proj = Linear(inner, width, bias=False)
        self.inner, self.activation = inner, activation

    def forward(self, op: Any, x: Any) -> Any:
        gate, up = op.split(self.gate_up_proj(op, x), (self.inner, self.inner))
        return self.down_proj(op, op.gated(gate, up, activation=self.activation))
