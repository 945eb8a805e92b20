"""Llama (Touvron et al. 2023): pre-norm blocks with RMS norms, rotary positions, grouped heads
and a gated feed-forward."""

from __future__ import annotations

from dataclasses import dataclass

from quatrain.layers import PreNormBlock, RotaryAttention
from quatrain.models.rotary_decoder import RotaryConfig, RotaryDecoder


@dataclass(frozen=True)
class LlamaConfig(RotaryConfig):
    """``model_type`` "llama": Llama 1 to 3, SmolLM2."""

    attention_bias: bool = False
    mlp_bias: bool = False


class Llama(RotaryDecoder):
    """The language model; its weights have the names of ``LlamaForCausalLM``."""

    config: LlamaConfig
    config_class = LlamaConfig

    def block(self, index: int) -> PreNormBlock:
        config = self.config
        width, heads, bias = config.hidden_size, config.heads(index), config.attention_bias
        return PreNormBlock(
            RotaryAttention(width, heads, bias=bias, out_bias=bias),
            config.feed_forward(bias=config.mlp_bias),
            config.norm,
        )
