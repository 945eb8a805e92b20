"""Whisper."""

from families.family import VOCAB, Family

FAMILY = Family(
    config={
        "model_type": "whisper",
        "architectures": ["WhisperForConditionalGeneration"],
        "vocab_size": VOCAB,
        "num_mel_bins": 7,
        "d_model": 24,
        "encoder_layers": 2,
        "encoder_attention_heads": 4,
        "encoder_ffn_dim": 41,
        "decoder_layers": 3,
        "decoder_attention_heads": 3,
        "decoder_ffn_dim": 37,
        "max_source_positions": 13,
        "max_target_positions": 64,
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "decoder_start_token_id": 2,
        "suppress_tokens": None,
        "begin_suppress_tokens": None,
    },
    variants={
        "relu": {"activation_function": "relu", "encoder_layers": 3},
        "silu, two layers": {"activation_function": "silu", "decoder_layers": 2},
        "untied": {"tie_word_embeddings": False},
    },
    prefix="model.",
    states={
        "encoder_hidden_states": ("encoder.add", "encoder.layers.{}", "encoder"),
        "decoder_hidden_states": ("decoder.add", "decoder.layers.{}", "decoder"),
    },
    rows=(26, 7),
)
