"""Real tokenizers, as ``tokenizer.json`` files, from the test data folder.

Most are published in that form. Of the others there is a vocabulary, to which the rest of the file
is written here as the model's authors run it; nothing of a vocabulary is made up.
"""

from __future__ import annotations

import base64
import functools
import json
import struct
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import gguf_fields
import tokenizer_data as data

#: Published as ``tokenizer.json``.
PUBLISHED = {
    "cl100k": "gpt35turbo16k",
    "o200k": "gpt4o",
    "p50k": "text_davinci003",
    "llama3": "llama3_1",
    "qwen2": "qwen2_5",
    "tekken": "mistral_nemo",
    "deepseek": "deepseek",
    "claude": "claude",
    "llama2": "llama2",
    "chatglm3": "chatglm3",
    "yi": "yi",
    "gemma2": "gemma2",
    "t5": "t5",
}
#: Those of them, and of the built ones, whose tokens spell the very bytes of any text.
LOSSLESS = ["gpt2", "whisper", "p50k", "cl100k", "o200k", "llama3", "tekken", "deepseek"]


def real(name: str, folder: Path) -> bytes:
    """The ``tokenizer.json`` of a name in `REAL`; ``folder`` is the test data folder."""
    return _real(name, folder)


@functools.cache
def _real(name: str, folder: Path) -> bytes:
    if name not in PUBLISHED:
        return data.to_bytes(BUILT[name](folder))
    file = json.loads((folder / "tokenizers" / f"{PUBLISHED[name]}.json").read_bytes())
    # Lengths are not what these files are for.
    return data.to_bytes(file | {"truncation": None, "padding": None})


def minilm(folder: Path) -> dict[str, Any]:
    file: dict[str, Any] = json.loads((folder / "minilm" / "tokenizer.json").read_bytes())
    return file | {"truncation": None, "padding": None}


def whisper(folder: Path) -> dict[str, Any]:
    """Whisper's multilingual ranks, with GPT-2's pattern."""
    return data.byte_level_bpe(data.tiktoken_ranks(folder / "tokenizers" / "whisper.tiktoken"))


def bert_chinese(folder: Path) -> dict[str, Any]:
    words = (folder / "tokenizers" / "bert-chinese.txt").read_text(encoding="utf-8").splitlines()
    return bert(words, lowercase=True)


def bert_cased(folder: Path) -> dict[str, Any]:
    return bert(_id_to_word(folder / "tokenizers" / "bert-cased.i2w"), lowercase=False)


def bert_multilingual(folder: Path) -> dict[str, Any]:
    return bert(_id_to_word(folder / "tokenizers" / "bert-multilingual.i2w"), lowercase=False)


def bert(words: list[str], lowercase: bool) -> dict[str, Any]:
    """BERT's tokenizer around its vocabulary."""
    vocab = {word: index for index, word in enumerate(words)}
    file = data.plain_word_piece()
    file["model"]["vocab"] = vocab
    file["normalizer"]["lowercase"] = lowercase
    names = [token["content"] for token in file["added_tokens"]]
    file["added_tokens"] = [data.added_token(vocab[n], n, special=True) for n in names]
    for name, token in file["post_processor"]["special_tokens"].items():
        token["ids"] = [vocab[name]]
    return file


def _id_to_word(path: Path) -> list[str]:
    """BlingFire's table of words: 96 bytes in, their number and where each begins.

    A word that begins a word is written with a space before it, one that continues it without.
    """
    table = path.read_bytes()
    (count,) = struct.unpack_from("<i", table, 96)
    starts = struct.unpack_from(f"<{count + 1}i", table, 100)
    text = table[100 + 4 * (count + 1) :]
    words = [text[a:b].decode() for a, b in pairwise(starts)]
    return [word[1:] if word[0] == " " else f"##{word}" for word in words]


def xlm_roberta(folder: Path) -> dict[str, Any]:
    """XLM-RoBERTa's Unigram, which GGUF holds with its scores and its charsmap."""
    known = gguf_fields.fields(folder / "llama.cpp" / "ggml-vocab-nomic-bert-moe.gguf")
    tokens, scores, charsmap = (
        known[f"tokenizer.ggml.{name}"] for name in ("tokens", "scores", "precompiled_charsmap")
    )
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    begin, end = ({"SpecialToken": {"id": name, "type_id": 0}} for name in ("<s>", "</s>"))
    second = {"Sequence": {"id": "B", "type_id": 0}}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            *(data.added_token(i, name, special=True) for i, name in enumerate(tokens[:4])),
            data.added_token(250001, "<mask>", special=True, lstrip=True),
        ],
        "normalizer": {
            "type": "Precompiled",
            "precompiled_charsmap": base64.b64encode(bytes(charsmap)).decode(),
        },
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace],
        },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [begin, text, end],
            "pair": [begin, text, end, end, second, end],
            "special_tokens": {
                name: {"id": name, "ids": [index], "tokens": [name]}
                for name, index in (("<s>", 0), ("</s>", 2))
            },
        },
        "decoder": metaspace,
        "model": {
            "type": "Unigram",
            "unk_id": 3,
            "vocab": [list(pair) for pair in zip(tokens, scores, strict=True)],
            "byte_fallback": False,
        },
    }


BUILT: dict[str, Callable[[Path], dict[str, Any]]] = {
    "gpt2": data.gpt2,
    "whisper": whisper,
    "minilm": minilm,
    "bert-chinese": bert_chinese,
    "bert-cased": bert_cased,
    "bert-multilingual": bert_multilingual,
    "xlm-roberta": xlm_roberta,
}
REAL = [*BUILT, *PUBLISHED]
