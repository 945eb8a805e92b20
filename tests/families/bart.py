"""BART."""

from typing import Any

from families.family import VOCAB, Family


def bias(model: Any) -> None:
    """The oracle draws parameters; this one is a buffer."""
    import torch

    model.final_logits_bias.normal_(generator=torch.Generator().manual_seed(5))


VARIANTS: dict[str, dict[str, Any]] = {
    "scaled": {"scale_embedding": True, "activation_function": "relu"},
    "deeper encoder, silu": {"activation_function": "silu", "encoder_layers": 4},
    "untied": {"tie_word_embeddings": False},
}
FAMILY = Family(
    config={
        "model_type": "bart",
        "architectures": ["BartForConditionalGeneration"],
        "vocab_size": VOCAB,
        "max_position_embeddings": 64,
        "d_model": 30,
        "encoder_layers": 2,
        "encoder_attention_heads": 5,
        "encoder_ffn_dim": 41,
        "decoder_layers": 3,
        "decoder_attention_heads": 3,
        "decoder_ffn_dim": 37,
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "decoder_start_token_id": 2,
        "forced_eos_token_id": None,
    },
    variants=VARIANTS,
    prefix="model.",
    states={
        "encoder_hidden_states": ("encoder.layernorm_embedding", "encoder.layers.{}", "encoder"),
        "decoder_hidden_states": ("decoder.layernorm_embedding", "decoder.layers.{}", "decoder"),
    },
    remade=dict.fromkeys(["", *VARIANTS], bias),
)
