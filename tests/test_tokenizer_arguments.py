"""What callers may pass: integers of any type, pickled results, and one-line refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from quatrain.errors import InputError
from quatrain.tokenizer import Padding, Tokenizer, Truncation
from tokenizer_data import plain_bpe, to_bytes


@pytest.fixture(scope="module")
def bpe() -> Tokenizer:
    return Tokenizer(to_bytes(plain_bpe()))


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
