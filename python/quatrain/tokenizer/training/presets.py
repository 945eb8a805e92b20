"""Tokenizers without a vocabulary, for training one: what surrounds the model, as
``tokenizer.json`` has it.
"""

from __future__ import annotations

import copy
from typing import Any

Json = dict[str, Any]

#: The pattern of Llama 3.
_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _byte_level(use_regex: bool) -> Json:
    return {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": use_regex,
    }


def _template(first: str, last: str) -> Json:
    def special(token: str, type_id: int) -> Json:
        return {"SpecialToken": {"id": token, "type_id": type_id}}

    def sequence(name: str, type_id: int) -> Json:
        return {"Sequence": {"id": name, "type_id": type_id}}

    single = [special(first, 0), sequence("A", 0), special(last, 0)]
    return {
        "type": "TemplateProcessing",
        "single": single,
        "pair": [*single, sequence("B", 1), special(last, 1)],
        "special_tokens": {
            token: {"id": token, "ids": [0], "tokens": [token]} for token in (first, last)
        },
    }


def _bert(lowercase: bool) -> Json:
    return {
        "added_tokens": _special("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": lowercase,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": _template("[CLS]", "[SEP]"),
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece"},
    }


def added_token(content: str) -> Json:
    """A special token, which is matched as it stands. It has no id before the training."""
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"id": 0, "content": content, **flags, "special": True}


def _special(*tokens: str) -> list[Json]:
    return [added_token(token) for token in tokens]


#: Their special tokens come first in the vocabulary, in this order.
_PRESETS: dict[str, Json] = {
    "gpt2": {
        "added_tokens": _special("<|endoftext|>"),
        "pre_tokenizer": _byte_level(True),
        "post_processor": _byte_level(True),
        "decoder": _byte_level(True),
    },
    "llama3": {
        "added_tokens": _special("<|begin_of_text|>", "<|end_of_text|>"),
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {
                    "type": "Split",
                    "pattern": {"Regex": _LLAMA3},
                    "behavior": "Isolated",
                    "invert": False,
                },
                _byte_level(False),
            ],
        },
        "post_processor": _byte_level(True),
        "decoder": _byte_level(True),
    },
    "bert-uncased": _bert(lowercase=True),
    "bert-cased": _bert(lowercase=False),
}
NAMES = tuple(_PRESETS)


def preset(name: str) -> Json:
    """A preset's own copy: some fields of a ``tokenizer.json``."""
    return copy.deepcopy(_PRESETS[name])
