"""The Transformer (Vaswani et al. 2017): an encoder and a decoder, with later choices of parts.

The config and the names of the weights are ours, in the manner of BART's, which is one such
choice. ``docs/conversion.md`` says how checkpoints of other programs become folders of this kind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from quatrain.errors import ConfigError
from quatrain.layers import (
    SINUSOIDS,
    DecoderBlock,
    DecoderStack,
    Embedding,
    EncoderBlock,
    EncoderStack,
    LayerNorm,
    Learned,
    Linear,
    Parts,
    Sinusoidal,
    optional_row,
    post_norm,
    pre_norm,
)
from quatrain.models.config import Config, activation, between, divides, layers, one_of, positive
from quatrain.models.shapes import EncoderDecoder
from quatrain.module import Module


@dataclass(frozen=True)
class TransformerConfig(Config):
    """``model_type`` "transformer". The defaults are the paper's "base" model.

    decoder_vocab_size: None is ``vocab_size``. share_encoder_decoder_embeddings: one table for
    both sides. tie_word_embeddings: the output layer is the decoder's table. scale_embedding:
    embeddings times sqrt(d_model). position_embedding_type: "sinusoidal" (of the form that
    ``sinusoids`` names), "learned" or None; the first position is row ``position_offset`` of the
    table. normalize_before: norms stand before a block's parts, not after. normalize_embedding: a
    norm after the embeddings. add_final_layer_norm: one after the last block; None: if
    normalize_before. use_bias: linear layers of blocks have biases.
    """

    vocab_size: int = 37000
    decoder_vocab_size: int | None = None
    max_position_embeddings: int = 1024
    d_model: int = 512
    encoder_layers: int = 6
    encoder_attention_heads: int = 8
    encoder_ffn_dim: int = 2048
    decoder_layers: int = 6
    decoder_attention_heads: int = 8
    decoder_ffn_dim: int = 2048
    activation_function: str = "relu"
    layer_norm_eps: float = 1e-5
    use_bias: bool = True
    normalize_before: bool = False
    normalize_embedding: bool = False
    add_final_layer_norm: bool | None = None
    position_embedding_type: str | None = "sinusoidal"
    position_offset: int = 0
    sinusoids: str = "paper"
    scale_embedding: bool = True
    share_encoder_decoder_embeddings: bool = True
    tie_word_embeddings: bool = True
    decoder_start_token_id: int = 0

    def check(self) -> None:
        layers(self, "encoder_layers", "decoder_layers")
        positive(self, "vocab_size", "decoder_vocab_size", "max_position_embeddings", "d_model")
        for side in ("encoder", "decoder"):
            positive(self, f"{side}_attention_heads", f"{side}_ffn_dim")
            divides(self, f"{side}_attention_heads", "d_model")
        activation(self, "activation_function")
        between(self, "layer_norm_eps", 0, 1)
        between(self, "position_offset", 0, 2**16)
        if not 0 <= self.decoder_start_token_id < self.target_size:
            raise ConfigError(
                f"decoder_start_token_id: expected an id below vocab_size or decoder_vocab_size"
                f" ({self.target_size}), found {self.decoder_start_token_id}"
            )
        one_of(self, "position_embedding_type", "sinusoidal", "learned", None)
        one_of(self, "sinusoids", *SINUSOIDS)
        if self.position_embedding_type == "sinusoidal":
            between(self, "max_position_embeddings", 1, 2**15)  # the table is computed
            if self.d_model % 2:
                raise ConfigError(f"d_model: expected an even number, found {self.d_model}")

    @property
    def target_size(self) -> int:
        """How many tokens the decoder knows."""
        size = self.decoder_vocab_size
        return self.vocab_size if self.share_encoder_decoder_embeddings or size is None else size

    def blocks(self, side: str) -> Parts:
        """What the blocks of the "encoder" or the "decoder" are made of."""
        return Parts(
            self.d_model,
            getattr(self, f"{side}_attention_heads"),
            getattr(self, f"{side}_ffn_dim"),
            activation(self, "activation_function"),
            pre_norm if self.normalize_before else post_norm,
            self.layer_norm_eps,
            self.use_bias,
        )

    @property
    def first_position(self) -> int:
        """The row of the table of positions that a text's first token gets."""
        return self.position_offset

    def positions(self) -> Module | None:
        """What is added to the embeddings of one side."""
        start, width = self.first_position, self.d_model
        size = self.max_position_embeddings + start
        if self.position_embedding_type == "learned":
            return Learned(size, width, start=start)
        if self.position_embedding_type == "sinusoidal":
            return Sinusoidal(size, width, form=self.sinusoids, start=start)
        return None

    def ends(self) -> dict[str, Any]:
        """What one side has before and after its blocks."""
        norm = partial(LayerNorm, self.d_model, self.layer_norm_eps)
        last = self.add_final_layer_norm
        if last is None:
            last = self.normalize_before
        return {
            "scale": math.sqrt(self.d_model) if self.scale_embedding else 1.0,
            "layernorm_embedding": norm() if self.normalize_embedding else None,
            "layer_norm": norm() if last else None,
        }


class Transformer(EncoderDecoder):
    """The text-to-text model; BART, mBART and Marian are choices of its parts."""

    config: TransformerConfig
    config_class = TransformerConfig
    prefixes = ("model.",)
    #: Whether a file may have ``final_logits_bias``.
    biased_logits: ClassVar[bool] = True

    def __init__(self, config: TransformerConfig):
        self.config, self.start = config, config.decoder_start_token_id
        self.vocab_size, self.context = config.vocab_size, config.max_position_embeddings
        source, target = self._tables(config)
        encoder, decoder = config.blocks("encoder"), config.blocks("decoder")
        self.encoder = EncoderStack(
            source,
            config.positions(),
            [EncoderBlock(encoder) for _ in range(config.encoder_layers)],
            **config.ends(),
        )
        self.decoder = DecoderStack(
            target,
            config.positions(),
            [DecoderBlock(decoder) for _ in range(config.decoder_layers)],
            **config.ends(),
        )
        size = config.target_size
        self.lm_head = Linear(config.d_model, size, bias=False)
        if self.biased_logits:
            self.final_logits_bias: Any = optional_row(size)
            self.lm_head.bias = self.final_logits_bias
        if config.tie_word_embeddings:
            self.lm_head.weight = target.weight

    def _tables(self, config: TransformerConfig) -> tuple[Embedding, Embedding]:
        """Both sides' embeddings: two tables, or one for both, which the head may use too.

        A file whose head is not tied may have the shared table once, or for each side its own.
        """
        tied, size, width = config.tie_word_embeddings, config.vocab_size, config.d_model
        if not config.share_encoder_decoder_embeddings:
            self.duplicates = {"lm_head.weight": "decoder.embed_tokens.weight"}
            return Embedding(size, width), Embedding(config.target_size, width, tied=tied)
        self.shared = Embedding(size, width, tied=tied)
        if tied:
            copies = (
                "encoder.embed_tokens.weight",
                "decoder.embed_tokens.weight",
                "lm_head.weight",
            )
            self.duplicates = dict.fromkeys(copies, "shared.weight")
            return self.shared, self.shared
        source, target = Embedding(size, width), Embedding(size, width)
        source.weight.tied_to = target.weight.tied_to = self.shared.weight
        return source, target

    @property
    def target_size(self) -> int:
        return self.config.target_size

    def head(self, op: Any, x: Any) -> Any:
        return self.lm_head(op, x)
