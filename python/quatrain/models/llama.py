"""Llama (Touvron et al. 2023): pre-norm blocks with RMS norms, rotary positions, grouped heads
and a gated feed-forward."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from quatrain.errors import ConfigError
from quatrain.layers import Embedding, GatedFeedForward, Linear, RMSNorm, Rotary
from quatrain.models.config import (
    Config,
    activation,
    between,
    divides,
    layers,
    matches,
    positive,
)
from quatrain.models.shapes import Decoder, slot_of
from quatrain.module import Module
from quatrain.state import SlotSpec


@dataclass(frozen=True)
class LlamaConfig(Config):
    """``model_type`` "llama"."""

    vocab_size: int = 32000
    hidden_size: int = 4096
    intermediate_size: int = 11008
    num_hidden_layers: int = 32
    num_attention_heads: int = 32
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    hidden_act: str = "silu"
    max_position_embeddings: int = 2048
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10000.0
    rope_scaling: dict | None = None
    rope_parameters: dict | None = None
    attention_bias: bool = False
    mlp_bias: bool = False
    tie_word_embeddings: bool = False

    @property
    def kv_heads(self) -> int:
        return self.num_key_value_heads or self.num_attention_heads

    @property
    def head_size(self) -> int:
        return self.head_dim or self.hidden_size // self.num_attention_heads

    @property
    def theta(self) -> float:
        """The base of the rotary frequencies, which newer files keep in ``rope_parameters``."""
        rope = self.rope_scaling or self.rope_parameters or {}
        return rope.get("rope_theta", self.rope_theta)

    def check(self) -> None:
        layers(self, "num_hidden_layers")
        positive(self, "vocab_size", "hidden_size", "intermediate_size")
        positive(self, "num_attention_heads", "num_key_value_heads", "head_dim")
        positive(self, "max_position_embeddings")
        if self.head_dim is None:
            divides(self, "num_attention_heads", "hidden_size")
        if self.num_attention_heads % self.kv_heads:
            raise ConfigError(
                f"num_attention_heads: expected a multiple of num_key_value_heads "
                f"({self.kv_heads}), found {self.num_attention_heads}"
            )
        if self.head_size % 2:
            raise ConfigError(f"head_dim: expected an even number, found {self.head_size}")
        between(self, "rms_norm_eps", 0, 1)
        between(self, "rope_theta", 1, 1e30)
        for field in ("rope_scaling", "rope_parameters"):
            rope = getattr(self, field) or {}
            # Older files call it "type".
            kind = rope.get("rope_type", rope.get("type", "default"))
            if kind != "default":
                raise ConfigError(f"{field}: expected rope_type 'default', found {kind!r}")
            theta = rope.get("rope_theta", 1.0)
            if not matches(theta, float) or not 1 <= theta <= 1e30:
                raise ConfigError(f"{field}: rope_theta: expected from 1 to 1e30, found {theta!r}")
        activation(self, "hidden_act")


class Attention(Module):
    def __init__(self, config: LlamaConfig, index: int):
        width, size, bias = config.hidden_size, config.head_size, config.attention_bias
        self.index, self.heads, self.kv_heads = index, config.num_attention_heads, config.kv_heads
        self.scale = 1 / math.sqrt(size)
        self.q_proj = Linear(width, self.heads * size, bias=bias)
        self.k_proj = Linear(width, self.kv_heads * size, bias=bias)
        self.v_proj = Linear(width, self.kv_heads * size, bias=bias)
        self.o_proj = Linear(self.heads * size, width, bias=bias)

    def forward(self, op: Any, x: Any, rotary: Any, layout: Any, state: Any) -> Any:
        q, k, v = self.q_proj(op, x), self.k_proj(op, x), self.v_proj(op, x)
        q = op.rope(q, *rotary, heads=self.heads)
        k = op.rope(k, *rotary, heads=self.kv_heads)
        slot = slot_of(state, self.index)
        x = op.attention(
            q, k, v, layout, heads=self.heads, kv_heads=self.kv_heads, scale=self.scale,
            causal=True, slot=slot,
        )  # fmt: skip
        return self.o_proj(op, x)


class Block(Module):
    def __init__(self, config: LlamaConfig, index: int):
        width, eps = config.hidden_size, config.rms_norm_eps
        self.input_layernorm = RMSNorm(width, eps)
        self.self_attn = Attention(config, index)
        self.post_attention_layernorm = RMSNorm(width, eps)
        self.mlp = GatedFeedForward(
            width,
            config.intermediate_size,
            activation=activation(config, "hidden_act"),
            bias=config.mlp_bias,
        )

    def forward(self, op: Any, x: Any, rotary: Any, layout: Any, state: Any) -> Any:
        x = op.add(x, self.self_attn(op, self.input_layernorm(op, x), rotary, layout, state))
        return op.add(x, self.mlp(op, self.post_attention_layernorm(op, x)))


class Llama(Decoder):
    """The language model; its weights have the names of ``LlamaForCausalLM``."""

    config: LlamaConfig
    config_class = LlamaConfig
    prefixes = ("model.",)
    ignored = (r"layers\.\d+\.self_attn\.rotary_emb\.inv_freq",)
    duplicates = {"lm_head.weight": "embed_tokens.weight"}  # noqa: RUF012

    def __init__(self, config: LlamaConfig):
        self.config = config
        self.vocab_size, self.context = config.vocab_size, config.max_position_embeddings
        width, tied = config.hidden_size, config.tie_word_embeddings
        self.embed_tokens = Embedding(config.vocab_size, width, tied=tied)
        self.rotary_emb = Rotary(config.head_size, config.theta)
        self.layers = [Block(config, i) for i in range(config.num_hidden_layers)]
        self.norm = RMSNorm(width, config.rms_norm_eps)
        self.lm_head = Linear(width, config.vocab_size, bias=False)
        if tied:
            self.lm_head.weight = self.embed_tokens.weight

    def slots(self) -> list[SlotSpec]:
        config = self.config
        size = config.head_size
        return [SlotSpec(i, config.kv_heads, size, size) for i in range(config.num_hidden_layers)]

    def hidden(self, op: Any, ids: Any, layout: Any, state: Any = None) -> Any:
        x, rotary = self.embed_tokens(op, ids), self.rotary_emb(op, layout)
        for block in self.layers:
            x = block(op, x, rotary, layout, state)
        return self.norm(op, x)

    def head(self, op: Any, x: Any) -> Any:
        return self.lm_head(op, x)
