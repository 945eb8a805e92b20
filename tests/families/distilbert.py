"""DistilBERT."""

from families.family import VOCAB, Family

FAMILY = Family(
    config={
        "model_type": "distilbert",
        "architectures": ["DistilBertModel"],
        "vocab_size": VOCAB,
        "max_position_embeddings": 64,
        "n_layers": 3,
        "n_heads": 3,
        "dim": 24,
        "hidden_dim": 41,
        "pad_token_id": 0,
    },
    variants={"every switch": {"activation": "relu", "sinusoidal_pos_embds": True}},
    states={"hidden_states": ("embeddings", "transformer.layer.{}", "transformer.layer.2")},
)
