"""The tokenizer of a model: the one that ``transformers`` would give the model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quatrain.tokenizer import opening
from quatrain.tokenizer.description import read_bytes
from quatrain.tokenizer.formats.fields import parse
from quatrain.tokenizer.formats.side_files import CONFIG
from quatrain.tokenizer.tokenizer import Tokenizer

#: What a folder that names no class means, by the ``model_type`` of its ``config.json``.
_CLASSES = {
    "bart": "BartTokenizer",
    "bert": "BertTokenizer",
    "gpt2": "GPT2Tokenizer",
    "llama": "LlamaTokenizer",
    "t5": "T5Tokenizer",
}


def tokenizer_of(where: Path, config: Mapping[str, Any]) -> Tokenizer | None:
    """The tokenizer in the folder or the file of a model, or None where a folder has none.

    It is what `Tokenizer.from_pretrained` finds there, but a SentencePiece model has the behavior
    of ``tokenizers``, and vocabularies are of the class that goes with the model, of which
    ``config`` are the fields of ``config.json``, unless ``tokenizer_config.json`` names another.

    Raises:
        TokenizerError: see `Tokenizer.from_pretrained`.
    """
    if where.is_file():
        return Tokenizer.from_file(where)
    if opening.format_in(where) is None:
        return None
    defaults = {"behavior": "tokenizers"}
    if not _names_a_class(where / CONFIG):
        named = config.get("tokenizer_class") or _CLASSES.get(str(config.get("model_type")))
        if named is not None:
            defaults["tokenizer_class"] = named
    return Tokenizer._from_source(opening.open_folder(where, {}, defaults))


def _names_a_class(path: Path) -> bool:
    if not path.is_file():
        return False
    return parse(read_bytes(path), str(path)).optional("tokenizer_class") is not None
