"""DistilBERT (Sanh et al. 2019): BERT's blocks, half as many, without segment types or pooler."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from quatrain.layers import Embeddings, LayerNorm, Linear
from quatrain.models.config import Config, activation, divides, layers, positive
from quatrain.models.shapes import Encoder
from quatrain.module import Module

#: Of every norm.
EPS = 1e-12


@dataclass(frozen=True)
class DistilBertConfig(Config):
    """``model_type`` "distilbert". ``sinusoidal_pos_embds`` says what the positions were before
    training; the file has them either way."""

    vocab_size: int = 30522
    max_position_embeddings: int = 512
    n_layers: int = 6
    n_heads: int = 12
    dim: int = 768
    hidden_dim: int = 3072
    activation: str = "gelu"

    def check(self) -> None:
        layers(self, "n_layers")
        positive(self, "vocab_size", "max_position_embeddings", "n_heads", "dim", "hidden_dim")
        divides(self, "n_heads", "dim")
        activation(self, "activation")


class Attention(Module):
    def __init__(self, config: DistilBertConfig):
        self.heads = config.n_heads
        self.scale = 1 / math.sqrt(config.dim // self.heads)
        self.q_lin = Linear(config.dim, config.dim)
        self.k_lin = Linear(config.dim, config.dim)
        self.v_lin = Linear(config.dim, config.dim)
        self.out_lin = Linear(config.dim, config.dim)

    def forward(self, op: Any, x: Any, layout: Any) -> Any:
        q, k, v = self.q_lin(op, x), self.k_lin(op, x), self.v_lin(op, x)
        return self.out_lin(op, op.attention(q, k, v, layout, heads=self.heads, scale=self.scale))


class FeedForward(Module):
    def __init__(self, config: DistilBertConfig):
        self.lin1 = Linear(config.dim, config.hidden_dim)
        self.lin2 = Linear(config.hidden_dim, config.dim)
        self.activation = activation(config, "activation")

    def forward(self, op: Any, x: Any) -> Any:
        return self.lin2(op, op.activation(self.lin1(op, x), self.activation))


class Layer(Module):
    def __init__(self, config: DistilBertConfig):
        self.attention = Attention(config)
        self.sa_layer_norm = LayerNorm(config.dim, EPS)
        self.ffn = FeedForward(config)
        self.output_layer_norm = LayerNorm(config.dim, EPS)

    def forward(self, op: Any, x: Any, layout: Any) -> Any:
        x = self.sa_layer_norm(op, op.add(self.attention(op, x, layout), x))
        return self.output_layer_norm(op, op.add(self.ffn(op, x), x))


class Stack(Module):
    def __init__(self, config: DistilBertConfig):
        self.layer = [Layer(config) for _ in range(config.n_layers)]

    def forward(self, op: Any, x: Any, layout: Any) -> Any:
        for layer in self.layer:
            x = layer(op, x, layout)
        return x


class DistilBert(Encoder):
    """The encoder; its weights have the names of ``DistilBertModel``."""

    config: DistilBertConfig
    config_class = DistilBertConfig
    prefixes = ("distilbert.",)
    ignored = (r"embeddings\.position_ids", r"vocab_(transform|layer_norm|projector)\..*")

    def __init__(self, config: DistilBertConfig):
        self.config = config
        self.vocab_size, self.width = config.vocab_size, config.dim
        self.context = config.max_position_embeddings
        self.embeddings = Embeddings(
            config.vocab_size, config.max_position_embeddings, config.dim, EPS
        )
        self.transformer = Stack(config)

    def hidden(self, op: Any, ids: Any, layout: Any, state: None = None, **inputs: Any) -> Any:
        return self.transformer(op, self.embeddings(op, ids, layout), layout)
