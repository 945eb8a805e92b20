"""Blocks: where the norms go around an attention and a feed-forward, with Llama's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from quatrain.module import Module


class PreNormBlock(Module):
    """``x + attention(norm(x))``, then ``x + mlp(norm(x))`` (Xiong et al. 2020)."""

    def __init__(self, attention: Module, mlp: Module, norm: Callable[[], Module]):
        self.input_layernorm = norm()
        self.self_attn = attention
        self.post_attention_layernorm = norm()
        self.mlp = mlp

    def forward(self, op: Any, x: Any, rotary: Any, layout: Any, slot: Any) -> Any:
        x = op.add(x, self.self_attn(op, self.input_layernorm(op, x), rotary, layout, slot))
        return op.add(x, self.mlp(op, self.post_attention_layernorm(op, x)))


class SandwichBlock(Module):
    """``x + norm(attention(norm(x)))``, then ``x + norm(mlp(norm(x)))`` (Ding et al. 2021)."""

    def __init__(self, attention: Module, mlp: Module, norm: Callable[[], Module]):
        self.input_layernorm = norm()
        self.self_attn = attention
        self.post_attention_layernorm = norm()
        self.pre_feedforward_layernorm = norm()
        self.mlp = mlp
        self.post_feedforward_layernorm = norm()

    def forward(self, op: Any, x: Any, rotary: Any, layout: Any, slot: Any) -> Any:
        attended = self.self_attn(op, self.input_layernorm(op, x), rotary, layout, slot)
        x = op.add(x, self.post_attention_layernorm(op, attended))
        fed = self.mlp(op, self.pre_feedforward_layernorm(op, x))
        return op.add(x, self.post_feedforward_layernorm(op, fed))
