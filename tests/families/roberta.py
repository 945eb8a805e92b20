"""RoBERTa, XLM-RoBERTa and CamemBERT."""

from families.bert import FAMILY as BERT
from families.family import Family

FAMILY = Family(
    config=BERT.config
    | {"model_type": "roberta", "architectures": ["RobertaModel"], "pad_token_id": 5}
    | {"type_vocab_size": 2},
    variants={
        "every switch": {"hidden_act": "gelu_new", "layer_norm_eps": 1e-3, "pad_token_id": 0},
        "xlm-roberta": {"model_type": "xlm-roberta", "type_vocab_size": 1, "pad_token_id": 1},
        "camembert": {"model_type": "camembert", "type_vocab_size": 1, "hidden_act": "relu"},
    },
    states=BERT.states,
)
