"""RoBERTa (Liu et al. 2019), and with it XLM-RoBERTa and CamemBERT: BERT's network, whose positions
begin behind the padding's id."""

from __future__ import annotations

from dataclasses import dataclass

from quatrain.errors import ConfigError
from quatrain.models.bert import Bert, BertConfig
from quatrain.models.config import LARGEST, between


@dataclass(frozen=True)
class RobertaConfig(BertConfig):
    """``model_type`` "roberta", "xlm-roberta" or "camembert"."""

    vocab_size: int = 50265
    pad_token_id: int = 1

    @property
    def first_position(self) -> int:
        return self.pad_token_id + 1

    def check(self) -> None:
        super().check()
        between(self, "pad_token_id", 0, LARGEST)
        if self.max_position_embeddings <= self.first_position:
            raise ConfigError(
                "max_position_embeddings: expected more than pad_token_id + 1"
                f" ({self.first_position}), found {self.max_position_embeddings}"
            )


class Roberta(Bert):
    """The encoder; its weights have the names of ``RobertaModel``."""

    config: RobertaConfig
    config_class = RobertaConfig
    prefixes = ("roberta.",)
    ignored = (r"embeddings\.position_ids", r"lm_head\..*")
