"""GPT-2."""

from families.family import VOCAB, Family

FAMILY = Family(
    config={
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "vocab_size": VOCAB,
        "n_positions": 64,
        "n_embd": 24,
        "n_layer": 3,
        "n_head": 3,
        "n_inner": 37,
        "scale_attn_by_inverse_layer_idx": True,
        "bos_token_id": 0,
        "eos_token_id": 0,
    },
    variants={
        "every switch": {
            "n_inner": None,
            "activation_function": "gelu",
            "layer_norm_epsilon": 1e-3,
            "scale_attn_by_inverse_layer_idx": False,
            "tie_word_embeddings": False,
        },
        "reordered": {"reorder_and_upcast_attn": True, "activation_function": "gelu_fast"},
        "erf": {"activation_function": "gelu_python"},
        "unscaled": {"scale_attn_weights": False, "activation_function": "relu"},
    },
    prefix="transformer.",
    states={"hidden_states": ("add", "h.{}", "ln_f")},
)
