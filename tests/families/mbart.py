"""mBART."""

from families.bart import FAMILY as BART
from families.bart import bias
from families.family import Family

VARIANTS = {
    "scaled": {"scale_embedding": True, "activation_function": "relu"},
    "untied": {"tie_word_embeddings": False, "encoder_layers": 3, "decoder_layers": 2},
}
FAMILY = Family(
    config=BART.config
    | {"model_type": "mbart", "architectures": ["MBartForConditionalGeneration"]},
    variants=VARIANTS,
    prefix="model.",
    states=BART.states,
    loud="decoder.layer_norm.weight",
    remade=dict.fromkeys(["", *VARIANTS], bias),
)
