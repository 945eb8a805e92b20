"""Encoders and decoders in the shape of the first Transformer (Vaswani et al. 2017).

The names are BART's, which Marian, mBART and Whisper have too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from quatrain.layers.basic import Embedding, LayerNorm, Linear
from quatrain.layers.residual import Residual, post_norm
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


@dataclass(frozen=True)
class Parts:
    """What blocks are made of: sizes, the place of their norms, and which layers have a bias."""

    width: int
    heads: int
    inner: int
    activation: str
    residual: Residual = post_norm
    eps: float = 1e-5
    bias: bool = True
    key_bias: bool = True


class Block(Module):
    """Self-attention, then two linear layers with an activation between them."""

    def __init__(self, parts: Parts, *, causal: bool):
        width, bias = parts.width, parts.bias
        self.residual, self.activation = parts.residual, parts.activation
        self.self_attn = SelfAttention(
            width, parts.heads, causal=causal, bias=bias, key_bias=parts.key_bias
        )
        self.self_attn_layer_norm = LayerNorm(width, parts.eps)
        self.fc1 = Linear(width, parts.inner, bias=bias)
        self.fc2 = Linear(parts.inner, width, bias=bias)
        self.final_layer_norm = LayerNorm(width, parts.eps)

    def feed_forward(self, op: Any, x: Any) -> Any:
        return self.fc2(op, op.activation(self.fc1(op, x), self.activation))


class EncoderBlock(Block):
    def __init__(self, parts: Parts):
        super().__init__(parts, causal=False)

    def forward(self, op: Any, x: Any, layout: Any) -> Any:
        around = self.residual
        x = around(op, x, self.self_attn_layer_norm, lambda y: self.self_attn(op, y, layout))
        return around(op, x, self.final_layer_norm, lambda y: self.feed_forward(op, y))


class DecoderBlock(Block):
    """Between the two it attends to the source."""

    def __init__(self, parts: Parts):
        super().__init__(parts, causal=True)
        self.encoder_attn = CrossAttention(
            parts.width, parts.heads, bias=parts.bias, key_bias=parts.key_bias
        )
        self.encoder_attn_layer_norm = LayerNorm(parts.width, parts.eps)

    def forward(self, op: Any, x: Any, layout: Any, slot: Any, source: Any) -> Any:
        around = self.residual
        x = around(op, x, self.self_attn_layer_norm, lambda y: self.self_attn(op, y, layout, slot))
        x = around(
            op, x, self.encoder_attn_layer_norm, lambda y: self.encoder_attn(op, y, layout, source)
        )
        return around(op, x, self.final_layer_norm, lambda y: self.feed_forward(op, y))


class Stack(Module):
    """Ids to rows: embeddings times ``scale`` and positions, blocks, and norms where given."""

    def __init__(
        self,
        embed_tokens: Embedding,
        embed_positions: Module | None,
        layers: list[Any],
        *,
        scale: float = 1.0,
        layernorm_embedding: LayerNorm | None = None,
        layer_norm: LayerNorm | None = None,
    ):
        self.scale = scale
        self.embed_tokens = embed_tokens
        self.embed_positions = embed_positions
        self.layernorm_embedding = layernorm_embedding
        self.layers = layers
        self.layer_norm = layer_norm

    def embed(self, op: Any, ids: Any, layout: Any) -> Any:
        x = self.embed_tokens(op, ids)
        if self.scale != 1:
            x = op.mul(x, self.scale)
        if self.embed_positions is not None:
            x = op.add(x, self.embed_positions(op, layout))
        return x if self.layernorm_embedding is None else self.layernorm_embedding(op, x)

    def finish(self, op: Any, x: Any) -> Any:
        return x if self.layer_norm is None else self.layer_norm(op, x)


class EncoderStack(Stack):
    def forward(self, op: Any, ids: Any, layout: Any) -> Any:
        x = self.embed(op, ids, layout)
        for layer in self.layers:
            x = layer(op, x, layout)
        return self.finish(op, x)


class DecoderStack(Stack):
    def forward(self, op: Any, ids: Any, layout: Any, state: Any) -> Any:
        x = self.embed(op, ids, layout)
        for i, layer in enumerate(self.layers):
            x = layer(op, x, layout, state.slot(i, "decoder"), state.slot(i, "encoder"))
        return self.finish(op, x)

    def remember(self, op: Any, source: Any, layout: Any, state: Any) -> None:
        """Keep every block's cross keys and values of the encoder's rows."""
        for i, layer in enumerate(self.layers):
            layer.encoder_attn.remember(op, source, layout, state.slot(i, "encoder"))

    def slots(self) -> list[SlotSpec]:
        """Two caches a block: of its own rows, and of the source's."""
        return [
            attention.cache(i, part)
            for i, layer in enumerate(self.layers)
            for attention, part in (
                (layer.self_attn, "decoder"),
                (layer.encoder_attn, "encoder"),
            )
        ]
