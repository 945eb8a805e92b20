"""Llama."""

from families.family import VOCAB, Family

FAMILY = Family(
    config={
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "vocab_size": VOCAB,
        "hidden_size": 24,
        "intermediate_size": 41,
        "num_hidden_layers": 3,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "head_dim": 6,
        "max_position_embeddings": 64,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "tie_word_embeddings": False,
    },
    variants={
        "every switch": {
            "num_key_value_heads": 3,
            "head_dim": 10,
            "hidden_act": "gelu",
            "rms_norm_eps": 1e-3,
            "rope_parameters": {"rope_type": "default", "rope_theta": 500.0},
            "attention_bias": True,
            "mlp_bias": True,
            "tie_word_embeddings": True,
        },
        "one key head": {"num_key_value_heads": 1, "head_dim": None},
        "linear": {"rope_parameters": {"rope_type": "linear", "factor": 3.0}},
        "llama3": {
            "head_dim": 16,
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 500.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 32,
            },
        },
        "yarn": {
            "head_dim": 16,
            "rope_parameters": {
                "rope_type": "yarn",
                "factor": 4.0,
                "original_max_position_embeddings": 64,
            },
        },
        "yarn, every switch": {
            "head_dim": 14,
            "rope_parameters": {
                "rope_type": "yarn",
                "rope_theta": 700.0,
                "factor": 4.0,
                "original_max_position_embeddings": 32,
                "beta_fast": 6.0,
                "beta_slow": 0.5,
                "mscale": 1.5,
                "mscale_all_dim": 0.7,
                "truncate": False,
            },
        },
    },
    prefix="model.",
    states={"hidden_states": ("embed_tokens", "layers.{}", "norm")},
)
