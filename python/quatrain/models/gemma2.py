"""Gemma 2 (Riviere et al. 2024): norms before and after each half of a block, soft caps on scores
and logits, a scaled embedding, and a window in every other block."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from quatrain.layers import (
    RotaryAttention,
    RotaryHeads,
    SandwichBlock,
    ScaledEmbedding,
    UnitOffsetRMSNorm,
)
from quatrain.models.config import between, one_of
from quatrain.models.rotary_decoder import FULL, SLIDING, LayeredConfig, RotaryDecoder


@dataclass(frozen=True)
class Gemma2Config(LayeredConfig):
    """``model_type`` "gemma2". Without ``layer_types``, the first block and every other one have
    a window."""

    vocab_size: int = 256000
    hidden_size: int = 2304
    intermediate_size: int = 9216
    num_hidden_layers: int = 26
    num_attention_heads: int = 8
    num_key_value_heads: int | None = 4
    head_dim: int | None = 256
    hidden_activation: str = "gelu_pytorch_tanh"
    max_position_embeddings: int = 8192
    attention_bias: bool = False
    query_pre_attn_scalar: float = 256.0
    attn_logit_softcapping: float | None = 50.0
    final_logit_softcapping: float | None = 30.0
    use_bidirectional_attention: bool | None = None
    tie_word_embeddings: bool = True

    activation_field: ClassVar[str] = "hidden_activation"
    #: Whether attention may be bidirectional.
    sees_ahead: ClassVar[bool] = False

    @property
    def kinds(self) -> list[str]:
        if self.layer_types is not None:
            return self.layer_types
        return [FULL if i % 2 else SLIDING for i in range(self.num_hidden_layers)]

    def heads(self, index: int) -> RotaryHeads:
        scale, softcap = self.query_pre_attn_scalar**-0.5, self.attn_logit_softcapping
        return replace(super().heads(index), scale=scale, softcap=softcap)

    def norm(self) -> UnitOffsetRMSNorm:
        return UnitOffsetRMSNorm(self.hidden_size, self.rms_norm_eps)

    def check(self) -> None:
        super().check()
        between(self, "query_pre_attn_scalar", 1e-6, 1e9)
        between(self, "attn_logit_softcapping", 1e-3, 1e6)
        between(self, "final_logit_softcapping", 1e-3, 1e6)
        if not self.sees_ahead:
            one_of(self, "use_bidirectional_attention", None, False)


class Gemma2(RotaryDecoder):
    """The language model; its weights have the names of ``Gemma2ForCausalLM``."""

    config: Gemma2Config
    config_class = Gemma2Config

    def embedding(self) -> ScaledEmbedding:
        config = self.config
        width, tied = config.hidden_size, config.tie_word_embeddings
        return ScaledEmbedding(config.vocab_size, width, scale=width**0.5, tied=tied)

    def block(self, index: int) -> SandwichBlock:
        config = self.config
        width, heads, bias = config.hidden_size, config.heads(index), config.attention_bias
        attention = RotaryAttention(width, heads, bias=bias, out_bias=bias)
        return SandwichBlock(attention, config.feed_forward(), config.norm)

    def head(self, op: Any, x: Any) -> Any:
        logits, cap = self.lm_head(op, x), self.config.final_logit_softcapping
        return logits if cap is None else op.mul(op.tanh(op.mul(logits, 1 / cap)), cap)
