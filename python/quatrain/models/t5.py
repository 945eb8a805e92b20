"""T5 (Raffel et al. 2020): an encoder and a decoder with relative position biases, RMS norms
and unscaled attention."""

from __future__ import annotations

from collections.abc import Iterator
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

    def biased(self, index: int) -> bool:
        """Whether a block has a relative bias of its own, and not that of the one before it."""
        return index == 0

    def relative_bias(self, *, bidirectional: bool) -> RelativeBias:
        return RelativeBias(
            self.relative_attention_num_buckets,
            self.num_heads,
            max_distance=self.relative_attention_max_distance,
            bidirectional=bidirectional,
        )

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
        self.heads, self.size = config.num_heads, config.d_kv
        self.q = Linear(config.d_model, inner, bias=False)
        self.k = Linear(config.d_model, inner, bias=False)
        self.v = Linear(config.d_model, inner, bias=False)
        self.o = Linear(inner, config.d_model, bias=False)

    def cache(self, index: int, part: str) -> SlotSpec:
        """The slot of a state that it needs as the attention of block ``index``."""
        return SlotSpec(index, self.heads, self.size, self.size, part)


class Attention(Projections):
    """Self-attention; a block that owns no relative bias uses that of a block before it."""

    def __init__(self, config: T5Config, *, causal: bool, biased: bool):
        super().__init__(config)
        self.causal = causal
        self.relative_attention_bias: RelativeBias | None = None
        if biased:
            self.relative_attention_bias = config.relative_bias(bidirectional=not causal)

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


class EncoderBlock(Module):
    """Self-attention and feed-forward: the file's ``layer`` list."""

    def __init__(self, config: T5Config, *, biased: bool):
        self.layer: list[Any] = [
            SelfAttention(config, causal=False, biased=biased),
            FeedForward(config),
        ]

    def forward(self, op: Any, x: Any, layout: Any, bias: Any) -> Any:
        attention, feed_forward = self.layer
        return feed_forward(op, attention(op, x, layout, bias, None))


class DecoderBlock(Module):
    """Causal self-attention, attention to the source, feed-forward."""

    def __init__(self, config: T5Config, *, biased: bool):
        self.layer: list[Any] = [
            SelfAttention(config, causal=True, biased=biased),
            CrossAttention(config),
            FeedForward(config),
        ]

    def forward(self, op: Any, x: Any, layout: Any, bias: Any, slot: Any, source: Any) -> Any:
        attention, cross, feed_forward = self.layer
        x = attention(op, x, layout, bias, slot)
        return feed_forward(op, cross(op, x, layout, source))


class Stack(Module):
    """Ids to rows; the bias of a block that has none is that of the block before it."""

    def __init__(self, config: T5Config, shared: Embedding, blocks: list[Any]):
        self.embed_tokens = shared
        self.block = blocks
        self.final_layer_norm = RMSNorm(config.d_model, config.layer_norm_epsilon)

    def biased(self, op: Any, layout: Any) -> Iterator[tuple[Any, Any]]:
        """Every block, and the bias of its self-attention."""
        bias = None
        for block in self.block:
            own = block.layer[0].SelfAttention.relative_attention_bias
            bias = bias if own is None else own(op, layout)
            yield block, bias


class Encoder(Stack):
    def forward(self, op: Any, ids: Any, layout: Any) -> Any:
        x = self.embed_tokens(op, ids)
        for block, bias in self.biased(op, layout):
            x = block(op, x, layout, bias)
        return self.final_layer_norm(op, x)


class Decoder(Stack):
    def forward(self, op: Any, ids: Any, layout: Any, state: Any) -> Any:
        x = self.embed_tokens(op, ids)
        for i, (block, bias) in enumerate(self.biased(op, layout)):
            x = block(op, x, layout, bias, state.slot(i, "decoder"), state.slot(i, "encoder"))
        return self.final_layer_norm(op, x)

    def remember(self, op: Any, source: Any, layout: Any, state: Any) -> None:
        """Keep every block's cross keys and values of the encoder's rows."""
        for i, block in enumerate(self.block):
            cross = block.layer[1].EncDecAttention
            cross.remember(op, source, layout, state.slot(i, "encoder"))

    def slots(self) -> list[SlotSpec]:
        """Two caches a block: of its own rows, and of the source's."""
        return [
            attention.cache(i, part)
            for i, block in enumerate(self.block)
            for attention, part in (
                (block.layer[0].SelfAttention, "decoder"),
                (block.layer[1].EncDecAttention, "encoder"),
            )
        ]


class T5(EncoderDecoder):
    """The text-to-text model; its weights have the names of ``T5ForConditionalGeneration``."""

    config: T5Config
    config_class = T5Config
    ignored = (r"decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight",)
    duplicates = {  # noqa: RUF012
        "encoder.embed_tokens.weight": "shared.weight",
        "decoder.embed_tokens.weight": "shared.weight",
    }
    context = None

    def __init__(self, config: T5Config):
        self.config = config
        self.vocab_size, self.start = config.vocab_size, config.decoder_start_token_id
        size, tied = config.vocab_size, config.tie_word_embeddings
        self.shared = Embedding(size, config.d_model, tied=tied)
        self.encoder = Encoder(
            config,
            self.shared,
            [EncoderBlock(config, biased=config.biased(i)) for i in range(config.num_layers)],
        )
        depth = config.num_decoder_layers or config.num_layers
        self.decoder = Decoder(
            config,
            self.shared,
            [DecoderBlock(config, biased=config.biased(i)) for i in range(depth)],
        )
        self.lm_head = Linear(config.d_model, size, bias=False)
        if tied:
            # Configs of transformers 5 say so of every model; a file with a head of its own knows.
            self.lm_head.weight.tied_to = self.shared.weight

    def head(self, op: Any, x: Any) -> Any:
        if self.config.scaled:
            x = op.mul(x, self.config.d_model**-0.5)
        return self.lm_head(op, x)
