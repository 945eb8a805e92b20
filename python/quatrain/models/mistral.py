"""Mistral (Jiang et al. 2023): Llama without biases, whose blocks all look back on one window."""

from __future__ import annotations

from dataclasses import dataclass

from quatrain.layers import PreNormBlock, RotaryAttention
from quatrain.models.config import one_of, positive
from quatrain.models.rotary_decoder import RotaryConfig, RotaryDecoder


@dataclass(frozen=True)
class MistralConfig(RotaryConfig):
    """``model_type`` "mistral". A ``sliding_window`` of None looks back on all tokens."""

    intermediate_size: int = 14336
    num_key_value_heads: int | None = 8
    max_position_embeddings: int = 131072
    sliding_window: int | None = 4096
    layer_types: list | None = None

    def window(self, index: int) -> int | None:
        return self.sliding_window

    def check(self) -> None:
        super().check()
        positive(self, "sliding_window")
        one_of(self, "layer_types", None)


class Mistral(RotaryDecoder):
    """The language model; its weights have the names of ``MistralForCausalLM``."""

    config: MistralConfig
    config_class = MistralConfig

    def block(self, index: int) -> PreNormBlock:
        config = self.config
        attention = RotaryAttention(config.hidden_size, config.heads(index))
        return PreNormBlock(attention, config.feed_forward(), config.norm)
