"""A tiny random decoder that reads and writes text: a byte-level vocabulary beside its weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import checkpoints

END = "<|endoftext|>"
MERGES = ["H u", "Hu m", "p t", "pt y", "Ġ s", "Ġs a", "Ġsa t"]


def byte_letters() -> list[str]:
    """GPT-2's letter for each byte: itself where it is printable, else one from U+0100 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


def write(folder: Path, **changes: Any) -> Path:
    """Write the model and its tokenizer into ``folder``; ``changes`` to its config."""
    words = [END, *byte_letters(), *(merge.replace(" ", "") for merge in MERGES)]
    checkpoints.write(folder, "gpt2", vocab_size=len(words), **changes)
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False}
    special = {
        "id": 0,
        "content": END,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [special],
        "normalizer": None,
        "pre_tokenizer": byte_level | {"use_regex": True},
        "post_processor": byte_level | {"use_regex": True},
        "decoder": byte_level | {"use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {word: id for id, word in enumerate(words)},
            "merges": MERGES,
        },
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    return folder
