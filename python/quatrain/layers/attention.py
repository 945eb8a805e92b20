"""Attention layers with the names q_proj, k_proj, v_proj and out_proj."""

from __future__ import annotations

import math
from typing import Any

from quatrain.layers.basic import Linear
from quatrain.module import Module
from quatrain.state import SlotSpec


class Projections(Module):
    """The four matrices of an attention over ``heads`` equal parts of ``width``.

    ``key_bias``: whether keys have a bias where the others do (Whisper's have none).
    """

    def __init__(self, width: int, heads: int, *, bias: bool = True, key_bias: bool = True):
        self.heads, self.size = heads, width // heads
        self.scale = 1 / math.sqrt(self.size)
        self.q_proj = Linear(width, width, bias=bias)
        self.k_proj = Linear(width, width, bias=bias and key_bias)
        self.v_proj = Linear(width, width, bias=bias)
        self.out_proj = Linear(width, width, bias=bias)

    def cache(self, index: int, part: str) -> SlotSpec:
        """The slot of a state that it needs as the attention of block ``index``."""
        return SlotSpec(index, self.heads, self.size, self.size, part)


class SelfAttention(Projections):
    """Rows attend to rows of their own sentence; with ``causal``, not to later ones."""

    def __init__(self, width: int, heads: int, *, causal: bool = False, **biases: bool):
        super().__init__(width, heads, **biases)
        self.causal = causal

    def forward(self, op: Any, x: Any, layout: Any, slot: Any = None) -> Any:
        q, k, v = self.q_proj(op, x), self.k_proj(op, x), self.v_proj(op, x)
        x = op.attention(
            q, k, v, layout, heads=self.heads, scale=self.scale, causal=self.causal, slot=slot
        )
        return self.out_proj(op, x)


class CrossAttention(Projections):
    """Rows attend to a source, whose keys and values the encoder pass keeps once."""

    def remember(self, op: Any, source: Any, layout: Any, slot: Any) -> None:
        op.remember(self.k_proj(op, source), self.v_proj(op, source), layout, slot)

    def forward(self, op: Any, x: Any, layout: Any, slot: Any) -> Any:
        q = self.q_proj(op, x)
        x = op.attention(q, None, None, layout, heads=self.heads, scale=self.scale, slot=slot)
        return self.out_proj(op, x)
