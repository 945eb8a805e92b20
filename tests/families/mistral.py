"""Mistral."""

from families.family import VOCAB, Family

FAMILY = Family(
    config={
        "model_type": "mistral",
        "architectures": ["MistralForCausalLM"],
        "vocab_size": VOCAB,
        "hidden_size": 30,
        "intermediate_size": 37,
        "num_hidden_layers": 3,
        "num_attention_heads": 5,
        "num_key_value_heads": 1,
        "max_position_embeddings": 64,
        "sliding_window": 4,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "tie_word_embeddings": False,
    },
    variants={
        "every switch": {
            "num_attention_heads": 6,
            "num_key_value_heads": 3,
            "head_dim": 10,
            "hidden_act": "gelu_pytorch_tanh",
            "rms_norm_eps": 1e-3,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
            "sliding_window": None,
            "tie_word_embeddings": True,
        },
        "window of one": {"sliding_window": 1, "num_hidden_layers": 2},
    },
    prefix="model.",
    states={"hidden_states": ("embed_tokens", "layers.{}", "norm")},
)
