"""mT5."""

from families.family import Family
from families.t5 import FAMILY as T5
from families.t5 import own_head

CONFIG = T5.config | {
    "model_type": "mt5",
    "architectures": ["MT5ForConditionalGeneration"],
    "num_heads": 5,
    "tie_word_embeddings": False,
}
FAMILY = Family(
    config=CONFIG,
    variants={
        "relu": {"feed_forward_proj": "relu", "num_decoder_layers": None, "num_layers": 3},
        "tied": {"layer_norm_epsilon": 1e-3, "relative_attention_num_buckets": 14},
    },
    states=T5.states,
    loud="decoder.final_layer_norm.weight",
    remade={"": own_head, "relu": own_head},
)
