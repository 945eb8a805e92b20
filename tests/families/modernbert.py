"""ModernBERT."""

from families.family import VOCAB, Family

FULL, SLIDING = "full_attention", "sliding_attention"

FAMILY = Family(
    config={
        "model_type": "modernbert",
        "architectures": ["ModernBertModel"],
        "vocab_size": VOCAB,
        "hidden_size": 24,
        "intermediate_size": 41,
        "num_hidden_layers": 5,
        "num_attention_heads": 3,
        "max_position_embeddings": 64,
        "local_attention": 6,
        "global_attn_every_n_layers": 3,
        "pad_token_id": 0,
    },
    variants={
        "every switch": {
            "hidden_activation": "silu",
            "norm_eps": 1e-3,
            "norm_bias": True,
            "attention_bias": True,
            "mlp_bias": True,
            "local_attention": 3,
            "layer_types": [SLIDING, SLIDING, FULL, SLIDING, FULL],
            "global_attn_every_n_layers": 2,
            "rope_parameters": {
                FULL: {"rope_type": "default", "rope_theta": 500.0},
                SLIDING: {"rope_type": "linear", "rope_theta": 70.0, "factor": 2.0},
            },
        },
        "thetas": {
            "global_rope_theta": 300.0,
            "local_rope_theta": 20.0,
            "global_attn_every_n_layers": 2,
            "local_attention": 100,
        },
    },
    prefix="model.",
    states={"hidden_states": ("embeddings", "layers.{}", "final_norm")},
)
