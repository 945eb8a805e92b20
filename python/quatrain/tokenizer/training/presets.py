"""Tokenizers without a vocabulary, for training one: what surrounds the model, as
``tokenizer.json`` has it.
"""

from __future__ import annotations

import copy
from typing import Any

from quatrain.tokenizer.formats.expressions import LLAMA3
from quatrain.tokenizer.formats.templates import template, text_part, token_part

Json = dict[str, Any]


def _byte_level(use_regex: bool) -> Json:
    return {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": use_regex,
    }


def _template(single: str, pair: str) -> Json:
    """What surrounds a text, and two: texts A and B and special tokens, each with its type id."""

    def parts(written: str) -> list[Json]:
        found = []
        for part in written.split():
            name, _, type_id = part.partition(":")
            make = text_part if name in ("A", "B") else token_part
            found.append(make(name, int(type_id or 0)))
        return found

    return template(parts(single), parts(pair), lambda token: 0)


def _metaspace(prepend_scheme: str) -> Json:
    """Words with the space before them, written as ``▁``."""
    return {
        "type": "Metaspace",
        "replacement": "▁",
        "prepend_scheme": prepend_scheme,
        "split": True,
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
        "post_processor": _template("[CLS] A [SEP]", "[CLS] A [SEP] B:1 [SEP]:1"),
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece"},
    }


def added_token(index: int, content: str) -> Json:
    """A special token, which is matched as it stands."""
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"id": index, "content": content, **flags, "special": True}


def _special(*tokens: str) -> list[Json]:
    return [added_token(index, token) for index, token in enumerate(tokens)]


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
                    "pattern": {"Regex": LLAMA3},
                    "behavior": "Isolated",
                    "invert": False,
                },
                _byte_level(False),
            ],
        },
        "post_processor": _byte_level(True),
        "decoder": _byte_level(True),
    },
    "llama": {
        "added_tokens": _special("<unk>", "<s>", "</s>"),
        "pre_tokenizer": _metaspace("always"),
        "post_processor": _template("<s> A", "<s> A <s>:1 B:1"),
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ],
        },
        "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True},
    },
    "t5": {
        "added_tokens": _special("<pad>", "</s>", "<unk>"),
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Nmt"},
                {"type": "NFKC"},
                {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
            ],
        },
        "pre_tokenizer": _metaspace("always"),
        "post_processor": _template("A </s>", "A </s> B </s>"),
        "decoder": _metaspace("always"),
        "model": {
            "type": "Unigram",
            "unk_id": 2,
            "vocab": [["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0]],
        },
    },
    "bert-uncased": _bert(lowercase=True),
    "bert-cased": _bert(lowercase=False),
}
NAMES = tuple(_PRESETS)

_BERT_ROLES = {name: f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
_ROLES = {
    "gpt2": {"bos": "<|endoftext|>", "eos": "<|endoftext|>"},
    "llama3": {"bos": "<|begin_of_text|>", "eos": "<|end_of_text|>"},
    "llama": {"bos": "<s>", "eos": "</s>"},
    "t5": {"eos": "</s>", "pad": "<pad>"},
    "bert-uncased": _BERT_ROLES,
    "bert-cased": _BERT_ROLES,
}


def preset(name: str) -> Json:
    """A preset's own copy: some fields of a ``tokenizer.json``."""
    return copy.deepcopy(_PRESETS[name])


def roles(name: str) -> dict[str, str]:
    """What a preset's special tokens are for, as ``{"eos_token": "</s>"}``."""
    return {f"{role}_token": token for role, token in _ROLES[name].items()}
