"""Marian (opus-mt)."""

from typing import Any

from families.bart import bias
from families.family import VOCAB, Family

VARIANTS: dict[str, dict[str, Any]] = {
    "relu, unscaled": {"activation_function": "relu", "scale_embedding": False},
    "gelu, untied": {"activation_function": "gelu", "tie_word_embeddings": False},
    "two vocabularies": {"share_encoder_decoder_embeddings": False, "decoder_vocab_size": 101},
    "two vocabularies, untied": {
        "share_encoder_decoder_embeddings": False,
        "decoder_vocab_size": 103,
        "tie_word_embeddings": False,
    },
}
FAMILY = Family(
    config={
        "model_type": "marian",
        "architectures": ["MarianMTModel"],
        "vocab_size": VOCAB,
        "max_position_embeddings": 64,
        "d_model": 30,
        "encoder_layers": 3,
        "encoder_attention_heads": 5,
        "encoder_ffn_dim": 41,
        "decoder_layers": 2,
        "decoder_attention_heads": 3,
        "decoder_ffn_dim": 37,
        "activation_function": "swish",
        "scale_embedding": True,
        "pad_token_id": 96,
        "eos_token_id": 0,
        "decoder_start_token_id": 96,
        "forced_eos_token_id": None,
    },
    variants=VARIANTS,
    prefix="model.",
    states={
        "encoder_hidden_states": ("encoder.add", "encoder.layers.{}", "encoder"),
        "decoder_hidden_states": ("decoder.add", "decoder.layers.{}", "decoder"),
    },
    remade=dict.fromkeys(["", *VARIANTS], bias),
)
