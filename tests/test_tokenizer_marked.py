"""Ids alone where U+2581 marks spaces: texts are cut before they are normalized, unseen."""

from __future__ import annotations

from base64 import b64encode
from random import Random
from typing import Any

import pytest

from quatrain.tokenizer import Tokenizer
from tokenizer_charsmap import charsmap
from tokenizer_data import HOSTILE, added_token, to_bytes

CHARACTERS = "   \n\n\t\r\0abcé\u0301\u0600\u037a\u4e2d\u2581\u00a0\u3000.\u1100\u1161"
# A charsmap may drop what ends a word, make spaces of it, or take a space together with its mark.
REPLACED = ["\n", "\t", "\r", "\r\n", "\0", "a", "é", "\u0301", "e\u0301", "a\u0301", " \u0301"]
REPLACED += ["\u00a0", "\u3000", "\u0600", "\u0600a", "\u0600 ", "\u4e2d", " ", ".", "c"]
REPLACED += ["\u1100\u1161"]
REPLACEMENTS = ["", " ", " ", "a", "b ", " b", "\u2581", "é", "  ", "bc", "\u4e2d\u4e2d"]
METASPACE = {"type": "Metaspace", "replacement": "\u2581"}
JOIN = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
MARK = {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}
PREPEND = {"type": "Prepend", "prepend": "\u2581"}


def check(file: dict[str, Any], inputs: list[str]) -> None:
    """Ids alone are those of a full encoding, which goes the long way."""
    tokenizer = Tokenizer(to_bytes(file))
    # Twice: once words are new, once they were read before.
    for text in [*inputs, *HOSTILE, *inputs[:50], "a<x> b<x>ab <x>", "<x> a<x>\u0301b", "<x>a <x>"]:
        assert tokenizer.encode_ids(text) == tokenizer.encode(text).ids, text


def some_file(model: dict[str, Any], normalizers: list[Any], steps: list[Any]) -> dict[str, Any]:
    parts = ("post_processor", "decoder", "truncation", "padding")
    return {
        "version": "1.0",
        **dict.fromkeys(parts),
        "added_tokens": [added_token(len(model["vocab"]), "<x>")],
        "normalizer": {"type": "Sequence", "normalizers": normalizers},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps} if steps else None,
        "model": model,
    }


def some_texts(random: Random, characters: str = CHARACTERS) -> list[str]:
    return ["".join(random.choices(characters, k=random.randrange(30))) for _ in range(200)]


@pytest.mark.parametrize("seed", range(40))
def test_words(seed: int) -> None:
    random = Random(seed)
    letters = [c for c in dict.fromkeys(CHARACTERS) if random.random() < 0.8]
    pieces = [*letters, "ab", "\u2581a", "\u2581ab", "\u2581\u2581", "bc", "a\u2581", "ca\u2581b"]
    pieces += [".\u4e2d", "é\u4e2d", "\u2581.", "\u4e2dc", "a" * 70]
    known = [piece for piece in dict.fromkeys(pieces) if random.random() < 0.9]
    vocab = [["<unk>", 0.0], *([piece, -random.random()] for piece in known)]
    rules = {a: random.choice(REPLACEMENTS) for a in REPLACED if random.random() < 0.4}
    rules[random.choice("\n\t")] = " "
    rewrite = {"type": "Precompiled", "precompiled_charsmap": b64encode(charsmap(rules)).decode()}
    always = METASPACE | {"prepend_scheme": "always"}
    other = METASPACE | {"prepend_scheme": random.choice(["first", "never"])}
    model = {"type": "Unigram", "unk_id": 0, "vocab": vocab}
    for normalizers in ([rewrite, JOIN], [rewrite], [JOIN], []):
        for steps in ([always], [{"type": "WhitespaceSplit"}, always], [other]):
            check(some_file(model, normalizers, steps), some_texts(random))


@pytest.mark.parametrize("runs", ["[^ ]+", "[ ]", " {3}", " {2,3}", " +", " {2,}", " {3,}"])
def test_other_runs_of_spaces(runs: str) -> None:
    """Not every expression of spaces makes one of many."""
    vocab = [["<unk>", 0.0], *([piece, -1.0] for piece in ("a", "b", "\u2581", "\u2581a"))]
    model = {"type": "Unigram", "unk_id": 0, "vocab": vocab}
    rewrite = {"type": "Replace", "pattern": {"Regex": runs}, "content": " "}
    steps = [METASPACE | {"prepend_scheme": "always"}]
    check(some_file(model, [rewrite], steps), some_texts(Random(1), "ab    "))


