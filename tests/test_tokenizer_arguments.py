"""What callers may pass: integers of any type, pickled results, and one-line refusals."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from quatrain.errors import InputError
from quatrain.tokenizer import Padding, Tokenizer, Truncation
from tokenizer_data import plain_bpe, to_bytes

LISTS = (
    *("ids", "tokens", "offsets", "byte_offsets", "type_ids", "attention_mask"),
    *("special_tokens_mask", "word_ids", "sequence_ids", "n_sequences"),
)


@pytest.fixture(scope="module")
def bpe() -> Tokenizer:
    return Tokenizer(to_bytes(plain_bpe()))


# Pickling and copying


@pytest.mark.parametrize("again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_encodings_are_pickled_without_the_tokenizer(
    bpe: Tokenizer, again: Callable[[Any], Any]
) -> None:
    cut = bpe.with_truncation(4, stride=1).with_padding(5, direction="left", pad_id=0)
    for ours in (
        bpe.encode("hello wor é<|end|>"),
        *bpe.encode_batch(["", ("é a", "hello")]),
        cut.encode("hello wor é<|end|>", "é a wor"),
    ):
        other = again(ours)
        for window, copied in zip(
            [ours, *ours.overflowing], [other, *other.overflowing], strict=True
        ):
            for name in LISTS:
                assert getattr(copied, name) == getattr(window, name), name
            for mine, theirs in zip(window.arrays(), copied.arrays(), strict=True):
                assert np.array_equal(mine, theirs)
        assert repr(other) == repr(ours)
        assert other.char_to_token(0) == ours.char_to_token(0)
        assert other.word_to_chars(0) == ours.word_to_chars(0)
    assert len(pickle.dumps(bpe.encode("hello"))) < 1000


def test_chats_are_pickled(bpe: Tokenizer) -> None:
    messages = [{"role": "user", "content": ""}]
    chat = bpe.apply_chat_template(messages, chat_template="{{ x }}<|end|>", x="hello")
    other = pickle.loads(pickle.dumps(chat))
    assert (other.text, other.content, other.ids) == (chat.text, chat.content, chat.ids)
    assert other.from_content == chat.from_content


# Refusals


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.decode_batch([[1], [1, 2**40]]), r"list 1: .*id 1099511627776 is not in"),
        (lambda t: t.encode_batch(["a", "\ud800"]), r"text 1: .*lone surrogate at character 0"),
        (lambda t: t.encode_batch(["a", ("a", 3)]), r"text 1: pair: .*expected a str, got int"),
        (lambda t: t.encode_ids_batch(["a", None]), r"text 1: .*expected a str, got NoneType"),
        (lambda t: t.encode("a", False), r"pair: .*expected a str, got bool"),
        (lambda t: t.encode_batch(None), "texts is a NoneType, expected an iterable of texts"),
        (lambda t: t.encode_batch(b"a"), "texts is a bytes, expected an iterable of texts"),
        (lambda t: t.encode_ids_batch(3), "texts is a int, expected an iterable of texts"),
        (lambda t: t.decode_batch(None), "batch is a NoneType, expected an iterable of lists"),
        (lambda t: t.encode_batch(["a"], threads=2**40), "threads is 1099511627776, expected"),
    ],
)
def test_refusals_name_the_argument(
    bpe: Tokenizer, call: Callable[[Any], Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        call(bpe)


# Integers


@pytest.mark.parametrize("kind", [np.uint32, np.int64, np.uint8, np.array])
def test_integers_may_be_numpys(bpe: Tokenizer, kind: Callable[[int], Any]) -> None:
    encoding = bpe.encode("hello wor")
    first = kind(encoding.ids[0] % 256)
    assert bpe.id_to_token(first) == bpe.id_to_token(int(first))
    assert bpe.token_bytes(first) == bpe.token_bytes(int(first))
    assert bpe.stream_decoder().push(first) == bpe.stream_decoder().push(int(first))
    one, zero = kind(1), kind(0)
    assert encoding.token_to_chars(one) == (6, 9)
    assert encoding.char_to_token(one, zero) == 0
    assert encoding.word_to_tokens(one, zero) == (1, 2)
    assert len(bpe.encode("hello wor", max_length=one)) == 1
    assert bpe.with_truncation(one).truncation == Truncation(1)
    assert type(Truncation(one).max_length) is type(Padding(length=one).length) is int
    assert len(bpe.encode_batch(["a"], threads=one)) == len(bpe.encode_ids_batch(["a"])) == 1
    assert len(Tokenizer.train(iter(["a"]), vocab_size=np.int64(300), threads=one)) > 0


def test_ids_of_arrays_are_ids(bpe: Tokenizer) -> None:
    assert bpe.id_to_token(bpe.encode_array("a")[0]) == "a"


@pytest.mark.parametrize("value", [True, np.True_, 1.0, "1", None, np.zeros(2, int)])
def test_what_is_no_integer(bpe: Tokenizer, value: Any) -> None:
    encoding = bpe.encode("hello wor")
    for call in (
        bpe.id_to_token,
        bpe.stream_decoder().push,
        encoding.token_to_chars,
        encoding.char_to_token,
        Truncation,
    ):
        with pytest.raises(InputError, match="expected an int"):
            call(value)
    with pytest.raises(InputError, match="but there are 1"):
        encoding.char_to_token(0, value)


def test_special_is_compared_with_text_alone(bpe: Tokenizer) -> None:
    rule: Any = np.array(["allow", "text"])
    for call in (bpe.encode_ids, bpe.encode_array, bpe.count):
        with pytest.raises(InputError, match="special is "):
            call("a", special=rule)


def test_ids_alone_are_cut_as_encode_cuts() -> None:
    file = plain_bpe() | {
        "truncation": {
            "max_length": 2,
            "strategy": "LongestFirst",
            "stride": 0,
            "direction": "Right",
        }
    }
    cut = Tokenizer(to_bytes(file))
    ids = cut.encode("hello wor hello").ids
    assert len(ids) == cut.count("hello wor hello") == 2
    assert ids == cut.encode_ids("hello wor hello")
    assert cut.without_truncation().count("hello wor hello") > 2


# The vocabulary


@pytest.mark.oracle("tokenizers")
def test_the_vocabulary_is_a_mapping() -> None:
    import tokenizers

    file = plain_bpe()
    file["model"]["vocab"]["far"] = 400
    ours = Tokenizer(to_bytes(file | {"added_tokens": []}))
    peer = tokenizers.Tokenizer.from_str(to_bytes(file | {"added_tokens": []}).decode())
    assert ours.vocab == peer.get_vocab()
    assert list(ours.vocab.values()) == sorted(peer.get_vocab().values())
    assert len(ours.vocab) == len(ours)
    assert ours.vocab["far"] == 400 and "far" in ours.vocab
    for missing in ("nothing", "\ud800", 3, None):
        assert missing not in ours.vocab
        assert ours.vocab.get(missing) is None  # type: ignore[call-overload]  # wrong
    with pytest.raises(KeyError, match="nothing"):
        ours.vocab["nothing"]
    assert repr(ours.vocab) == f"<the ids of {len(ours)} tokens>"
