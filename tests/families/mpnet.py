"""MPNet."""

from families.bert import FAMILY as BERT
from families.family import Family

FAMILY = Family(
    config=BERT.config
    | {"model_type": "mpnet", "architectures": ["MPNetModel"], "pad_token_id": 1},
    variants={"every switch": {"hidden_act": "silu", "layer_norm_eps": 1e-3}},
    states=BERT.states,
)
