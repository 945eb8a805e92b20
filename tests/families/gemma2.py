"""Gemma 2."""

from families.family import VOCAB, Family

FAMILY = Family(
    config={
        "model_type": "gemma2",
        "architectures": ["Gemma2ForCausalLM"],
        "vocab_size": VOCAB,
        "hidden_size": 28,
        "intermediate_size": 43,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 10,
        "query_pre_attn_scalar": 9,
        "sliding_window": 4,
        "attn_logit_softcapping": 3.0,
        "final_logit_softcapping": 5.0,
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
            "rope_parameters": {"rope_type": "linear", "rope_theta": 500.0, "factor": 2.0},
            "attention_bias": True,
            "layer_types": ["full_attention", "full_attention", "sliding_attention"],
            "tie_word_embeddings": False,
        },
        "no caps": {"attn_logit_softcapping": None, "final_logit_softcapping": None},
    },
    prefix="model.",
    states={"hidden_states": ("embed_tokens", "layers.{}", "norm")},
    exact=2e-6,
)
