"""Ids alone: those of a full encoding, however they are asked for."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from quatrain.errors import InputError
from quatrain.tokenizer import Ragged, Tokenizer
from tokenizer_data import HOSTILE, added_token, gpt2, plain_bpe, plain_word_piece, texts, to_bytes
from tokenizer_peer import Both

SPECIAL = ["a<|end|>b", "<|end|>", " <|end|> <|end|>\n<|end"]


def check(tokenizer: Tokenizer, inputs: list[str], **options: Any) -> None:
    """Every call gives the ids of `Tokenizer.encode`."""
    bare = tokenizer.without_padding()
    expected = [bare.encode(text, **options).ids for text in inputs]
    for text, ids in zip(inputs, expected, strict=True):
        assert tokenizer.encode_ids(text, **options) == ids, text
        assert tokenizer.count(text, **options) == len(ids)
        array = tokenizer.encode_array(text, **options)
        assert array.dtype == np.uint32 and array.tolist() == ids
    for threads in (1, 3):
        ragged = tokenizer.encode_ids_batch(inputs, threads=threads, **options)
        assert ragged.ids.dtype == np.uint32 and ragged.offsets.dtype == np.int64
        assert len(ragged) == len(inputs)
        assert [ids.tolist() for ids in ragged] == expected


@pytest.mark.parametrize("make", [plain_bpe, plain_word_piece])
def test_small(make: Any) -> None:
    tokenizer = Tokenizer(to_bytes(make()))
    check(tokenizer, HOSTILE + SPECIAL)
    check(tokenizer, HOSTILE + SPECIAL, add_special_tokens=False)
    check(tokenizer, HOSTILE + SPECIAL, special="text")
    check(tokenizer.with_truncation(7), HOSTILE)
    check(tokenizer.with_truncation(7, direction="left"), HOSTILE)
    check(tokenizer, HOSTILE + SPECIAL, max_length=5)
    check(tokenizer.with_truncation(9, direction="left"), HOSTILE, max_length=4, special="text")
    with pytest.raises(InputError, match="max_length is -1"):
        tokenizer.encode_ids("a", max_length=-1)
    check(tokenizer, [])
    check(tokenizer, ["", "a", ""])


@pytest.mark.parametrize("make", [plain_bpe, plain_word_piece])
def test_texts_that_are_read_in_parts(make: Any) -> None:
    tokenizer = Tokenizer(to_bytes(make()))
    rng = Random(5)
    words = ["hello", "wor<|end|>", "  x", "\n\n", "中文 ", "é\u0301 ", "<|end|>", "don't", "\tzz "]
    text = "".join(rng.choices([*words, *(word + " " for word in words)], k=1_200_000))
    assert len(text.encode()) > 5 << 20
    for special in ("allow", "text"):
        expected = tokenizer.encode(text, special=special).arrays().ids
        assert np.array_equal(tokenizer.encode_array(text, special=special), expected)
    runs = "x" * (5 << 20) + " " + "hello " * 10
    assert np.array_equal(tokenizer.encode_array(runs), tokenizer.encode(runs).arrays().ids)


def test_what_is_refused_is_named_by_its_place_in_a_long_text() -> None:
    tokenizer = Tokenizer(to_bytes(plain_bpe()))
    with pytest.raises(InputError, match="at character 5242880"):
        tokenizer.encode_ids("hello wo" * 655_360 + "<|end|>", special="error")


def test_cache_info() -> None:
    tokenizer = Tokenizer(to_bytes(plain_bpe()))
    assert tokenizer.cache_info().caches == 0
    for text in HOSTILE:
        tokenizer.encode_ids(text)
    caches, bytes_each = tokenizer.cache_info()
    assert caches == 1 and 2**20 < bytes_each < 2**25


def test_pipelines() -> None:
    """What the fast way leaves to the long one, or does itself, must not show."""
    file = plain_bpe()
    byte_level = file["pre_tokenizer"]
    file["added_tokens"].append(
        added_token(len(file["model"]["vocab"]) + 1, "xx", normalized=True, single_word=True)
    )
    for normalizer in (None, "NFC", "NFD", "Lowercase"):
        file["normalizer"] = normalizer and {"type": normalizer}
        for options in ({}, {"add_prefix_space": True}):
            file["pre_tokenizer"] = byte_level | options
            check(Tokenizer(to_bytes(file)), [*HOSTILE, *SPECIAL, "xx a xxx xx. XX"])


# What BERT's normalizer drops, splits, moves or strips, beside what its pre-tokenizer cuts at.
BERT_CHARACTERS = (
    " \t\n\0\x01\x7f.,!-'aAbBhHeElLoO09\u00e9\u0301\u0327\u0338\u302e\u4e2d\uf900\u3000\u037e"
    "\u2000\u00a0\u0085\u200d\ufeff\u0130\u1e9e\u0345\uac00\u1100\u1161\u3002\u0f73\u0f72"
    "\U0001d165\U00020000\ufffd\u00ad"
)


@pytest.mark.parametrize("cased", [False, True])
@pytest.mark.parametrize("clean", [False, True])
@pytest.mark.parametrize("accents", [False, True])
def test_bert(cased: bool, clean: bool, accents: bool) -> None:
    random = Random(1)
    file = plain_word_piece()
    file["normalizer"] |= {"clean_text": clean, "strip_accents": not accents}
    file["normalizer"] |= {"lowercase": not cased, "handle_chinese_chars": accents}
    characters = BERT_CHARACTERS + "".join(file["model"]["vocab"])
    inputs = ["".join(random.choices(characters, k=random.randrange(40))) for _ in range(300)]
    inputs += ["a" * 70, "A" * 200, "hello" * 13 + "\u0301", "\u0301" * 100, "\u4e2d" * 100]
    check(Tokenizer(to_bytes(file)), HOSTILE + inputs)
    file["normalizer"] = None
    check(Tokenizer(to_bytes(file)), HOSTILE + inputs)
    file["added_tokens"].append(added_token(len(file["model"]["vocab"]), "xx", normalized=True))
    check(Tokenizer(to_bytes(file)), ["xx a xxx xx. XX"])


@pytest.mark.data("gpt2", "text")
def test_gpt2(test_data: Path) -> None:
    file = gpt2(test_data)
    inputs = HOSTILE + texts(test_data, 100)
    inputs += ["a" * 10_000, "\u0301" * 1000, " " * 5000, "ab" * 70 + "!" * 300, "\u4e2d" * 500]
    inputs += [c * n for c in " =-\n" for n in (2047, 2048, 2500, 3001)]
    for keeps_words in (False, True):
        file["model"]["ignore_merges"] = keeps_words
        check(Tokenizer(to_bytes(file)), inputs)


def test_a_part_of_a_word_is_not_taken_for_a_word() -> None:
    """Of words of many parts, the last may be one that as a word would be a token."""
    file = plain_bpe()
    file["model"]["ignore_merges"] = True
    vocab = file["model"]["vocab"]
    vocab["zq"] = len(vocab)  # by no merge
    tokenizer = Tokenizer(to_bytes(file | {"added_tokens": [], "post_processor": None}))
    assert len(tokenizer.encode_ids("zq")) == 1
    assert len(tokenizer.encode_ids("\u4e2dzq")) == 5
    check(tokenizer, ["\u4e2d" * size + "zq" + " x" * 40 for size in range(1, 1000)])


def test_ragged() -> None:
    ragged = Ragged(np.arange(5, dtype=np.uint32), np.array([0, 2, 2, 5]))
    assert [ids.tolist() for ids in ragged] == [[0, 1], [], [2, 3, 4]]
    assert ragged[-1].tolist() == [2, 3, 4] and ragged[0].base is not None
    with pytest.raises(IndexError):
        ragged[3]
    assert repr(ragged) == "Ragged(3 texts, 5 ids)"


def test_refusals() -> None:
    tokenizer = Tokenizer(to_bytes(plain_bpe()))
    for call in (tokenizer.encode_ids, tokenizer.encode_array, tokenizer.count):
        with pytest.raises(InputError, match="expected a str, got int"):
            call(3)  # type: ignore[operator]
        with pytest.raises(InputError, match="lone surrogate at character 1"):
            call("a\ud800")
        with pytest.raises(InputError, match=r"special token '<\|end\|>'"):
            call("a<|end|>", special="error")
    with pytest.raises(InputError, match="texts is a str"):
        tokenizer.encode_ids_batch("abc")
    with pytest.raises(InputError, match="got bytes"):
        tokenizer.encode_ids_batch(["a", b"b"])  # type: ignore[list-item]


@pytest.mark.oracle("tokenizers")
def test_runs_of_one_byte() -> None:
    """With merges in any order, those of new tokens before those of old ones among them."""
    for seed in range(60):
        rng = Random(seed)
        sizes = [1]
        pairs = []
        for _ in range(rng.randrange(1, 14)):
            left, right = rng.choice(sizes), rng.choice(sizes)
            if (left, right) not in pairs and left + right <= 150:
                pairs.append((left, right))
                sizes.append(left + right)
        if rng.random() < 0.5:
            rng.shuffle(pairs)
        both = Both(to_bytes(plain_bpe([f"{'a' * left} {'a' * right}" for left, right in pairs])))
        for size in (*range(60, 70), 127, 128, 129, 300, 1023, rng.randrange(2000)):
            assert both.ours.encode_ids("a" * size) == both.peer.encode("a" * size).ids, (
                seed,
                size,
            )
