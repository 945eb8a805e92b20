"""Self-attention over rotary positions, with the names of Llama's files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from quatrain.layers.basic import Linear
from quatrain.module import Module


@dataclass(frozen=True)
class RotaryHeads:
    """What an attention's heads are: ``count`` of queries that share ``kv_count`` of keys and
    values (Ainslie et al. 2023), of ``size`` values each. ``window``, ``softcap`` and ``causal``
    are those of ``op.attention``."""

    count: int
    kv_count: int
    size: int
    scale: float
    window: int | None = None
    softcap: float | None = None
    causal: bool = True

    def attend(self, op: Any, q: Any, k: Any, v: Any, rotary: Any, layout: Any, slot: Any) -> Any:
        """Turn queries and keys by their positions, then attend."""
        q = op.rope(q, *rotary, heads=self.count)
        k = op.rope(k, *rotary, heads=self.kv_count)
        return op.attention(
            q, k, v, layout, heads=self.count, kv_heads=self.kv_count, scale=self.scale,
            causal=self.causal, window=self.window, softcap=self.softcap, slot=slot,
        )  # fmt: skip


class RotaryAttention(Module):
    """One projection each for queries, keys, values and what becomes of them."""

    def __init__(
        self, width: int, heads: RotaryHeads, *, bias: bool = False, out_bias: bool = False
    ):
        self.heads = heads
        self.q_proj = Linear(width, heads.count * heads.size, bias=bias)
        self.k_proj = Linear(width, heads.kv_count * heads.size, bias=bias)
        self.v_proj = Linear(width, heads.kv_count * heads.size, bias=bias)
        self.o_proj = Linear(heads.count * heads.size, width, bias=out_bias)

    def forward(self, op: Any, x: Any, rotary: Any, layout: Any, slot: Any) -> Any:
        q, k, v = self.q_proj(op, x), self.k_proj(op, x), self.v_proj(op, x)
        return self.o_proj(op, self.heads.attend(op, q, k, v, rotary, layout, slot))


class FusedRotaryAttention(Module):
    """One projection for queries, keys and values together."""

    def __init__(self, width: int, heads: RotaryHeads):
        self.heads = heads
        self.sizes = tuple(n * heads.size for n in (heads.count, heads.kv_count, heads.kv_count))
        self.qkv_proj = Linear(width, sum(self.sizes), bias=False)
        self.o_proj = Linear(self.sizes[0], width, bias=False)

    def forward(self, op: Any, x: Any, rotary: Any, layout: Any, slot: Any) -> Any:
        q, k, v = op.split(self.qkv_proj(op, x), self.sizes)
        return self.o_proj(op, self.heads.attend(op, q, k, v, rotary, layout, slot))


class NormedRotaryAttention(RotaryAttention):
    """Every head's query and key is normalised before it turns (Henry et al. 2020).

    ``norm`` makes a norm of a width; its scale is the same for all heads.
    """

    def __init__(
        self, width: int, heads: RotaryHeads, *, norm: Callable[[int], Module], bias: bool = False
    ):
        super().__init__(width, heads, bias=bias, out_bias=bias)
        self.q_norm, self.k_norm = norm(heads.size), norm(heads.size)

    def forward(self, op: Any, x: Any, rotary: Any, layout: Any, slot: Any) -> Any:
        heads = self.heads
        q = self.q_norm(op, self.q_proj(op, x), heads=heads.count)
        k = self.k_norm(op, self.k_proj(op, x), heads=heads.kv_count)
        v = self.v_proj(op, x)
        return self.o_proj(op, heads.attend(op, q, k, v, rotary, layout, slot))
