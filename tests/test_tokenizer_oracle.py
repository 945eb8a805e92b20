# ruff: noqa: RUF001 (ambiguous characters are what these texts are for)
"""Equality with the ``tokenizers`` library, token for token and offset for offset."""

from __future__ import annotations

import base64
import functools
import json
import os
import random
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import tiktoken
import tokenizers
from quatrain.tokenizer import Tokenizer
from tokenizer_data import (
    CL100K_PATTERN,
    GPT2_PATTERN,
    HOSTILE,
    LLAMA3_PATTERN,
    QWEN2_PATTERN,
    added_token,
    gpt2,
    plain_bpe,
    plain_word_piece,
    texts,
    to_bytes,
)

pytestmark = pytest.mark.oracle

FIELDS = (
    "ids",
    "tokens",
    "offsets",
    "type_ids",
    "attention_mask",
    "special_tokens_mask",
    "word_ids",
)


class Both:
    """One file in both libraries."""

    def __init__(self, data: bytes):
        self.ours = Tokenizer(data)
        self.peer = tokenizers.Tokenizer.from_str(data.decode())
        # The peer decodes an added token that it normalizes as its normalized form, and does not
        # skip it even if special. We decode the token that the file gives.
        self.decodes_alike = all(
            self.peer.id_to_token(token["id"]) == token["content"]
            for token in json.loads(data)["added_tokens"]
        )

    def check(self, text: str, pair: str | None = None, special: bool = True) -> None:
        ours = self.ours.encode(text, pair, special)
        peer = self.peer.encode(text, pair, add_special_tokens=special)
        compare(ours, peer, (text, pair, special))
        for skip in (True, False) if self.decodes_alike else ():
            expected = self.peer.decode(peer.ids, skip_special_tokens=skip)
            assert self.ours.decode(ours.ids, skip) == expected, (text, skip)
            stream = self.ours.stream_decoder(skip)
            assert "".join(map(stream.push, ours.ids)) + stream.flush() == expected


def compare(ours: Any, peer: Any, what: Any) -> None:
    for field in FIELDS:
        mine, theirs = getattr(ours, field), getattr(peer, field)
        if mine != theirs:
            assert len(mine) == len(theirs), (field, what, mine[:50], theirs[:50])
            at = next(i for i in range(len(mine)) if mine[i] != theirs[i])
            context = slice(max(0, at - 3), at + 4)
            pytest.fail(
                f"{field} differ at {at}: {mine[context]} != {theirs[context]} "
                f"({ours.tokens[context]}) in {what!r:.300}"
            )


@pytest.fixture(scope="module")
def minilm(test_data: Path) -> bytes:
    return (test_data / "minilm" / "tokenizer.json").read_bytes()


@pytest.fixture(scope="module")
def gpt2_file(test_data: Path) -> dict[str, Any]:
    return gpt2(test_data)


# Real tokenizers on real and on hostile text


def test_minilm(minilm: bytes, test_data: Path) -> None:
    both = Both(minilm)
    for text in HOSTILE[:6]:
        both.check(text)  # padded and truncated to 128, as the file says
    both.ours = both.ours.without_padding().without_truncation()
    both.peer.no_padding()
    both.peer.no_truncation()
    for text in HOSTILE + texts(test_data):
        both.check(text)
        both.check(text, special=False)
    for text, pair in pairwise(HOSTILE):
        both.check(text, pair)
    both.check("a [MASK] b[MASK]c [SEP] [CLS]\u00a0[UNK] [mask]")
    both.check("x" * 100_000 + " " + "y" * 100)


@pytest.mark.parametrize("add_prefix_space", [False, True])
@pytest.mark.parametrize("trim_offsets", [False, True])
def test_gpt2(
    gpt2_file: dict[str, Any], test_data: Path, add_prefix_space: bool, trim_offsets: bool
) -> None:
    options = {"add_prefix_space": add_prefix_space, "trim_offsets": trim_offsets}
    parts = {name: gpt2_file[name] | options for name in ("pre_tokenizer", "post_processor")}
    both = Both(to_bytes(gpt2_file | parts))
    for text in HOSTILE + texts(test_data, 100):
        both.check(text)
    for text, pair in pairwise(HOSTILE):
        both.check(text, pair)
    both.check("a<|endoftext|> b <|endoftext|><|endoftext|>\n<|endoftext")
    both.check("x" * 100_000 + "é" * 10_000 + " " * 10_000)


