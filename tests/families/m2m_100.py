"""M2M-100 and NLLB."""

from families.bart import FAMILY as BART
from families.family import VOCAB, Family
from families.marian import FAMILY as MARIAN

FAMILY = Family(
    config=BART.config
    | {"model_type": "m2m_100", "architectures": ["M2M100ForConditionalGeneration"]}
    | {"scale_embedding": True, "activation_function": "relu"}
    # Padding has no position: texts here have none.
    | {"vocab_size": VOCAB + 1, "pad_token_id": VOCAB, "max_position_embeddings": 128},
    variants={
        "unscaled": {"scale_embedding": False, "activation_function": "gelu"},
        "untied": {"tie_word_embeddings": False, "encoder_layers": 3, "decoder_layers": 2},
    },
    prefix="model.",
    states=MARIAN.states,
    # Its table of positions is computed in float32.
    exact=1e-5,
)
