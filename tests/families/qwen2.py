"""Qwen2."""

from families.family import VOCAB, Family

FAMILY = Family(
    config={
        "model_type": "qwen2",
        "architectures": ["Qwen2ForCausalLM"],
        "vocab_size": VOCAB,
        "hidden_size": 28,
        "intermediate_size": 43,
        "num_hidden_layers": 3,
        "num_attention_heads": 7,
        "num_key_value_heads": 1,
        "max_position_embeddings": 64,
        "use_sliding_window": True,
        "sliding_window": 3,
        "max_window_layers": 1,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "tie_word_embeddings": True,
    },
    variants={
        "every switch": {
            "num_attention_heads": 6,
            "num_key_value_heads": 2,
            "head_dim": 10,
            "hidden_act": "relu",
            "rms_norm_eps": 1e-3,
            "rope_parameters": {"rope_type": "linear", "rope_theta": 500.0, "factor": 2.5},
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
            "tie_word_embeddings": False,
        },
        "no window": {"use_sliding_window": False},
    },
    prefix="model.",
    states={"hidden_states": ("embed_tokens", "layers.{}", "norm")},
)