def test_gpt2_equals_tiktoken(gpt2_file: dict[str, Any], test_data: Path) -> None:
    lines = (test_data / "gpt2" / "gpt2.tiktoken").read_text().splitlines()
    ranks = {base64.b64decode(token): int(rank) for token, rank in map(str.split, lines)}
    peer = tiktoken.Encoding("gpt2", pat_str=GPT2_PATTERN, mergeable_ranks=ranks, special_tokens={})
    ours = Tokenizer(to_bytes(gpt2_file))
    for text in HOSTILE + texts(test_data, 100):
        ids = ours.encode(text).ids
        assert ids == peer.encode_ordinary(text)
        assert b"".join(map(ours.token_bytes, ids)) == text.encode()
    assert all(ours.token_bytes(rank) == token for token, rank in ranks.items())


def test_batch(minilm: bytes) -> None:
    both = Both(minilm)
    both.ours = both.ours.with_padding(multiple_of=8).with_truncation(40)
    both.peer.enable_padding(pad_to_multiple_of=8)
    both.peer.enable_truncation(40)
    inputs = [*HOSTILE, *zip(HOSTILE, reversed(HOSTILE), strict=True)]
    for threads in (1, 3):
        ours = both.ours.encode_batch(inputs, threads=threads)
        for mine, theirs, text in zip(ours, both.peer.encode_batch(inputs), inputs, strict=True):
            compare(mine, theirs, text)


# Unicode, by brute force over all code points


# Code points whose neighbours are alike: of these a sample will do, unless QUATRAIN_EXHAUSTIVE.
UNIFORM = [
    range(0x3500, 0x4D80),
    range(0x4E80, 0x9F80),
    range(0xAC80, 0xD700),
    range(0xD800, 0xF880),
    range(0x20100, 0x2F700),
    range(0x2FB00, 0x110000),
]
SAMPLED = {
    c
    for uniform in UNIFORM
    for c in uniform[1:-1]
    if c % 61 and "QUATRAIN_EXHAUSTIVE" not in os.environ
}
ALL = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and c not in SAMPLED]


def check_every_character(both: Both, template: str) -> None:
    for start in range(0, len(ALL), 2048):
        text = "".join(template.replace("?", c) for c in ALL[start : start + 2048])
        ours, peer = both.ours.encode(text), both.peer.encode(text)
        alike = all(getattr(ours, f) == getattr(peer, f) for f in ("ids", "offsets", "word_ids"))
        if not alike:
            compare(ours, peer, f"the 2048 characters from {ALL[start]!r}")


def test_every_character_in_bert_normalizer(minilm: bytes) -> None:
    for options in (
        {"clean_text": True},
        {"handle_chinese_chars": True},
        {"strip_accents": True},
        {"lowercase": True, "strip_accents": False},
    ):
        check_normalizer({"type": "BertNormalizer", **BERT_OFF, **options})


