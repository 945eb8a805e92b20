"""Qwen3."""

from families.family import VOCAB, Family

FAMILY = Family(
    config={
        "model_type": "qwen3",
        "architectures": ["Qwen3ForCausalLM"],
        "vocab_size": VOCAB,
        "hidden_size": 28,
        "intermediate_size": 43,
        "num_hidden_layers": 3,
        "num_attention_heads": 5,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "sliding_window": None,
        "max_position_embeddings": 64,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "tie_word_embeddings": True,
    },
    variants={
        "every switch": {
            "num_attention_heads": 6,
            "num_key_value_heads": 3,
            "head_dim": 10,
            "hidden_act": "gelu",
            "rms_norm_eps": 1e-3,
            "rope_parameters": {"rope_type": "yarn", "rope_theta": 1e6, "factor": 4.0},
            "attention_bias": True,
            "use_sliding_window": True,
            "sliding_window": 3,
            "max_window_layers": 2,
            "tie_word_embeddings": False,
        },
        "kinds of blocks": {
            "use_sliding_window": True,
            "sliding_window": 2,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        },
    },
    prefix="model.",
    states={"hidden_states": ("embed_tokens", "layers.{}", "norm")},
)
