"""BERT (Devlin et al. 2019): post-norm encoder blocks, learned positions and segment types."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from quatrain.layers import Embedding, LayerNorm, Learned, Linear
from quatrain.models.config import (
    Config,
    activation,
    between,
    divides,
    layers,
    one_of,
    positive,
)
from quatrain.models.shapes import Encoder
from quatrain.module import Module


@dataclass(frozen=True)
class BertConfig(Config):
    """``model_type`` "bert"."""

    vocab_size: int = 30522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12
    position_embedding_type: str = "absolute"
    is_decoder: bool = False
    add_cross_attention: bool = False

    @property
    def first_position(self) -> int:
        """The row of the first token's position; those before it are not used."""
        return 0

    def check(self) -> None:
        layers(self, "num_hidden_layers")
        positive(self, "vocab_size", "hidden_size", "num_attention_heads", "intermediate_size")
        positive(self, "max_position_embeddings", "type_vocab_size")
        between(self, "layer_norm_eps", 0, 1)
        divides(self, "num_attention_heads", "hidden_size")
        one_of(self, "position_embedding_type", "absolute")
        one_of(self, "is_decoder", False)
        one_of(self, "add_cross_attention", False)
        activation(self, "hidden_act")


class Embeddings(Module):
    def __init__(self, config: BertConfig):
        self.word_embeddings = Embedding(config.vocab_size, config.hidden_size)
        self.position_embeddings = Learned(
            config.max_position_embeddings, config.hidden_size, start=config.first_position
        )
        self.token_type_embeddings = Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, op: Any, ids: Any, types: Any, layout: Any) -> Any:
        x = op.add(self.word_embeddings(op, ids), self.token_type_embeddings(op, types))
        x = op.add(x, self.position_embeddings(op, layout))
        return self.LayerNorm(op, x)


class SelfAttention(Module):
    def __init__(self, config: BertConfig):
        width = config.hidden_size
        self.heads = config.num_attention_heads
        self.scale = 1 / math.sqrt(width // self.heads)
        self.query = Linear(width, width)
        self.key = Linear(width, width)
        self.value = Linear(width, width)

    def forward(self, op: Any, x: Any, layout: Any) -> Any:
        q, k, v = self.query(op, x), self.key(op, x), self.value(op, x)
        return op.attention(q, k, v, layout, heads=self.heads, scale=self.scale)


class Output(Module):
    """Project, add what came before, normalise: the end of both halves of a block."""

    def __init__(self, inputs: int, config: BertConfig):
        self.dense = Linear(inputs, config.hidden_size)
        self.LayerNorm = LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, op: Any, x: Any, residual: Any) -> Any:
        return self.LayerNorm(op, op.add(self.dense(op, x), residual))


class Attention(Module):
    def __init__(self, config: BertConfig):
        self.self = SelfAttention(config)
        self.output = Output(config.hidden_size, config)

    def forward(self, op: Any, x: Any, layout: Any) -> Any:
        return self.output(op, self.self(op, x, layout), x)


class Intermediate(Module):
    def __init__(self, config: BertConfig):
        self.dense = Linear(config.hidden_size, config.intermediate_size)
        self.activation = activation(config, "hidden_act")

    def forward(self, op: Any, x: Any) -> Any:
        return op.activation(self.dense(op, x), self.activation)


class Layer(Module):
    def __init__(self, config: BertConfig):
        self.attention = Attention(config)
        self.intermediate = Intermediate(config)
        self.output = Output(config.intermediate_size, config)

    def forward(self, op: Any, x: Any, layout: Any) -> Any:
        x = self.attention(op, x, layout)
        return self.output(op, self.intermediate(op, x), x)


class Stack(Module):
    def __init__(self, config: BertConfig):
        self.layer = [Layer(config) for _ in range(config.num_hidden_layers)]

    def forward(self, op: Any, x: Any, layout: Any) -> Any:
        for layer in self.layer:
            x = layer(op, x, layout)
        return x


class Pooler(Module):
    """A dense layer and tanh over the first token, for classification heads."""

    def __init__(self, config: BertConfig):
        self.dense = Linear(config.hidden_size, config.hidden_size)

    def forward(self, op: Any, x: Any) -> Any:
        return op.tanh(self.dense(op, x))


class PooledEncoder(Encoder):
    """An encoder whose checkpoint may have a pooler."""

    pooler: Pooler | None
    optional = ("pooler",)

    def pooled(self, op: Any, ids: Any, layout: Any, state: None = None, **inputs: Any) -> Any:
        """``tanh(dense(first token))``, ``[B, D]``: what classification heads read."""
        assert self.pooler is not None, "the checkpoint has no pooler"
        x = self.hidden(op, ids, layout, state, **inputs)
        return self.pooler(op, op.pool(x, layout, kind="cls"))


class Bert(PooledEncoder):
    """The encoder; its weights have the names of ``BertModel``."""

    config: BertConfig
    config_class = BertConfig
    prefixes = ("bert.",)
    ignored = (r"embeddings\.position_ids", r"cls\..*")
    inputs = ("token_type_ids",)

    def __init__(self, config: BertConfig):
        self.config = config
        self.vocab_size, self.width = config.vocab_size, config.hidden_size
        self.context = config.max_position_embeddings - config.first_position
        self.embeddings = Embeddings(config)
        self.encoder = Stack(config)
        self.pooler = Pooler(config)

    def hidden(self, op: Any, ids: Any, layout: Any, state: None = None, **inputs: Any) -> Any:
        x = self.embeddings(op, ids, inputs["token_type_ids"], layout)
        return self.encoder(op, x, layout)
