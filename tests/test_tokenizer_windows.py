"""Overflowing windows, and what stands where: bytes, characters, words and sequences."""

from __future__ import annotations

import gc
import random
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quatrain.errors import InputError
from quatrain.tokenizer import Encoding, Tokenizer
from tokenizer_data import HOSTILE, added_token, plain_bpe, plain_word_piece, texts, to_bytes
from tokenizer_peer import Both, compare

FRAME = {"sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}
TRIM = {"trim_offsets": True, "add_prefix_space": True}
POST_PROCESSORS: dict[str, dict[str, Any] | None] = {
    "none": None,
    "template": plain_word_piece()["post_processor"],
    "bert": {"type": "BertProcessing", **FRAME},
    "roberta": {"type": "RobertaProcessing", **FRAME, **TRIM},
    "byte level": {"type": "ByteLevel", **TRIM, "use_regex": True},
}
STRATEGIES = ("longest_first", "only_first", "only_second")


def word_piece(post_processor: dict[str, Any] | None) -> bytes:
    return to_bytes(plain_word_piece() | {"post_processor": post_processor})


def byte_level() -> bytes:
    file = plain_bpe()
    file["pre_tokenizer"]["add_prefix_space"] = True
    file["post_processor"]["add_prefix_space"] = True
    file["added_tokens"].append(
        added_token(len(file["model"]["vocab"]) + 1, "<x>", lstrip=True, rstrip=True)
    )
    return to_bytes(file)


def check_windows(both: Both, text: str, pair: str | None, special: bool, **lengths: Any) -> int:
    """Compares windows; how many there are, or 0 if both refuse."""
    both.ours = both.ours.with_truncation(**lengths)
    both.peer.enable_truncation(**lengths)
    try:
        ours = both.ours.encode(text, pair, special)
    except InputError:
        # The peer may panic, which is no Exception.
        with pytest.raises(BaseException, match=r"stride|too short"):
            both.peer.encode(text, pair, add_special_tokens=special)
        return 0
    peer = both.peer.encode(text, pair, add_special_tokens=special)
    what = (text, pair, special, lengths)
    compare(ours, peer, what)
    assert len(ours.overflowing) == len(peer.overflowing), what
    for mine, theirs in zip(ours.overflowing, peer.overflowing, strict=True):
        compare(mine, theirs, what)
        assert mine.overflowing == []
    return 1 + len(ours.overflowing)


@pytest.mark.oracle("tokenizers")
@pytest.mark.parametrize("name", POST_PROCESSORS)
def test_windows_equal_the_peers(name: str) -> None:
    both = Both(word_piece(POST_PROCESSORS[name]))
    rng = random.Random(5)
    words = ["hello", "world", "unbelievable", "a", "b.", "中", "xy"]
    windows = refused = 0
    for strategy, direction, padded in product(STRATEGIES, ("left", "right"), (None, 7, "longest")):
        both.ours, both.peer = both.ours.without_padding(), both.peer
        both.peer.no_padding()
        if padded:
            length = padded if isinstance(padded, int) else None
            side: Any = rng.choice(["left", "right"])
            both.ours = both.ours.with_padding(length, pad_id=0, direction=side)
            both.peer.enable_padding(pad_id=0, pad_token="[PAD]", length=length, direction=side)
        for _ in range(25):
            text, pair = (" ".join(rng.choices(words, k=rng.randrange(9))) for _ in range(2))
            found = check_windows(
                both,
                text,
                None if rng.random() < 0.4 and strategy != "only_second" else pair,
                name == "roberta" or rng.random() < 0.6,
                max_length=rng.randrange(5, 14),
                stride=rng.randrange(3),
                strategy=strategy,
                direction=direction,
            )
            windows += found
            refused += not found
    assert windows > 600
    assert refused < 250


@pytest.mark.oracle("tokenizers")
def test_windows_of_bytes_equal_the_peers() -> None:
    both = Both(byte_level())
    for i, text in enumerate([*HOSTILE, "a <x> b  <x>c" * 9]):
        direction = "left" if i % 2 else "right"
        check_windows(both, text, None, True, max_length=7, stride=3, direction=direction)


@pytest.mark.oracle("tokenizers")
def test_batch_windows_are_padded_as_the_peers() -> None:
    import tokenizers

    data = word_piece(POST_PROCESSORS["template"])
    ours = Tokenizer(data).with_truncation(7, stride=1).with_padding(pad_id=0, multiple_of=4)
    peer = tokenizers.Tokenizer.from_str(data.decode())
    peer.enable_truncation(7, stride=1)
    peer.enable_padding(pad_id=0, pad_token="[PAD]", pad_to_multiple_of=4)
    batch = ["a b c d e f g h i", "a", ("hello", "a b c d e f g"), ""]
    for mine, theirs in zip(ours.encode_batch(batch), peer.encode_batch(batch), strict=True):
        compare(mine, theirs, batch)
        assert len(mine.overflowing) == len(theirs.overflowing)
        for window, expected in zip(mine.overflowing, theirs.overflowing, strict=True):
            compare(window, expected, batch)


def test_windows_have_the_type_ids_of_the_first() -> None:
    """Without special tokens the peer's RoBERTa form gives windows behind the first others."""
    tokenizer = Tokenizer(word_piece(POST_PROCESSORS["roberta"])).with_truncation(2)
    encoding = tokenizer.encode("a b", "c d", add_special_tokens=False)
    assert encoding.type_ids == encoding.overflowing[0].type_ids == [0, 0]


def test_nothing_is_cut() -> None:
    tokenizer = Tokenizer(word_piece(None))
    assert tokenizer.encode("a b c").overflowing == []
    assert tokenizer.with_truncation(3).encode("a b c").overflowing == []
    assert tokenizer.encode("a b c", max_length=1).overflowing[1].tokens == ["c"]


def test_the_file_says_the_stride() -> None:
    file = plain_word_piece() | {"post_processor": None}
    file["truncation"] = {
        "direction": "Right",
        "max_length": 3,
        "strategy": "LongestFirst",
        "stride": 1,
    }
    tokenizer = Tokenizer(to_bytes(file))
    assert tokenizer.truncation is not None
    assert tokenizer.truncation.stride == 1
    windows = tokenizer.encode("a b c d e").overflowing
    assert [window.tokens for window in windows] == [["c", "d", "e"]]
    assert tokenizer.encode("a b c", max_length=2).overflowing[0].tokens == ["b", "c"]


@pytest.mark.parametrize("stride", [3, 99])
def test_stride_beyond_the_window(stride: int) -> None:
    tokenizer = Tokenizer(word_piece(None)).with_truncation(3, stride=stride)
    assert len(tokenizer.encode("a b c")) == 3
    with pytest.raises(InputError, match=f"stride is {stride}, not less than the 3"):
        tokenizer.encode("a b c d")


def test_too_many_windows() -> None:
    tokenizer = Tokenizer(word_piece(None)).with_truncation(1000, stride=499)
    encoding = tokenizer.encode("a " * 10_000, "b " * 10_000)
    with pytest.raises(InputError, match="the windows behind the first have about"):
        _ = encoding.overflowing


# What stands where


@pytest.mark.oracle("tokenizers")
@pytest.mark.parametrize("name", POST_PROCESSORS)
def test_lookups_equal_the_peers(name: str) -> None:
    both = Both(word_piece(POST_PROCESSORS[name]))
    for text, pair in [("unbelievable héllo", None), ("a worlding, 中文", "not. hello"), ("", "")]:
        ours, peer = both.ours.encode(text, pair), both.peer.encode(text, pair)
        assert ours.sequence_ids == peer.sequence_ids
        assert ours.n_sequences == peer.n_sequences
        for token in range(len(ours)):
            for what in ("token_to_sequence", "token_to_chars", "token_to_word"):
                assert getattr(ours, what)(token) == getattr(peer, what)(token), (what, token)
        for sequence, index in product(range(ours.n_sequences), range(25)):
            for what in ("char_to_token", "char_to_word", "word_to_tokens", "word_to_chars"):
                mine, theirs = getattr(ours, what), getattr(peer, what)
                assert mine(index, sequence) == theirs(index, sequence), (what, index)


def test_padding_is_of_no_sequence() -> None:
    """The peer says 0 for padding, and for whole windows of pairs, without a post-processor."""
    tokenizer = Tokenizer(word_piece(None)).with_padding(4, pad_id=0, direction="left")
    assert tokenizer.encode("a b").sequence_ids == [None, None, 0, 0]
    windows = tokenizer.with_truncation(2).encode("a b", "c d").overflowing
    assert windows[0].sequence_ids == [None, None, 0, 1]


def check_bytes(encoding: Encoding, text: str, pair: str | None = None) -> None:
    for byte, char, of in zip(
        encoding.byte_offsets, encoding.offsets, encoding.sequence_ids, strict=True
    ):
        whole = {0: text, 1: pair, None: ""}[of]
        assert whole is not None
        assert whole.encode()[slice(*byte)].decode() == whole[slice(*char)]
        assert len(whole[: char[0]].encode()) == byte[0]


@pytest.mark.parametrize("normalizer", [None, "NFC", "NFD", "NFKC", "NFKD", "Lowercase"])
def test_byte_offsets(normalizer: str | None) -> None:
    file = plain_bpe() | {"normalizer": normalizer and {"type": normalizer}}
    for data in (to_bytes(file), byte_level(), word_piece(POST_PROCESSORS["template"])):
        tokenizer = Tokenizer(data)
        for text, pair in zip(HOSTILE, reversed(HOSTILE), strict=True):
            check_bytes(tokenizer.encode(text), text)
            check_bytes(tokenizer.encode(text, pair), text, pair)
            cut = tokenizer.with_truncation(9, stride=1).encode(text, pair)
            for window in cut.overflowing[:9]:
                check_bytes(window, text, pair)


@pytest.mark.data("minilm", "text")
def test_byte_offsets_of_a_real_file(test_data: Path) -> None:
    tokenizer = Tokenizer((test_data / "minilm" / "tokenizer.json").read_bytes())
    for text in texts(test_data, 60):
        check_bytes(tokenizer.encode(text), text)


def test_text_as_it_comes() -> None:
    text = "héllo 👩‍👩‍👧 中"
    tokenizer = Tokenizer(to_bytes(plain_bpe()))
    ids = tokenizer.encode(text).ids
    pieces = list(tokenizer.decode_stream(iter(ids)))
    assert "".join(pieces) == text
    assert all(pieces)
    assert pieces[:2] == ["h", "é"]
    assert list(tokenizer.decode_stream(ids[:-1]))[-1] == "\ufffd"
    assert list(tokenizer.decode_stream([])) == []
    with pytest.raises(InputError, match="not in the vocabulary"):
        list(tokenizer.decode_stream([10**6]))


def test_arrays() -> None:
    encoding = Tokenizer(word_piece(POST_PROCESSORS["bert"])).encode("héllo unbelievable", "中")
    arrays = encoding.arrays()
    for name in ("ids", "type_ids", "attention_mask", "special_tokens_mask"):
        assert getattr(arrays, name).tolist() == getattr(encoding, name)
    assert [tuple(span) for span in arrays.offsets.tolist()] == encoding.offsets
    assert [None if word < 0 else word for word in arrays.word_ids] == encoding.word_ids
    assert [array.dtype for array in arrays] == [*["uint32"] * 2, *["uint8"] * 2, "uint32", "int32"]
    with pytest.raises(ValueError, match="read-only"):
        arrays.ids[0] = 1
    ids = encoding.ids
    del encoding
    gc.collect()
    np.testing.assert_array_equal(arrays.ids, ids)
    assert Tokenizer(word_piece(None)).encode("").arrays().offsets.shape == (0, 2)


@pytest.mark.parametrize(
    ("method", "index"),
    [
        ("token_to_chars", 2),
        ("token_to_word", -1),
        ("char_to_token", -1),
        ("word_to_tokens", "a"),
    ],
)
def test_bad_index(method: str, index: Any) -> None:
    encoding = Tokenizer(word_piece(None)).encode("a b")
    with pytest.raises(InputError, match=f"{method.split('_')[0]} is"):
        getattr(encoding, method)(index)
    with pytest.raises(InputError, match="sequence is 1, but there are 1"):
        encoding.char_to_token(0, 1)
