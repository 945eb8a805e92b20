"""The subwords of subword-nmt (Sennrich et al. 2016), as a ``tokenizer.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

#: How a file of merges marks the end of a word, and a dictionary a subword that is not one.
END, OPEN = "</w>", "@@"


def tokenizer(codes: Path, words: list[str], *, lowercase: bool) -> dict[str, Any]:
    """The description of a tokenizer. ``words`` are the dictionary's, in the order of their ids.

    What merging passes through and the dictionary lacks has ids behind them: whoever uses these
    must treat them as ``<unk>``.
    """
    header, *lines = codes.read_text(encoding="utf-8").splitlines()
    if header != "#version: 0.2":
        raise ValueError(f"{codes}: expected #version: 0.2, found {header!r}")
    merges = [line.split(" ")[:2] for line in lines]
    special = [word for word in words if word in ("<s>", "<pad>", "</s>", "<unk>")]
    vocab = {
        word
        if word in special
        else word.removesuffix(OPEN)
        if word.endswith(OPEN)
        else word + END: i
        for i, word in enumerate(words)
    }
    assert len(vocab) == len(words)
    for left, right in merges:
        for part in (left, right, left + right):
            vocab.setdefault(part, len(vocab))
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": vocab[word],
                "content": word,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for word in special
        ],
        "normalizer": {"type": "Lowercase"} if lowercase else None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "</s>", "type_id": 0}},
            ],
            "pair": [
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "</s>", "type_id": 0}},
                {"Sequence": {"id": "B", "type_id": 1}},
                {"SpecialToken": {"id": "</s>", "type_id": 1}},
            ],
            "special_tokens": {"</s>": {"id": "</s>", "ids": [vocab["</s>"]], "tokens": ["</s>"]}},
        },
        "decoder": {"type": "BPEDecoder", "suffix": END},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": END,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocab,
            "merges": merges,
        },
    }
