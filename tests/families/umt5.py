"""umT5."""

from families.family import Family
from families.t5 import FAMILY as T5

FAMILY = Family(
    config=T5.config
    | {
        "model_type": "umt5",
        "architectures": ["UMT5ForConditionalGeneration"],
        "num_layers": 3,
        "num_decoder_layers": 2,
    },
    variants={
        "relu": {"feed_forward_proj": "relu", "num_decoder_layers": None},
        "far": {"relative_attention_num_buckets": 6, "relative_attention_max_distance": 5},
    },
    states=T5.states,
    loud="decoder.final_layer_norm.weight",
)
