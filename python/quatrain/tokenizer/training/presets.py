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


def _template(single: str, pair: str) -> Json:
    """What surrounds a text, and two: texts A and B and special tokens, each with its type id."""

    def parts(template: str) -> list[Json]:
        found = []
        for part in template.split():
            name, _, type_id = part.partition(":")
            kind = "Sequence" if name in ("A", "B") else "SpecialToken"
            found.append({kind: {"id": name, "type_id": int(type_id or 0)}})
        return found

    tokens = {part["SpecialToken"]["id"] for part in parts(pair) if "SpecialToken" in part}
    return {
        "type": "TemplateProcessing",
        "single": parts(single),
        "pair": parts(pair),
        "special_tokens": {
            token: {"id": token, "ids": [0], "tokens": [token]} for token in sorted(tokens)
        },
    }


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


def preset(name: str) -> Json:
    """A preset's own copy: some fields of a ``tokenizer.json``."""
    return copy.deepcopy(_PRESETS[name])
