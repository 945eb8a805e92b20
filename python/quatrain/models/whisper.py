"""Whisper (Radford et al. 2022): 30 seconds of speech as a spectrogram, then their text.

The encoder hears two convolutions over the spectrogram, of which the second halves its rows; from
there on it is a Transformer with computed positions, as the decoder is one with learned ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from quatrain.errors import ConfigError
from quatrain.layers import (
    Conv1d,
    DecoderBlock,
    DecoderStack,
    Embedding,
    EncoderBlock,
    LayerNorm,
    Learned,
    Linear,
    Parts,
    Sinusoidal,
    pre_norm,
)
from quatrain.models.config import Config, activation, between, divides, layers, one_of, positive
from quatrain.models.shapes import SpeechToText
from quatrain.module import Module


@dataclass(frozen=True)
class WhisperConfig(Config):
    """``model_type`` "whisper"."""

    vocab_size: int = 51865
    num_mel_bins: int = 80
    d_model: int = 384
    encoder_layers: int = 4
    encoder_attention_heads: int = 6
    encoder_ffn_dim: int = 1536
    decoder_layers: int = 4
    decoder_attention_heads: int = 6
    decoder_ffn_dim: int = 1536
    activation_function: str = "gelu"
    max_source_positions: int = 1500
    max_target_positions: int = 448
    scale_embedding: bool = False
    tie_word_embeddings: bool = True
    decoder_start_token_id: int = 50257

    def check(self) -> None:
        layers(self, "encoder_layers", "decoder_layers")
        positive(self, "vocab_size", "num_mel_bins", "d_model", "max_target_positions")
        for side in ("encoder", "decoder"):
            positive(self, f"{side}_attention_heads", f"{side}_ffn_dim")
            divides(self, f"{side}_attention_heads", "d_model")
        activation(self, "activation_function")
        between(self, "max_source_positions", 1, 2**15)  # the table may have to be computed
        between(self, "d_model", 2, 2**24)
        if not 0 <= self.decoder_start_token_id < self.vocab_size:
            raise ConfigError(
                f"decoder_start_token_id: expected an id below vocab_size ({self.vocab_size}),"
                f" found {self.decoder_start_token_id}"
            )
        one_of(self, "scale_embedding", False)

    def blocks(self, side: str) -> Parts:
        """What the blocks of the "encoder" or the "decoder" are made of."""
        return Parts(
            self.d_model,
            getattr(self, f"{side}_attention_heads"),
            getattr(self, f"{side}_ffn_dim"),
            activation(self, "activation_function"),
            pre_norm,
            key_bias=False,
        )


class WhisperEncoder(Module):
    """Rows of a spectrogram ``[N, F]`` to half as many ``[N / 2, D]``."""

    def __init__(self, config: WhisperConfig):
        width = config.d_model
        self.conv1 = Conv1d(config.num_mel_bins, width, size=3)
        self.conv2 = Conv1d(width, width, size=3, stride=2)
        self.embed_positions = Sinusoidal(config.max_source_positions, width, form="tensor2tensor")
        self.layers = [EncoderBlock(config.blocks("encoder")) for _ in range(config.encoder_layers)]
        self.layer_norm = LayerNorm(width, 1e-5)

    def forward(self, op: Any, rows: Any, layout: Any) -> Any:
        x = op.gelu(self.conv1(op, rows, layout))
        x = op.gelu(self.conv2(op, x, layout))
        layout = layout.every(self.conv2.stride)
        x = op.add(x, self.embed_positions(op, layout))
        for layer in self.layers:
            x = layer(op, x, layout)
        return self.layer_norm(op, x)


class Whisper(SpeechToText):
    """Its weights have the names of ``WhisperForConditionalGeneration``."""

    config: WhisperConfig
    config_class = WhisperConfig
    prefixes = ("model.",)

    def __init__(self, config: WhisperConfig):
        self.config, self.start = config, config.decoder_start_token_id
        self.vocab_size = config.vocab_size
        width, tied = config.d_model, config.tie_word_embeddings
        self.encoder = WhisperEncoder(config)
        self.bins, self.stride = config.num_mel_bins, self.encoder.conv2.stride
        self.context = config.max_source_positions * self.stride
        self.decoder = DecoderStack(
            Embedding(config.vocab_size, width, tied=tied),
            Learned(config.max_target_positions, width),
            [DecoderBlock(config.blocks("decoder")) for _ in range(config.decoder_layers)],
            layer_norm=LayerNorm(width, 1e-5),
        )
        self.proj_out = Linear(width, config.vocab_size, bias=False)
        if tied:
            self.proj_out.weight = self.decoder.embed_tokens.weight
            self.duplicates = MappingProxyType({"proj_out.weight": "decoder.embed_tokens.weight"})

    @property
    def target_context(self) -> int:
        return self.config.max_target_positions

    def head(self, op: Any, x: Any) -> Any:
        return self.proj_out(op, x)
