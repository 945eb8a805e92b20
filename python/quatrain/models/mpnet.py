"""MPNet (Song et al. 2020): BERT's blocks, and a relative bias of the scores that all share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from quatrain.layers import Embeddings, LayerNorm, Linear, RelativeBias
from quatrain.models.bert import BertConfig, Intermediate, Output, PooledEncoder, Pooler
from quatrain.models.config import LARGEST, between, one_of
from quatrain.module import Module

#: Of the distances of the bias. No file says others.
BUCKETS, MAX_DISTANCE = 32, 128


@dataclass(frozen=True)
class MPNetConfig(BertConfig):
    """``model_type`` "mpnet"."""

    vocab_size: int = 30527
    relative_attention_num_buckets: int = BUCKETS

    @property
    def first_position(self) -> int:
        # Whatever the padding's id: MPNet's own code has it fixed.
        return 2

    def check(self) -> None:
        super().check()
        between(self, "max_position_embeddings", self.first_position + 1, LARGEST)
        one_of(self, "relative_attention_num_buckets", BUCKETS)


class SelfAttention(Module):
    def __init__(self, config: MPNetConfig):
        width = config.hidden_size
        self.heads = config.num_attention_heads
        self.scale = 1 / math.sqrt(width // self.heads)
        self.q = Linear(width, width)
        self.k = Linear(width, width)
        self.v = Linear(width, width)
        self.o = Linear(width, width)

    def forward(self, op: Any, x: Any, layout: Any, bias: Any) -> Any:
        q, k, v = self.q(op, x), self.k(op, x), self.v(op, x)
        x = op.attention(q, k, v, layout, heads=self.heads, scale=self.scale, bias=bias)
        return self.o(op, x)


class Attention(Module):
    def __init__(self, config: MPNetConfig):
        self.attn = SelfAttention(config)
        self.LayerNorm = LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, op: Any, x: Any, layout: Any, bias: Any) -> Any:
        return self.LayerNorm(op, op.add(self.attn(op, x, layout, bias), x))


class Layer(Module):
    def __init__(self, config: MPNetConfig):
        self.attention = Attention(config)
        self.intermediate = Intermediate(config)
        self.output = Output(config.intermediate_size, config)

    def forward(self, op: Any, x: Any, layout: Any, bias: Any) -> Any:
        x = self.attention(op, x, layout, bias)
        return self.output(op, self.intermediate(op, x), x)


class Stack(Module):
    def __init__(self, config: MPNetConfig):
        self.layer = [Layer(config) for _ in range(config.num_hidden_layers)]
        self.relative_attention_bias = RelativeBias(
            BUCKETS, config.num_attention_heads, max_distance=MAX_DISTANCE, bidirectional=True
        )

    def forward(self, op: Any, x: Any, layout: Any) -> Any:
        bias = self.relative_attention_bias(op, layout)
        for layer in self.layer:
            x = layer(op, x, layout, bias)
        return x


class MPNet(PooledEncoder):
    """The encoder; its weights have the names of ``MPNetModel``."""

    config: MPNetConfig
    config_class = MPNetConfig
    prefixes = ("mpnet.",)
    ignored = (r"embeddings\.position_ids", r"lm_head\..*")

    def __init__(self, config: MPNetConfig):
        self.config = config
        self.vocab_size, self.width = config.vocab_size, config.hidden_size
        self.context = config.max_position_embeddings - config.first_position
        self.embeddings = Embeddings(
            config.vocab_size,
            config.max_position_embeddings,
            config.hidden_size,
            config.layer_norm_eps,
            start=config.first_position,
        )
        self.encoder = Stack(config)
        self.pooler = Pooler(config)

    def hidden(self, op: Any, ids: Any, layout: Any, state: None = None, **inputs: Any) -> Any:
        return self.encoder(op, self.embeddings(op, ids, layout), layout)
