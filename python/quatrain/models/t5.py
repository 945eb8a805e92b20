"""T5 (Raffel et al. 2020): an encoder and a decoder with relative position biases, RMS norms
and unscaled attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from quatrain.errors import ConfigError
from quatrain.layers import Embedding, Linear, RelativeBias, RMSNorm
from quatrain.models.config import Config, between, layers, positive
from quatrain.models.shapes import EncoderDecoder
from quatrain.module import Module
from quatrain.ops import ACTIVATIONS
from quatrain.state import SlotSpec


@dataclass(frozen=True)
class T5Config(Config):
    """``model_type`` "t5". ``feed_forward_proj`` "relu", "gated-gelu" or another activation."""

    vocab_size: int = 32128
    d_model: int = 512
    d_kv: int = 64
    d_ff: int = 2048
    num_layers: int = 6
    num_decoder_layers: int | None = None
    num_heads: int = 8
    relative_attention_num_buckets: int = 32
    relative_attention_max_distance: int = 128
    layer_norm_epsilon: float = 1e-6
    feed_forward_proj: str = "relu"
    tie_word_embeddings: bool = True
    scale_decoder_outputs: bool | None = None
    decoder_start_token_id: int = 0

    @property
    def gated(self) -> bool:
        return self.feed_forward_proj.startswith("gated-")

    @property
    def dense_act_fn(self) -> str:
        """The activation's config name; T5 calls its tanh form of gelu just "gelu" when gated."""
        name = self.feed_forward_proj.removeprefix("gated-")
        return "gelu_new" if self.gated and name == "gelu" else name

    @property
    def scaled(self) -> bool:
        """Whether the head's input is scaled: where it is tied, unless the file says otherwise."""
        if self.scale_decoder_outputs is None:
            return self.tie_word_embeddings
        return self.scale_decoder_outputs

    def check(self) -> None:
        layers(self, "num_layers", "num_decoder_layers")
        positive(self, "vocab_size", "d_model", "d_kv", "d_ff", "num_heads")
        # Half of the buckets are for one distance each; the others must have some left.
        buckets = self.relative_attention_num_buckets
        between(self, "relative_attention_num_buckets", 4, 2**16)
        between(self, "relative_attention_max_distance", buckets // 2 + 1, 2**16)
        between(self, "layer_norm_epsilon", 0, 1)
        between(self, "decoder_start_token_id", 0, self.vocab_size - 1)
        if self.dense_act_fn not in ACTIVATIONS:
            raise ConfigError(
                f"feed_forward_proj: expected an activation, or gated- and one, found"
                f" {self.feed_forward_proj!r}"
            )


class Projections(Module):
    """The four matrices of an attention."""

    def __init__(self, config: T5Config):
        inner = config.num_heads * config.d_kv
        self.heads = config.num_heads
        self.q = Linear(config.d_model, inner, bias=False)
        self.k = Linear(config.d_model, inner, bias=False)
        self.v = Linear(config.d_model, inner, bias=False)
        self.o = Linear(inner, config.d_model, bias=False)


class Attention(Projections):
    """Only a stack's first self-attention owns a relative bias; the others are given it."""

    def __init__(self, config: T5Config, *, causal: bool, biased: bool):
        super().__init__(config)
        self.causal = causal
        if biased:
            self.relative_attention_bias = RelativeBias(
                config.relative_attention_num_buckets,
                config.num_heads,
                max_distance=config.relative_attention_max_distance,
                bidirectional=not causal,
            )

    def forward(self, op: Any, x: Any, layout: Any, bias: Any, slot: Any) -> Any:
        q, k, v = self.q(op, x), self.k(op, x), self.v(op, x)
        x = op.attention(
            q, k, v, layout, heads=self.heads, scale=1.0, causal=self.causal, bias=bias, slot=slot
        )
        return self.o(op, x)


class SourceAttention(Projections):
    """Cross-attention: the keys and values are the source's, kept once by the encoder pass."""

    def remember(self, op: Any, source: Any, layout: Any, slot: Any) -> None:
        op.remember(self.k(op, source), self.v(op, source), layout, slot)

    def forward(self, op: Any, x: Any, layout: Any, slot: Any) -> Any:
        q = self.q(op, x)
        x = op.attention(q, None, None, layout, heads=self.heads, scale=1.0, slot=slot)
        return self.o(op, x)


class SelfAttention(Module):
    def __init__(self, config: T5Config, *, causal: bool, biased: bool):
        self.SelfAttention = Attention(config, causal=causal, biased=biased)
        self.layer_norm = RMSNorm(config.d_model, config.layer_norm_epsilon)

    def forward(self, op: Any, x: Any, layout: Any, bias: Any, slot: Any) -> Any:
        return op.add(x, self.SelfAttention(op, self.layer_norm(op, x), layout, bias, slot))


class CrossAttention(Module):
    def __init__(self, config: T5Config):
        self.EncDecAttention = SourceAttention(config)
        self.layer_norm = RMSNorm(config.d_model, config.layer_norm_epsilon)

    def forward(self, op: Any, x: Any, layout: Any, slot: Any) -> Any:
        return op.add(x, self.EncDecAttention(op, self.layer_norm(op, x), layout, slot))


class Dense(Module):
    def __init__(self, config: T5Config):
        self.wi = Linear(config.d_model, config.d_ff, bias=False)
        self.wo = Linear(config.d_ff, config.d_model, bias=False)
        self.activation = ACTIVATIONS[config.dense_act_fn]

    def forward(self, op: Any, x: Any) -> Any:
        return self.wo(op, op.activation(self.wi(op, x), self.activation))


class GatedDense(Module):
    def __init__(self, config: T5Config):
        self.wi_0 = Linear(config.d_model, config.d_ff, bias=False)
        self.wi_1 = Linear(config.d_model, config.d_ff, bias=False)
        self.wo = Linear(config.d_ff, config.d_model, bias=False)
        self.activation = ACTIVATIONS[config.dense_act_fn]

    def forward(self, op: Any, x: Any) -> Any:
        gate, up = self.wi_0(op, x), self.wi_1(op, x)
        return self.wo(op, op.gated(gate, up, activation=self.activation))


class FeedForward(Module):
    def __init__(self, config: T5Config):
        self.DenseReluDense = GatedDense(config) if config.gated else Dense(config)
        self.layer_norm = RMSNorm(config.d_model, config.layer_norm_epsilon)

    def forward(self, op: Any, x: Any) -> Any:
        return op.add(x, self.DenseReluDense(op, self.layer_norm(op, x)))


class Block(Module):
    """Self-attention, cross-attention in a decoder, feed-forward: the file's ``layer`` list."""

    def __init__(self, config: T5Config, *, decoder: bool, first: bool):
        self.layer: list[Any] = [SelfAttention(config, causal=decoder, biased=first)]
        if decoder:
            self.layer.append(CrossAttention(config))
        self.layer.append(FeedForward(config))

    def forward(self, op: Any, x: Any, layout: Any, bias: Any, slot: Any, source: Any) -> Any:
        x = self.layer[0](op, x, layout, bias, slot)
        if source is not None:
            x = self.layer[1](op, x, layout, source)
        return self.layer[-1](op, x)


class Stack(Module):
    def __init__(self, config: T5Config, layers: int, *, decoder: bool):
        self.block = [Block(config, decoder=decoder, first=i == 0) for i in range(layers)]
        self.final_layer_norm = RMSNorm(config.d_model, config.layer_norm_epsilon)
        self.decoder = decoder

    def forward(self, op: Any, x: Any, layout: Any, state: Any) -> Any:
        bias = self.block[0].layer[0].SelfAttention.relative_attention_bias(op, layout)
        for i, block in enumerate(self.block):
            slot = state.slot(i, "decoder") if self.decoder else None
            source = state.slot(i, "encoder") if self.decoder else None
            x = block(op, x, layout, bias, slot, source)
        return self.final_layer_norm(op, x)


class T5(EncoderDecoder):
    """The text-to-text model; its weights have the names of ``T5ForConditionalGeneration``."""

    config: T5Config
    config_class = T5Config
    ignored = (r"decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight",)
    duplicates = {  # noqa: RUF012
        "encoder.embed_tokens.weight": "shared.weight",
        "decoder.embed_tokens.weight": "shared.weight",
        "lm_head.weight": "shared.weight",
    }
    context = None

    def __init__(self, config: T5Config):
        self.config = config
        self.vocab_size, self.start = config.vocab_size, config.decoder_start_token_id
        layers = config.num_decoder_layers or config.num_layers
        self.shared = Embedding(config.vocab_size, config.d_model, tied=config.tie_word_embeddings)
        self.encoder = Stack(config, config.num_layers, decoder=False)
        self.decoder = Stack(config, layers, decoder=True)
        self.lm_head = Linear(config.d_model, config.vocab_size, bias=False)
        if config.tie_word_embeddings:
            self.lm_head.weight = self.shared.weight

    def slots(self) -> list[SlotSpec]:
        config = self.config
        sizes = (config.num_heads, config.d_kv, config.d_kv)
        return [
            SlotSpec(i, *sizes, part=part)
            for i in range(len(self.decoder.block))
            for part in ("decoder", "encoder")
        ]

    def encode(self, op: Any, ids: Any, layout: Any, state: Any) -> Any:
        x = self.encoder(op, self.shared(op, ids), layout, None)
        for i, block in enumerate(self.decoder.block):
            cross = block.layer[1].EncDecAttention
            cross.remember(op, x, layout, state.slot(i, "encoder"))
        return x

    def hidden(self, op: Any, ids: Any, layout: Any, state: Any) -> Any:
        return self.decoder(op, self.shared(op, ids), layout, state)

    def head(self, op: Any, x: Any) -> Any:
        if self.config.scaled:
            x = op.mul(x, self.config.d_model**-0.5)
        return self.lm_head(op, x)
