"""Qwen2 (Yang et al. 2024): Llama with biases on queries, keys and values, whose upper blocks may
look back on a window."""

from __future__ import annotations

from dataclasses import dataclass

from quatrain.errors import ConfigError
from quatrain.layers import PreNormBlock, RotaryAttention
from quatrain.models.config import between
from quatrain.models.rotary_decoder import FULL, SLIDING, LayeredConfig, RotaryDecoder


@dataclass(frozen=True)
class Qwen2Config(LayeredConfig):
    """``model_type`` "qwen2". Without ``layer_types``, blocks from ``max_window_layers`` on have
    a window, if ``use_sliding_window`` says so."""

    vocab_size: int = 151936
    intermediate_size: int = 22016
    num_key_value_heads: int | None = 32
    max_position_embeddings: int = 32768
    use_sliding_window: bool = False
    max_window_layers: int = 28

    @property
    def kinds(self) -> list[str]:
        if self.layer_types is not None:
            return self.layer_types
        windowed = self.use_sliding_window and self.sliding_window is not None
        first = self.max_window_layers if windowed else self.num_hidden_layers
        return [SLIDING if i >= first else FULL for i in range(self.num_hidden_layers)]

    def check(self) -> None:
        super().check()
        between(self, "max_window_layers", 0, 2**24)
        if SLIDING in self.kinds and not self.use_sliding_window:
            raise ConfigError(f"use_sliding_window: expected True with {SLIDING}, found False")


class Qwen2(RotaryDecoder):
    """The language model; its weights have the names of ``Qwen2ForCausalLM``."""

    config: Qwen2Config
    config_class = Qwen2Config

    def block(self, index: int) -> PreNormBlock:
        config = self.config
        attention = RotaryAttention(config.hidden_size, config.heads(index), bias=True)
        return PreNormBlock(attention, config.feed_forward(), config.norm)