@pytest.mark.parametrize("kind", ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents"])
def test_every_character_in(kind: str) -> None:
    check_normalizer({"type": kind})


BERT_OFF = {
    "clean_text": False,
    "handle_chinese_chars": False,
    "strip_accents": False,
    "lowercase": False,
}


def byte_model(pre_tokenizers: list[dict[str, Any]], normalizer: Any = None) -> Both:
    """No merges: the tokens are the bytes of the normalized text, the word ids its pieces."""
    file = plain_bpe([])
    last = {**file["pre_tokenizer"], "use_regex": False}
    file["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [*pre_tokenizers, last]}
    file["normalizer"] = normalizer
    return Both(to_bytes(file | {"post_processor": None}))


def check_normalizer(spec: dict[str, Any]) -> None:
    """Each between marks of high and low combining class, and behind a base letter."""
    check_every_character(byte_model([], spec), "\u0315?\u0323 a?")


@pytest.mark.parametrize(
    "pre_tokenizer",
    [
        {"type": "BertPreTokenizer"},
        {"type": "Whitespace"},
        {"type": "WhitespaceSplit"},
        {"type": "Punctuation", "behavior": "Isolated"},
        {"type": "Digits", "individual_digits": True},
        {"type": "Digits", "individual_digits": False},
        *(
            {
                "type": "Split",
                "pattern": {"Regex": pattern},
                "behavior": "Isolated",
                "invert": False,
            }
            for pattern in (GPT2_PATTERN, LLAMA3_PATTERN, QWEN2_PATTERN, CL100K_PATTERN)
        ),
    ],
    ids=lambda spec: f"{spec['type']}-{str(spec.get('pattern', ''))[10:16]}",
)
def test_every_character_splits(pre_tokenizer: dict[str, Any]) -> None:
    check_every_character(byte_model([pre_tokenizer]), "a?1 ??'?")


# Random files and random texts


NASTY = [
    *"abcxyzABZ0123 .,'!?-_",
    *(" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u0085", "\u200b", "\ufeff", "\0"),
    *("é", "ß", "İ", "ı", "ſ", "Å", "ﬁ", "½", "²", "١", "中", "文", "한", "カ", "豈", "Σ", "ǆ"),
    *("\u0301", "\u0323", "\u0307", "\u0344", "\u0345", "\u093c", "\u1161", "\u11a8", "\u1112"),
    *("\u0f73", "\u0958", "\u2126", "\u1e9b", "\u0b47", "\u0b56", "\U0001d15e", "\ufb2c"),
    *("👩", "\u200d", "🏽", "️", "🇺", "\u202e", "\ufffd", "\ue000", "\u0378", "\U0010ffff"),
    *("'s", "'LL", "'ſ", "hello", "world", "<x>", "<Yé>", "tok", "[MASK]", "the", " the", "ing"),
]


def random_text(rng: random.Random) -> str:
    return "".join(rng.choices(NASTY, k=rng.choice([1, 3, 8, 20, 60])))


def random_normalizer(rng: random.Random) -> dict[str, Any] | None:
    def flag() -> bool:
        return rng.random() < 0.5

    kinds: list[dict[str, Any]] = [
        {
            "type": "BertNormalizer",
            "clean_text": flag(),
            "handle_chinese_chars": flag(),
            "strip_accents": rng.choice([None, True, False]),
            "lowercase": flag(),
        },
        *({"type": kind} for kind in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents")),
    ]
    choice = rng.randrange(4)
    if choice == 0:
        return None
    if choice == 1:
        return {"type": "Sequence", "normalizers": rng.choices(kinds, k=rng.randrange(4))}
    return rng.choice([kinds[0], rng.choice(kinds)])


def random_pre_tokenizer(rng: random.Random, byte_level: bool) -> dict[str, Any] | None:
    behavior = rng.choice(
        ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
    )
    kinds: list[dict[str, Any]] = [
        {"type": "BertPreTokenizer"},
        {"type": "Whitespace"},
        {"type": "WhitespaceSplit"},
        {"type": "Digits", "individual_digits": rng.random() < 0.5},
        {"type": "Punctuation", "behavior": behavior},
        {
            "type": "Split",
            "pattern": {"String": rng.choice([" ", "a", "'s", "ab", "中"])},
            "behavior": behavior,
            "invert": rng.random() < 0.5,
        },
        {
            "type": "Split",
            "pattern": {
                "Regex": rng.choice([GPT2_PATTERN, LLAMA3_PATTERN, QWEN2_PATTERN, CL100K_PATTERN])
            },
            **rng.choice(
                [{"behavior": "Isolated", "invert": False}, {"behavior": "Removed", "invert": True}]
            ),
        },
    ]
    steps = rng.choices(kinds, k=rng.randrange(3))
    if byte_level:
        steps.insert(
            len(steps) if rng.random() < 0.8 else 0,
            {
                "type": "ByteLevel",
                "add_prefix_space": rng.random() < 0.4,
                "trim_offsets": True,
                "use_regex": rng.random() < 0.7,
            },
        )
    if len(steps) == 1 and rng.random() < 0.5:
        return steps[0]
    return {"type": "Sequence", "pretokenizers": steps} if steps else None


def random_post_processor(rng: random.Random, cls: int, sep: int) -> dict[str, Any] | None:
    trim = {"add_prefix_space": rng.random() < 0.5, "trim_offsets": rng.random() < 0.7}
    frame = {"sep": ["<x>", sep], "cls": ["<Yé>", cls]}
    template = plain_word_piece()["post_processor"]
    for name, index in (("[CLS]", cls), ("[SEP]", sep)):
        template["special_tokens"][name]["ids"] = [index]
    kinds: list[dict[str, Any] | None] = [
        None,
        {"type": "ByteLevel", **trim, "use_regex": True},
        {"type": "BertProcessing", **frame},
        {"type": "RobertaProcessing", **frame, **trim},
        template,
        {
            "type": "Sequence",
            "processors": [{"type": "ByteLevel", **trim, "use_regex": True}, template],
        },
    ]
    return rng.choice(kinds)


def random_added_tokens(rng: random.Random, first: int) -> list[dict[str, Any]]:
    contents = ["<x>", "<Yé>", "tok", "[MASK]", "'s", "中", "a b", "<x><x>"]
    names = ("single_word", "lstrip", "rstrip", "normalized", "special")
    return [
        added_token(first + i, content, **{name: rng.random() < 0.4 for name in names})
        for i, content in enumerate(contents[: rng.randrange(2, 9)])
    ]


@functools.cache
def trained(prefix: str, suffix: str, byte_level: bool) -> str:
    """A small BPE trained by the peer on the nasty alphabet; not every character is in it."""
    rng = random.Random(f"{prefix}|{suffix}|{byte_level}")
    options: dict[str, Any] = {}
    if prefix:
        options["continuing_subword_prefix"] = prefix
    if suffix:
        options["end_of_word_suffix"] = suffix
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<unk>"))
    if byte_level:
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, show_progress=False, special_tokens=["<unk>"], **options
    )
    tokenizer.train_from_iterator((random_text(rng) for _ in range(120)), trainer)
    model: str = json.dumps(json.loads(tokenizer.to_str())["model"])
    return model


def random_file(rng: random.Random) -> dict[str, Any]:
    if rng.random() < 0.3:
        file = plain_word_piece()
        file["model"]["max_input_chars_per_word"] = rng.choice([3, 100])
        file["model"]["continuing_subword_prefix"] = rng.choice(["##", "", "@@"])
        byte_level = rng.random() < 0.1
    else:
        file = plain_bpe()
        byte_level = rng.random() < 0.7
        prefix, suffix = rng.choice(["", "", "##"]), rng.choice(["", "", "</w>"])
        file["model"] = json.loads(trained(prefix, suffix, byte_level))
        file["model"]["fuse_unk"] = rng.random() < 0.5
        file["model"]["ignore_merges"] = rng.random() < 0.3
        if rng.random() < 0.4:
            file["model"]["unk_token"] = None
        if not prefix and not suffix and rng.random() < 0.3:
            file["model"]["byte_fallback"] = True
            vocab = file["model"]["vocab"]
            for byte in range(rng.choice([0xC0, 0x100])):
                vocab[f"<0x{byte:02X}>"] = len(vocab)
    first = len(file["model"]["vocab"])
    vocab = file["model"]["vocab"]
    file["added_tokens"] = []
    for token in random_added_tokens(rng, first):
        token["id"] = vocab.get(token["content"], first)
        first += token["content"] not in vocab
        file["added_tokens"].append(token)
    file["normalizer"] = random_normalizer(rng)
    file["pre_tokenizer"] = random_pre_tokenizer(rng, byte_level)
    cls, sep = (token["id"] for token in file["added_tokens"][:2])
    file["post_processor"] = random_post_processor(rng, cls, sep)
    file["decoder"] = rng.choice(
        [
            None,
            {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True},
            {"type": "WordPiece", "prefix": "##", "cleanup": rng.random() < 0.5},
            {"type": "Sequence", "decoders": [{"type": "Fuse"}]},
        ]
    )
    if rng.random() < 0.3:
        file["truncation"] = {
            "max_length": rng.randrange(6, 30),
            "strategy": "LongestFirst",
            "stride": 0,
            "direction": rng.choice(["Left", "Right"]),
        }
    if rng.random() < 0.3:
        file["padding"] = {
            "strategy": rng.choice(["BatchLongest", {"Fixed": 12}]),
            "direction": rng.choice(["Left", "Right"]),
            "pad_to_multiple_of": rng.choice([None, 7]),
            "pad_id": 0,
            "pad_type_id": 3,
            "pad_token": rng.choice(["[PAD]", "other"]),
        }
    return file


@pytest.mark.parametrize("seed", range(250))
def test_random(seed: int) -> None:
    rng = random.Random(seed)
    data = to_bytes(random_file(rng))
    both = Both(data)
    for _ in range(30):
        text = random_text(rng)
        pair = random_text(rng) if rng.random() < 0.3 else None
        try:
            both.check(text, pair, rng.random() < 0.7)
        except BaseException:
            print(re.sub(r'"(vocab|merges)": [{\[].*?[}\]]', "", data.decode()))
            raise