@pytest.mark.parametrize("seed", range(40))
def test_ties(seed: int) -> None:
    """Of paths with the same sum, rounding chooses: by what is before them in the word."""
    random = Random(seed)
    pieces = {"".join(random.choices("abc", k=random.randint(1, 4))) for _ in range(12)}
    scores = [-random.random() for _ in range(3)]
    vocab = [["<unk>", 0.0], ["\u2581", -1.3], *([piece, -0.1 * len(piece)] for piece in pieces)]
    vocab += [[piece, random.choice(scores)] for piece in (".", "..", "...", ",", ";", ",,", "xy")]
    if seed % 3 == 0:  # unknown characters may spell a piece
        vocab = [[piece, score + 30] for piece, score in vocab]
    model = {"type": "Unigram", "unk_id": 0, "vocab": vocab}
    steps = [METASPACE | {"prepend_scheme": "always"}]
    check(some_file(model, [JOIN], steps), some_texts(random, "aabbcc.,;xy  \u4e2d"))


def test_a_word_too_long_to_be_sure() -> None:
    vocab = [["<unk>", 0.0], ["\u2581", -1.0], ["a", -1.1], [".", -1.3], ["aa", -2.5]]
    model = {"type": "Unigram", "unk_id": 0, "vocab": vocab}
    file = some_file(model, [], [METASPACE | {"prepend_scheme": "always"}])
    tokenizer = Tokenizer(to_bytes(file))
    text = "aa.a." * 250_000 + " a.aa"
    assert tokenizer.encode_ids(text) == tokenizer.encode(text).ids


@pytest.mark.parametrize("seed", range(40))
def test_whole_texts(seed: int) -> None:
    random = Random(seed)
    letters = [*"abc\u2581.\u4e2d\u6587\u5b57"]
    known, merges = list(letters), []
    for _ in range(random.randint(0, 25)):
        left, right = random.choices(known, k=2)
        if f"{left} {right}" not in merges and len(left + right) < 8:
            merges.append(f"{left} {right}")
            known.append(left + right)
    vocab = {"<unk>": 0} | {token: i + 1 for i, token in enumerate(dict.fromkeys(known))}
    has_bytes = random.random() < 0.6
    if has_bytes:
        # "b" has a token, and seldom needs one for its byte.
        spelled = [byte for byte in range(256) if byte != ord("b") or random.random() < 0.5]
        vocab |= {f"<0x{byte:02X}>": len(vocab) + i for i, byte in enumerate(spelled)}
    model = {
        "type": "BPE",
        "vocab": vocab,
        "merges": merges,
        "unk_token": "<unk>",
        "fuse_unk": random.random() < 0.5,
        "byte_fallback": has_bytes,
    }
    split = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious"}
    whole = METASPACE | {"split": False}
    for normalizers, steps in (
        ([PREPEND, MARK], []),
        ([MARK], []),
        ([MARK], [split | {"invert": False}]),
        ([PREPEND], []),
        ([], [whole | {"prepend_scheme": "first"}]),
        ([], [whole | {"prepend_scheme": "always"}]),
        ([MARK], [whole | {"prepend_scheme": "never"}]),
    ):
        characters = CHARACTERS + "\U0001f469" + "\u4e2d\u6587\u5b57\u8fd9" * 2
        check(some_file(model, normalizers, steps), some_texts(random, characters))


@pytest.mark.parametrize("kept", [True, False])
def test_wide_characters_of_bert(kept: bool) -> None:
    """An ideograph or a mark is a word, and is not looked up like others."""
    tokens = ["[UNK]", "a", "##b", "##\u4e2d", "\u4e2d", "\u6587", "\u3002", "b", "\u304b"]
    model = {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": {token: i for i, token in enumerate(tokens)},
    }
    normalizer = {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": kept,
        "strip_accents": None,
        "lowercase": True,
    }
    file = some_file(model, [], [{"type": "BertPreTokenizer"}]) | {"normalizer": normalizer}
    wide = (
        "\u4e2d\u6587\u3002\u8fd9\u304b\u3099\u304c\ufffd\uff0c\u0301\ud7a3\u0e01\u200b\u3000\ufb01"
    )
    check(file, some_texts(Random(1), "ab " + wide))
