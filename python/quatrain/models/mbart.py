"""mBART (Liu et al. 2020): BART with norms before a block's parts, and after the last block."""

from __future__ import annotations

from dataclasses import dataclass

from quatrain.models.config import one_of
from quatrain.models.transformer import Transformer, TransformerConfig


@dataclass(frozen=True)
class MBartConfig(TransformerConfig):
    """``model_type`` "mbart": mBART and mBART-50."""

    vocab_size: int = 50265
    d_model: int = 1024
    encoder_layers: int = 12
    encoder_attention_heads: int = 16
    encoder_ffn_dim: int = 4096
    decoder_layers: int = 12
    decoder_attention_heads: int = 16
    decoder_ffn_dim: int = 4096
    activation_function: str = "gelu"
    normalize_before: bool = True
    normalize_embedding: bool = True
    position_embedding_type: str | None = "learned"
    position_offset: int = 2
    scale_embedding: bool = False
    decoder_start_token_id: int = 2
    static_position_embeddings: bool = False

    def check(self) -> None:
        super().check()
        one_of(self, "normalize_before", True)
        one_of(self, "normalize_embedding", True)
        one_of(self, "add_final_layer_norm", None, True)
        one_of(self, "static_position_embeddings", False)


class MBart(Transformer):
    """The text-to-text model; its weights have the names of ``MBartForConditionalGeneration``."""

    config_class = MBartConfig
