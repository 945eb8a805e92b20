"""The tokenizer by itself: its surface, and what it refuses."""

from __future__ import annotations

import copy
import json
import os
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quatrain.errors import InputError, TokenizerError
from quatrain.tokenizer import Padding, Tokenizer, Truncation
from tokenizer_data import HOSTILE, plain_bpe, plain_word_piece, to_bytes

LONE_SURROGATE = "\ud800"


@pytest.fixture(scope="module")
def bpe() -> Tokenizer:
    return Tokenizer(to_bytes(plain_bpe()))


@pytest.fixture(scope="module")
def word_piece() -> Tokenizer:
    return Tokenizer(to_bytes(plain_word_piece()))


# What it does


def test_byte_level(bpe: Tokenizer) -> None:
    encoding = bpe.encode("hello wor é<|end|>")
    assert encoding.tokens == ["hello", "Ġwor", "Ġ", "Ã©", "<|end|>"]
    assert encoding.offsets == [(0, 5), (6, 9), (10, 10), (10, 11), (11, 18)]
    assert encoding.word_ids == [0, 1, 2, 2, 3]
    assert len(encoding) == 5
    assert bpe.decode(encoding.ids) == "hello wor é"
    assert bpe.decode(encoding.ids, skip_special_tokens=False) == "hello wor é<|end|>"


def test_word_piece(word_piece: Tokenizer) -> None:
    encoding = word_piece.encode("Unbelievable,\t中!", "do not")
    assert encoding.tokens == [
        *("[CLS]", "un", "##believ", "##able", ",", "中", "!", "[SEP]"),
        *("do", "not", "[SEP]"),
    ]
    assert encoding.type_ids == [0] * 8 + [1] * 3
    assert encoding.special_tokens_mask == [1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1]
    assert encoding.offsets[1:4] == [(0, 2), (2, 8), (8, 12)]
    assert word_piece.decode(encoding.ids) == "unbelievable, 中! do not"


def test_round_trip(bpe: Tokenizer) -> None:
    for text in HOSTILE:
        assert bpe.decode(bpe.encode(text).ids) == text


def test_stream_never_splits_a_character(bpe: Tokenizer) -> None:
    text = "é👩‍👩 한 <|end|>x"
    ids = bpe.encode(text).ids
    stream = bpe.stream_decoder(skip_special_tokens=False)
    parts = [stream.push(index) for index in ids]
    assert "".join(parts) == text
    assert all("\ufffd" not in part for part in parts)
    assert stream.flush() == ""
    stream.push(ids[-1])
    first_byte = next(i for i in range(256) if bpe.token_bytes(i) == b"\xf0")
    assert stream.push(first_byte) == ""
    assert stream.flush() == "\ufffd"


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"\xe2\x82",
        b"\xe2\x82A",
        b"\xf0\x9f\x92",
        b"\xed\xa0\x80",
        b"\xc0\xaf",
        b"\x80a\xf5",
    ],
)
def test_broken_characters_decode_as_python_decodes_them(bpe: Tokenizer, data: bytes) -> None:
    by_byte = {bpe.token_bytes(i): i for i in range(256)}
    ids = [by_byte[data[i : i + 1]] for i in range(len(data))]
    expected = data.decode(errors="replace")
    assert bpe.decode(ids) == expected
    stream = bpe.stream_decoder()
    assert "".join(map(stream.push, ids)) + stream.flush() == expected


def test_vocabulary(bpe: Tokenizer) -> None:
    assert len(bpe) == bpe.vocab_size == bpe.max_id + 1 == 256 + 9 + 1
    index = bpe.token_to_id("hello")
    assert index is not None
    assert bpe.id_to_token(index) == "hello"
    assert bpe.token_to_id("nothing") is None
    assert bpe.special_ids == {bpe.max_id}
    assert bpe.token_bytes(bpe.token_to_id("Ġw") or 0) == b" w"
    for bad in (-1, bpe.max_id + 1, 2**70, "a", True):
        with pytest.raises(InputError):
            bpe.id_to_token(bad)  # type: ignore[arg-type]


def test_lengths_are_immutable(word_piece: Tokenizer) -> None:
    short = word_piece.with_truncation(4, direction="left").with_padding(6, multiple_of=4, pad_id=0)
    assert short.encode("a b c d").tokens == ["[CLS]", "c", "d", "[SEP]"] + ["[PAD]"] * 4
    assert short.encode("a").attention_mask == [1, 1, 1, 0, 0, 0, 0, 0]
    assert short.truncation == Truncation(4, direction="left")
    assert short.padding == Padding(6, multiple_of=4)
    assert word_piece.encode("a b c d").tokens == ["[CLS]", "a", "b", "c", "d", "[SEP]"]
    assert short.encode("a b c d", max_length=3).tokens[:3] == ["[CLS]", "d", "[SEP]"]
    assert len(short.without_padding().without_truncation().encode("a b c d")) == 6


