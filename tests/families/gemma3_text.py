"""Gemma 3, of text alone."""

from families.family import VOCAB, Family

FAMILY = Family(
    config={
        "model_type": "gemma3_text",
        "architectures": ["Gemma3ForCausalLM"],
        "vocab_size": VOCAB,
        "hidden_size": 28,
        "intermediate_size": 43,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 10,
        "query_pre_attn_scalar": 9,
        "sliding_window": 4,
        "sliding_window_pattern": 2,
        "max_position_embeddings": 64,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "tie_word_embeddings": True,
    },
    variants={
        "every switch": {
            "num_attention_heads": 7,
            "num_key_value_heads": 1,
            "head_dim": 6,
            "hidden_activation": "gelu",
            "rms_norm_eps": 1e-3,
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "rope_theta": 500.0, "factor": 8.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 50.0},
            },
            "attention_bias": True,
            "final_logit_softcapping": 5.0,
            "layer_types": ["full_attention", "sliding_attention", "sliding_attention"],
            "tie_word_embeddings": False,
        },
    },
    prefix="model.",
    states={"hidden_states": ("embed_tokens", "layers.{}", "norm")},
    exact=2e-6,
)
