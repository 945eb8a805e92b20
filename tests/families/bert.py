"""BERT."""

from families.family import VOCAB, Family

FAMILY = Family(
    config={
        "model_type": "bert",
        "architectures": ["BertModel"],
        "vocab_size": VOCAB,
        "hidden_size": 24,
        "num_hidden_layers": 3,
        "num_attention_heads": 3,
        "intermediate_size": 41,
        "max_position_embeddings": 64,
        "pad_token_id": 0,
    },
    variants={
        "every switch": {"hidden_act": "gelu_new", "layer_norm_eps": 1e-3, "type_vocab_size": 5},
        "silu": {"hidden_act": "silu", "type_vocab_size": 1},
    },
    states={"hidden_states": ("embeddings", "encoder.layer.{}", "encoder.layer.2")},
)
