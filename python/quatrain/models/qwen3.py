"""Qwen3 (Yang et al. 2025): Llama with normalised queries and keys, and heads whose size the width
does not tell; upper blocks may look back on a window."""

from __future__ import annotations

from dataclasses import dataclass

from quatrain.layers import NormedRotaryAttention, PreNormBlock, RMSNorm
from quatrain.models.qwen2 import Qwen2Config
from quatrain.models.rotary_decoder import RotaryDecoder


@dataclass(frozen=True)
class Qwen3Config(Qwen2Config):
    """``model_type`` "qwen3"; its windows are described as Qwen2's."""

    head_dim: int | None = 128
    attention_bias: bool = False


class Qwen3(RotaryDecoder):
    """The language model; its weights have the names of ``Qwen3ForCausalLM``."""

    config: Qwen3Config
    config_class = Qwen3Config

    def block(self, index: int) -> PreNormBlock:
        config = self.config
        attention = NormedRotaryAttention(
            config.hidden_size,
            config.heads(index),
            norm=lambda size: RMSNorm(size, config.rms_norm_eps),
            bias=config.attention_bias,
        )
        return PreNormBlock(attention, config.feed_forward(), config.norm)
