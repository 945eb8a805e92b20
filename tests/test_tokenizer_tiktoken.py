"""tiktoken's rank files: equal to tiktoken itself, on its own vectors and on ours."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from quatrain.errors import InputError, TokenizerError
from quatrain.tokenizer import Tokenizer
from quatrain.tokenizer.formats.tiktoken import ENCODINGS
from tokenizer_data import GPT2_PATTERN, HOSTILE, texts

#: Encoding -> its file in the test data.
FILES = {
    "r50k_base": "gpt-tokenizer/r50k_base.tiktoken",
    "p50k_base": "gpt-tokenizer/p50k_base.tiktoken",
    "p50k_edit": "gpt-tokenizer/p50k_base.tiktoken",
    "cl100k_base": "gpt-tokenizer/cl100k_base.tiktoken",
    "o200k_base": "gpt-tokenizer/o200k_base.tiktoken",
    "o200k_harmony": "gpt-tokenizer/o200k_base.tiktoken",
    "llama3": "tiktoken/llama3/tokenizer.model",
    "llama4": "tiktoken/llama4/tokenizer.model",
    "qwen": "tiktoken/qwen.tiktoken",
}
#: The vectors of each encoding in gpt-tokenizer's file.
VECTORS = {"r50k_base": 64, "p50k_base": 64, "p50k_edit": 64, "cl100k_base": 64, "o200k_base": 57}
real = pytest.mark.data("gpt-tokenizer", "tiktoken")


@pytest.fixture(scope="module")
def ours(test_data: Path) -> Callable[[str], Tokenizer]:
    return cache(lambda name: Tokenizer.from_file(test_data / FILES[name], encoding=name))


def peer(test_data: Path, name: str) -> Any:
    """The peer's encoding. OpenAI's are the peer's own; the others' regexes and names are ours."""
    import tiktoken
    from tiktoken.load import load_tiktoken_bpe
    from tiktoken_ext.openai_public import ENCODING_CONSTRUCTORS

    ranks = load_tiktoken_bpe(str(test_data / FILES[name]))
    if name in ENCODING_CONSTRUCTORS:
        return openai(name, ranks)
    return tiktoken.Encoding(
        name,
        pat_str=ENCODINGS[name].pattern,
        mergeable_ranks=ranks,
        special_tokens=ENCODINGS[name].special_tokens,
    )


def openai(name: str, ranks: dict[bytes, int]) -> Any:
    """One of OpenAI's encodings over these ranks."""
    import tiktoken
    from tiktoken_ext import openai_public

    with pytest.MonkeyPatch.context() as patch:
        for loader in ("load_tiktoken_bpe", "data_gym_to_mergeable_bpe_ranks"):
            patch.setattr(openai_public, loader, lambda *_, **__: ranks)
        fields = openai_public.ENCODING_CONSTRUCTORS[name]()
    if len(ranks) < 1000:  # the numbers that go with the whole file
        fields.pop("explicit_n_vocab", None)
    return tiktoken.Encoding(**fields)


def pieces(special: list[str], seed: int, count: int) -> Iterator[str]:
    """Texts glued from hostile pieces, words, and (parts of) special tokens."""
    rng = random.Random(seed)
    stock = ["the", " Cat", "'S", "'ll", " 1234", "\n", " \n ", "  ", "\r\n\r\n", *HOSTILE[1:14]]
    stock += special[:3] + special[-3:] + [token[:-1] for token in special[:2]]
    for _ in range(count):
        yield "".join(rng.choices(stock, k=rng.randrange(1, 12)))


@pytest.mark.oracle("tiktoken")
@pytest.mark.data("text")
@real
@pytest.mark.parametrize("name", FILES)
def test_equal_to_tiktoken(ours: Callable[[str], Tokenizer], test_data: Path, name: str) -> None:
    mine, theirs = ours(name), peer(test_data, name)
    assert mine.max_id + 1 == theirs.n_vocab
    assert mine.special_ids == set(theirs._special_tokens.values())
    special = sorted(theirs.special_tokens_set - {"<|reserved_200018|>"})  # one id, two names
    assert {mine.token_to_id(token) for token in special} == mine.special_ids
    for text in [*HOSTILE, *texts(test_data, 60), *pieces(special, 1, 300), *special]:
        expected = theirs.encode(text, allowed_special="all")
        assert mine.encode(text).ids == expected, text
        assert mine.encode(text, special="text").ids == theirs.encode_ordinary(text), text
        assert mine.decode(expected, skip_special_tokens=False) == text
    for index in random.Random(0).sample(range(100, 50_000), 200):
        assert mine.token_bytes(index) == theirs.decode_single_token_bytes(index)


@real
@pytest.mark.parametrize(("name", "count"), VECTORS.items())
def test_vectors(ours: Callable[[str], Tokenizer], test_data: Path, name: str, count: int) -> None:
    plans = (test_data / "gpt-tokenizer" / "TestPlans.txt").read_text(encoding="utf-8")
    for plan in plans.split("EncodingName: ")[1:]:
        encoding, _, rest = plan.partition("\nSample: ")
        sample, _, ids = rest.rpartition("\nEncoded: ")
        if encoding == name:
            assert ours(name).encode(sample).ids == json.loads(ids), sample
            count -= 1
    assert count == 0


