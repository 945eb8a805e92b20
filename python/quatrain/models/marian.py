"""Marian (Junczys-Dowmunt et al. 2018; opus-mt): the Transformer, computed positions."""

from __future__ import annotations

from dataclasses import dataclass

from quatrain.models.config import one_of
from quatrain.models.transformer import Transformer, TransformerConfig


@dataclass(frozen=True)
class MarianConfig(TransformerConfig):
    """``model_type`` "marian"."""

    vocab_size: int = 58101
    d_model: int = 1024
    encoder_layers: int = 12
    encoder_attention_heads: int = 16
    encoder_ffn_dim: int = 4096
    decoder_layers: int = 12
    decoder_attention_heads: int = 16
    decoder_ffn_dim: int = 4096
    activation_function: str = "gelu"
    sinusoids: str = "marian"
    scale_embedding: bool = False
    decoder_start_token_id: int = 58100
    static_position_embeddings: bool = True

    def check(self) -> None:
        super().check()
        one_of(self, "normalize_before", False)
        one_of(self, "normalize_embedding", False)
        one_of(self, "add_final_layer_norm", None, False)
        one_of(self, "static_position_embeddings", True)


class Marian(Transformer):
    """The translation model; its weights have the names of ``MarianMTModel``."""

    config_class = MarianConfig
