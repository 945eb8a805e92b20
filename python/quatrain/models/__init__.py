"""The families, by the ``model_type`` of their ``config.json``."""

from __future__ import annotations

from typing import Any

from quatrain.errors import ConfigError
from quatrain.models.bart import Bart
from quatrain.models.bert import Bert
from quatrain.models.distilbert import DistilBert
from quatrain.models.gemma2 import Gemma2
from quatrain.models.gemma3 import Gemma3, Gemma3Text
from quatrain.models.gpt2 import GPT2
from quatrain.models.llama import Llama
from quatrain.models.m2m_100 import M2M100
from quatrain.models.marian import Marian
from quatrain.models.mbart import MBart
from quatrain.models.mistral import Mistral
from quatrain.models.modernbert import ModernBert
from quatrain.models.mpnet import MPNet
from quatrain.models.mt5 import MT5, UMT5
from quatrain.models.phi3 import Phi3
from quatrain.models.qwen2 import Qwen2
from quatrain.models.qwen3 import Qwen3
from quatrain.models.roberta import Roberta
from quatrain.models.shapes import (
    Decoder,
    Encoder,
    EncoderDecoder,
    HeadlessDecoder,
    Network,
    SpeechToText,
)
from quatrain.models.t5 import T5
from quatrain.models.transformer import Transformer
from quatrain.models.whisper import Whisper

__all__ = [
    "FAMILIES",
    "Decoder",
    "Encoder",
    "EncoderDecoder",
    "HeadlessDecoder",
    "Network",
    "SpeechToText",
    "network",
]

FAMILIES: dict[str, type[Any]] = {
    "bart": Bart,
    "bert": Bert,
    "camembert": Roberta,
    "distilbert": DistilBert,
    "gemma2": Gemma2,
    "gemma3": Gemma3,
    "gemma3_text": Gemma3Text,
    "gpt2": GPT2,
    "llama": Llama,
    "m2m_100": M2M100,
    "marian": Marian,
    "mbart": MBart,
    "mistral": Mistral,
    "modernbert": ModernBert,
    "mpnet": MPNet,
    "mt5": MT5,
    "phi3": Phi3,
    "qwen2": Qwen2,
    "qwen3": Qwen3,
    "roberta": Roberta,
    "t5": T5,
    "transformer": Transformer,
    "umt5": UMT5,
    "whisper": Whisper,
    "xlm-roberta": Roberta,
}


def network(fields: dict[str, Any], file: str) -> Network:
    """The unbound network that ``config.json``'s fields describe.

    Raises ConfigError for an unknown family or an unsupported field, naming ``file``.
    """
    kind = fields.get("model_type")
    if not isinstance(kind, str) or kind not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise ConfigError(f"{file}: model_type: expected one of {known}, found {kind!r}")
    family = FAMILIES[kind]
    result: Network = family(family.config_class.from_dict(fields, file))
    result.assign_paths()
    return result
