"""RoBERTa (Liu et al. 2019), and with it XLM-RoBERTa and CamemBERT: BERT's network, whose positions
begin behind the padding's id."""

from __future__ import annotations

from dataclasses import dataclass

from quatrain.models.bert import Bert, BertConfig
from quatrain.models.config import between


@dataclass(frozen=True)
class RobertaConfig(BertConfig):
    """``model_type`` "roberta", "xlm-roberta" or "camembert"."""

    vocab_size: int = 50265
    pad_token_id: int = 1

    @property
    def first_position(self) -> int:
        return self.pad_token_id + 1

    def check(self) -> None:
        between(self, "pad_token_id", 0, self.vocab_size - 1)
        super().check()


class Roberta(Bert):
    """The encoder; its weights have the names of ``RobertaModel``."""

    config: RobertaConfig
    config_class = RobertaConfig
    prefixes = ("roberta.",)
    ignored = (r"embeddings\.position_ids", r"lm_head\..*")
