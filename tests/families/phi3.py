"""Phi-3."""

from families.family import VOCAB, Family

FAMILY = Family(
    config={
        "model_type": "phi3",
        "architectures": ["Phi3ForCausalLM"],
        "vocab_size": VOCAB,
        "hidden_size": 30,
        "intermediate_size": 37,
        "num_hidden_layers": 3,
        "num_attention_heads": 5,
        "num_key_value_heads": 1,
        "pad_token_id": 0,
        "max_position_embeddings": 64,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "tie_word_embeddings": False,
    },
    variants={
        "every switch": {
            "hidden_size": 48,
            "num_attention_heads": 6,
            "num_key_value_heads": 2,
            "hidden_act": "gelu",
            "rms_norm_eps": 1e-3,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 500.0,
                "partial_rotary_factor": 0.5,
            },
            "sliding_window": 4,
            "tie_word_embeddings": True,
        },
        "short": {
            "original_max_position_embeddings": 32,
            "rope_parameters": {
                "rope_type": "longrope",
                "short_factor": [1.0, 1.5, 2.5],
                "long_factor": [2.0, 3.0, 9.0],
            },
        },
        "long": {
            "original_max_position_embeddings": 1,
            "rope_parameters": {
                "rope_type": "longrope",
                "short_factor": [1.0, 1.5, 2.5],
                "long_factor": [2.0, 3.0, 9.0],
                "attention_factor": 1.3,
            },
        },
    },
    prefix="model.",
    states={"hidden_states": ("embed_tokens", "layers.{}", "norm")},
    exact=1e-6,
)
