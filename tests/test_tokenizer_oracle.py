"""Equality with the ``tokenizers`` library, token for token and offset for offset."""

from __future__ import annotations

import base64
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from quatrain.tokenizer import Tokenizer
from tokenizer_data import (
    CL100K_PATTERN,
    GPT2_PATTERN,
    HOSTILE,
    LLAMA3_PATTERN,
    QWEN2_PATTERN,
    gpt2,
    plain_bpe,
    texts,
    to_bytes,
)
from tokenizer_peer import ALL, Both, compare

pytestmark = pytest.mark.oracle("tokenizers", "tiktoken")


@pytest.fixture(scope="module")
def minilm(test_data: Path) -> bytes:
    return (test_data / "minilm" / "tokenizer.json").read_bytes()


@pytest.fixture(scope="module")
def gpt2_file(test_data: Path) -> dict[str, Any]:
    return gpt2(test_data)


# Real tokenizers on real and on hostile text


@pytest.mark.data("minilm", "text")
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


@pytest.mark.data("gpt2", "text")
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


@pytest.mark.data("gpt2", "text")
def test_gpt2_equals_tiktoken(gpt2_file: dict[str, Any], test_data: Path) -> None:
    lines = (test_data / "gpt2" / "gpt2.tiktoken").read_text().splitlines()
    ranks = {base64.b64decode(token): int(rank) for token, rank in map(str.split, lines)}
    import tiktoken

    peer = tiktoken.Encoding("gpt2", pat_str=GPT2_PATTERN, mergeable_ranks=ranks, special_tokens={})
    ours = Tokenizer(to_bytes(gpt2_file))
    for text in HOSTILE + texts(test_data, 100):
        ids = ours.encode(text).ids
        assert ids == peer.encode_ordinary(text)
        assert b"".join(map(ours.token_bytes, ids)) == text.encode()
    assert all(ours.token_bytes(rank) == token for token, rank in ranks.items())


@pytest.mark.data("minilm")
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


def check_every_character(both: Both, template: str) -> None:
    for start in range(0, len(ALL), 2048):
        text = "".join(template.replace("?", c) for c in ALL[start : start + 2048])
        ours, peer = both.ours.encode(text), both.peer.encode(text)
        alike = all(getattr(ours, f) == getattr(peer, f) for f in ("ids", "offsets", "word_ids"))
        if not alike:
            compare(ours, peer, f"the 2048 characters from {ALL[start]!r}")


@pytest.mark.data("minilm")
def test_every_character_in_bert_normalizer(minilm: bytes) -> None:
    for options in (
        {"clean_text": True},
        {"handle_chinese_chars": True},
        {"strip_accents": True},
        {"lowercase": True, "strip_accents": False},
    ):
        check_normalizer({"type": "BertNormalizer", **BERT_OFF, **options})


@pytest.mark.parametrize("kind", ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt"])
def test_every_character_in(kind: str) -> None:
    check_normalizer({"type": kind})


@pytest.mark.parametrize("left", [False, True])
def test_every_character_in_strip(left: bool) -> None:
    # Replaced and split again, a text is a word a character.
    words = {"type": "Split", "pattern": {"String": "|"}, "behavior": "Removed", "invert": False}
    both = byte_model([words], {"type": "Strip", "strip_left": left, "strip_right": not left})
    for c in ALL:
        if c.isspace() or not c.isprintable():
            both.check(f"{c} {c}a{c} {c}")


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
        {"type": "UnicodeScripts"},
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
    check_every_character(byte_model([pre_tokenizer]), "a?1 ?'?")