@real
def test_published_figure(ours: Callable[[str], Tokenizer]) -> None:
    ids = ours("cl100k_base").encode("My name is Carson. I would like to try GPT-4 Tokenizer.").ids
    expected = [5159, 836, 374, 41276, 13, 358, 1053, 1093, 311, 1456, 480, 2898, 12, 19, 9857]
    assert ids[:16] == [*expected, 3213]


# Small files


def lines(ranks: dict[bytes, int]) -> bytes:
    return b"".join(base64.b64encode(t) + b" %d\n" % rank for t, rank in ranks.items())


def small() -> dict[bytes, int]:
    ranks = {bytes([byte]): byte for byte in range(256)}
    return ranks | {b"he": 256, b"ll": 257, b"hell": 258, b" w": 300}


@pytest.fixture
def file(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(data: bytes) -> Path:
        path = tmp_path / "mine.tiktoken"
        path.write_bytes(data)
        return path

    return write


def test_a_given_pattern(file: Callable[[bytes], Path], tmp_path: Path) -> None:
    special = {"<|end|>": 1000}
    path = file(lines(small()))
    tokenizer = Tokenizer.from_file(path, pattern=GPT2_PATTERN, special_tokens=special)
    assert tokenizer.encode("hello w<|end|>").tokens == ["hell", "o", "Ġw", "<|end|>"]
    assert tokenizer.special_ids == {1000}
    assert len(tokenizer) == 261
    tokenizer.save(tmp_path / "saved")
    again = Tokenizer.from_pretrained(tmp_path / "saved")
    assert again.encode("hello w<|end|>").ids == [258, 111, 300, 1000]


def test_the_name_tells(file: Callable[[bytes], Path]) -> None:
    path = file(lines(small()))
    with pytest.raises(TokenizerError, match=r"encoding 'mine' is not known; known: gpt2, r50k_"):
        Tokenizer.from_file(path)
    with pytest.raises(TokenizerError, match=r"found 260 ranks, expected the 128000 of llama3"):
        Tokenizer.from_file(path, encoding="llama3")
    with pytest.raises(TokenizerError, match="encoding and pattern are given"):
        Tokenizer.from_file(path, encoding="llama3", pattern=GPT2_PATTERN)
    with pytest.raises(TokenizerError, match="special_tokens are given without a pattern"):
        Tokenizer.from_file(path, encoding="llama3", special_tokens={})
    with pytest.raises(InputError, match="has no option 'patern'; known: encoding, pattern, spec"):
        Tokenizer.from_file(path, patern=GPT2_PATTERN)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"aGU= 400", "line 261: token b'he' appears twice"),
        (b"aGVs 256", "line 261: rank 256 appears twice"),
        (b"aGV 400", "line 261: found b'aGV 400', expected a token in base64"),
        (b"aGVs", "expected a token in base64"),
        (b"aGVs -1", "expected a token in base64"),
        (b"aGVs 99999999999999999999", "expected a token in base64"),
        (b" 400", "expected a token in base64"),
        (b"aGVs 4x", "expected a token in base64"),
        (b"\xff\xfe\x00", "expected a token in base64"),
    ],
)
def test_bad_lines(file: Callable[[bytes], Path], line: bytes, message: str) -> None:
    path = file(lines(small()) + line)
    with pytest.raises(TokenizerError, match=message):
        Tokenizer.from_file(path, pattern=GPT2_PATTERN)


@pytest.mark.parametrize("pattern", [r"\w+$", r"^\w+", r"\w{1,2}+", r"(?m:\w+)", r"(?s).+"])
def test_dialects_of_regular_expressions(file: Callable[[bytes], Path], pattern: str) -> None:
    with pytest.raises(TokenizerError, match="which regular expressions elsewhere read otherwise"):
        Tokenizer.from_file(file(lines(small())), pattern=pattern)


@pytest.mark.oracle("tiktoken")
def test_own_spellings(file: Callable[[bytes], Path], test_data: Path) -> None:
    ranks = small()
    for name in ("gpt2", "r50k_base", "cl100k_base", "o200k_base"):
        theirs = openai(name, ranks)
        mine = Tokenizer.from_file(file(lines(ranks)), pattern=theirs._pat_str)
        for text in HOSTILE:
            assert mine.encode(text).ids == theirs.encode_ordinary(text), text


def test_bad_vocabularies_and_specials(file: Callable[[bytes], Path]) -> None:
    lacking = {token: rank for token, rank in small().items() if token != b"A"}
    with pytest.raises(TokenizerError, match="byte 65 has no token"):
        Tokenizer.from_file(file(lines(lacking)), pattern=GPT2_PATTERN)
    path = file(lines(small()))
    for special, message in (
        ({"<x>": 65}, "has id 65, which the vocabulary gives to"),
        ({"<x>": 2**40}, "id"),
        ({"<x>": "1"}, "expected an integer"),
        ({5: 5}, "5 is no text"),
        ({"": 1000}, "empty"),
        (["<x>"], "expected an object"),
    ):
        with pytest.raises(TokenizerError, match=message):
            Tokenizer.from_file(path, pattern=GPT2_PATTERN, special_tokens=special)
    with pytest.raises(TokenizerError, match="expected a string"):
        Tokenizer.from_file(path, pattern=7)
    with pytest.raises(TokenizerError, match="begins with"):
        Tokenizer.from_file(file(b""), pattern=GPT2_PATTERN)
