"""GPT-2 (Radford et al. 2019): pre-norm blocks, learned positions, a head tied to the embedding."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from quatrain.layers import Embedding, LayerNorm, Learned, Linear
from quatrain.models.config import Config, activation, between, divides, layers, one_of, positive
from quatrain.models.shapes import Decoder, slot_of
from quatrain.module import Module
from quatrain.state import SlotSpec


@dataclass(frozen=True)
class GPT2Config(Config):
    """``model_type`` "gpt2"."""

    vocab_size: int = 50257
    n_positions: int = 1024
    n_embd: int = 768
    n_layer: int = 12
    n_head: int = 12
    n_inner: int | None = None
    activation_function: str = "gelu_new"
    layer_norm_epsilon: float = 1e-5
    scale_attn_weights: bool = True
    scale_attn_by_inverse_layer_idx: bool = False
    tie_word_embeddings: bool = True
    add_cross_attention: bool = False

    def check(self) -> None:
        layers(self, "n_layer")
        positive(self, "vocab_size", "n_positions", "n_embd", "n_head", "n_inner")
        between(self, "layer_norm_epsilon", 0, 1)
        divides(self, "n_head", "n_embd")
        one_of(self, "add_cross_attention", False)
        activation(self, "activation_function")


class Attention(Module):
    def __init__(self, config: GPT2Config, index: int):
        width = config.n_embd
        self.index, self.heads, self.width = index, config.n_head, width
        self.scale = 1 / math.sqrt(width // config.n_head) if config.scale_attn_weights else 1.0
        if config.scale_attn_by_inverse_layer_idx:
            self.scale /= index + 1
        self.c_attn = Linear(width, 3 * width, transposed=True)
        self.c_proj = Linear(width, width, transposed=True)

    def forward(self, op: Any, x: Any, layout: Any, state: Any) -> Any:
        q, k, v = op.split(self.c_attn(op, x), (self.width,) * 3)
        slot = slot_of(state, self.index)
        x = op.attention(
            q, k, v, layout, heads=self.heads, scale=self.scale, causal=True, slot=slot
        )
        return self.c_proj(op, x)


class FeedForward(Module):
    def __init__(self, config: GPT2Config):
        inner = config.n_inner or 4 * config.n_embd
        self.c_fc = Linear(config.n_embd, inner, transposed=True)
        self.c_proj = Linear(inner, config.n_embd, transposed=True)
        self.activation = activation(config, "activation_function")

    def forward(self, op: Any, x: Any) -> Any:
        return self.c_proj(op, op.activation(self.c_fc(op, x), self.activation))


class Block(Module):
    def __init__(self, config: GPT2Config, index: int):
        self.ln_1 = LayerNorm(config.n_embd, config.layer_norm_epsilon)
        self.attn = Attention(config, index)
        self.ln_2 = LayerNorm(config.n_embd, config.layer_norm_epsilon)
        self.mlp = FeedForward(config)

    def forward(self, op: Any, x: Any, layout: Any, state: Any) -> Any:
        x = op.add(x, self.attn(op, self.ln_1(op, x), layout, state))
        return op.add(x, self.mlp(op, self.ln_2(op, x)))


class GPT2(Decoder):
    """The language model; its weights have the names of ``GPT2LMHeadModel``."""

    config: GPT2Config
    config_class = GPT2Config
    prefixes = ("transformer.",)
    ignored = (r"h\.\d+\.attn\.(bias|masked_bias)",)
    duplicates = {"lm_head.weight": "wte.weight"}  # noqa: RUF012

    def __init__(self, config: GPT2Config):
        self.config = config
        self.vocab_size, self.context = config.vocab_size, config.n_positions
        self.width = config.n_embd
        self.wte = Embedding(config.vocab_size, config.n_embd, tied=config.tie_word_embeddings)
        self.wpe = Learned(config.n_positions, config.n_embd)
        self.h = [Block(config, i) for i in range(config.n_layer)]
        self.ln_f = LayerNorm(config.n_embd, config.layer_norm_epsilon)
        self.lm_head = Linear(config.n_embd, config.vocab_size, bias=False)
        if config.tie_word_embeddings:
            self.lm_head.weight = self.wte.weight

    def slots(self) -> list[SlotSpec]:
        config = self.config
        size = config.n_embd // config.n_head
        return [SlotSpec(i, config.n_head, size, size) for i in range(config.n_layer)]

    def hidden(self, op: Any, ids: Any, layout: Any, state: Any = None) -> Any:
        x = op.add(self.wte(op, ids), self.wpe(op, layout))
        for block in self.h:
            x = block(op, x, layout, state)
        return self.ln_f(op, x)

    def head(self, op: Any, x: Any) -> Any:
        return self.lm_head(op, x)