def test_batch_on_threads(bpe: Tokenizer) -> None:
    texts = [text * 3 for text in HOSTILE] * 20
    expected = [bpe.encode(text).ids for text in texts]
    for threads in (1, 2, 5, None):
        assert [e.ids for e in bpe.encode_batch(texts, threads=threads)] == expected
    with pytest.raises(InputError, match="lone surrogate"):
        bpe.encode_batch([*texts, LONE_SURROGATE], threads=3)
    file = plain_bpe()
    file["model"]["unk_token"] = "<unk>"
    del file["model"]["vocab"]["Ä"]  # the byte 0xC4
    file["model"]["vocab"]["?"] = 256 + 9 + 1
    with pytest.raises(TokenizerError, match="'<unk>', which is not in the vocabulary"):
        gapped(file).encode_batch([*texts, "Ā" * 10, *texts], threads=3)


def gapped(file: dict[str, Any]) -> Tokenizer:
    """With ids renumbered, since removing a token leaves a gap that added tokens would fill."""
    vocab = file["model"]["vocab"]
    file["model"]["vocab"] = {token: i for i, token in enumerate(vocab)}
    file["added_tokens"] = []
    return Tokenizer(to_bytes(file))


def test_python_threads_share_one(bpe: Tokenizer) -> None:
    text = " ".join(HOSTILE)
    expected = bpe.encode(text).ids
    wrong: list[int] = []

    def work() -> None:
        for _ in range(20):
            if bpe.encode(text).ids != expected:
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_pickle_and_copy(word_piece: Tokenizer) -> None:
    short = word_piece.with_truncation(3)
    for other in (pickle.loads(pickle.dumps(short)), copy.copy(short), copy.deepcopy(short)):
        assert other.encode("a b").ids == short.encode("a b").ids


def test_long_words_are_not_quadratic(bpe: Tokenizer, word_piece: Tokenizer) -> None:
    assert len(bpe.encode("hello" * 100_000)) == 100_000
    assert len(bpe.encode(" " * 1_000_000)) > 100_000
    assert word_piece.encode("x" * 1_000_000).tokens == ["[CLS]", "[UNK]", "[SEP]"]


# Folders


def write_folder(folder: Path, config: dict[str, Any]) -> Path:
    (folder / "tokenizer.json").write_bytes(to_bytes(plain_word_piece()))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    names = {"pad_token": "[MASK]", "eos_token": {"content": "[SEP]", "lstrip": False}}
    (folder / "special_tokens_map.json").write_text(json.dumps(names))
    return folder


def test_folder(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {"pad_token": "[PAD]", "bos_token": None})
    tokenizer = Tokenizer.from_pretrained(folder)
    assert (tokenizer.bos_id, tokenizer.eos_id, tokenizer.pad_id) == (None, 3, 0)
    tokenizer.save(tmp_path / "copy")
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        assert (tmp_path / "copy" / name).read_bytes() == (folder / name).read_bytes()
    assert len(os.listdir(tmp_path / "copy")) == 3
    assert Tokenizer.from_file(tmp_path / "copy" / "tokenizer.json").pad_id == 0


def test_folder_errors(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=r"no tokenizer there; looked for tokenizer\.json"):
        Tokenizer.from_pretrained(tmp_path)
    write_folder(tmp_path, {"eos_token": "<nothing>"})
    with pytest.raises(TokenizerError, match=r"config\.json: eos_token: '<nothing>' is not in"):
        Tokenizer.from_pretrained(tmp_path)


# Bad arguments


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.encode(f"ab{LONE_SURROGATE}"), "lone surrogate at character 2"),
        (lambda t: t.encode(b"bytes"), "expected a str, got bytes"),
        (lambda t: t.encode("a", 3), "expected a str, got int"),
        (lambda t: t.encode("a", max_length=1), "less than the 2 special tokens"),
        (lambda t: t.encode("a", max_length=-1), "max_length is -1"),
        (lambda t: t.encode_batch("abc"), "texts is a str"),
        (lambda t: t.encode_batch([("a", "b", "c")]), "text 0 is tuple"),
        (lambda t: t.encode_batch(["a", None]), "text 1 is NoneType"),
        (lambda t: t.encode_batch(["a"], threads=0), "threads is 0"),
        (lambda t: t.decode([1, 72]), r"id 72 is not in the vocabulary of 72 tokens \(ids 0 to 71"),
        (lambda t: t.decode([-1]), "id -1 is not in the vocabulary"),
        (lambda t: t.decode([2**70]), "does not fit in 64 bits"),
        (lambda t: t.decode(["a"]), "expected ints, got str at position 0"),
        (lambda t: t.decode(7), "expected a sequence of ints, got int"),
        (lambda t: t.stream_decoder().push(72), "id 72 is not in the vocabulary"),
        (lambda t: t.stream_decoder().push("a"), "expected an int"),
        (lambda t: t.with_truncation(-5), "max_length is -5"),
        (lambda t: t.with_truncation(5, strategy="none"), "strategy is 'none'"),
        (lambda t: t.with_padding(), "names no padding token"),
        (lambda t: t.with_padding(pad_id=99), "id 99 is not in the vocabulary"),
        (lambda t: t.with_truncation(4, strategy="only_second").encode("a b c"), "no second"),
        (
            lambda t: t.with_truncation(5, strategy="only_first").encode("a", "b c d"),
            "has 1 tokens, of which 2 would have to go",
        ),
    ],
)
def test_bad_arguments(word_piece: Tokenizer, call: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(word_piece)
