"""Texts of any size to ids on disk."""

from __future__ import annotations

import itertools
import json
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quatrain import _core
from quatrain.errors import InputError, TokenizerError
from quatrain.tokenizer import Tokenizer, to_file
from tokenizer_data import (
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
from tokenizer_random import random_file, random_text

Setting = dict[str, Any]


def word_piece(**parts: Any) -> Setting:
    return plain_word_piece() | parts


def split(pattern: str, behavior: str = "Isolated") -> Setting:
    step = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": False}
    byte_level = plain_bpe()["pre_tokenizer"] | {"use_regex": False}
    return {"type": "Sequence", "pretokenizers": [step, byte_level]}


def prefix_space() -> Setting:
    return plain_bpe()["pre_tokenizer"] | {"add_prefix_space": True}


def with_tokens(*tokens: dict[str, Any]) -> Setting:
    file = plain_bpe()
    size = len(file["model"]["vocab"])
    file["added_tokens"] = [token | {"id": size + i} for i, token in enumerate(tokens)]
    return file


def unigram(*steps: Setting) -> Setting:
    pieces = ["<unk>", "▁", *"abcéhelowrd中", "▁a", "lo", "hello", "▁b"]
    return word_piece(
        model={
            "type": "Unigram",
            "unk_id": 0,
            "byte_fallback": False,
            "vocab": [[piece, -1.0 - i % 5] for i, piece in enumerate(pieces)],
        },
        added_tokens=[],
        post_processor=None,
        decoder=None,
        normalizer={"type": "Lowercase"},
        pre_tokenizer={"type": "Sequence", "pretokenizers": list(steps)},
    )


def metaspace(scheme: str, cuts: bool = True) -> Setting:
    return {
        "type": "Metaspace",
        "replacement": "▁",
        "prepend_scheme": scheme,
        "split": cuts,
    }


# Where every step is local, and where one is not.
CUT: dict[str, Setting] = {
    "GPT-2": plain_bpe(),
    "GPT-2 pattern": plain_bpe() | {"pre_tokenizer": split(GPT2_PATTERN)},
    "Llama 3": plain_bpe() | {"pre_tokenizer": split(LLAMA3_PATTERN)},
    "Qwen 2": plain_bpe() | {"pre_tokenizer": split(QWEN2_PATTERN), "normalizer": {"type": "NFC"}},
    "prefix space": plain_bpe() | {"pre_tokenizer": prefix_space()},
    "NFKC": plain_bpe() | {"normalizer": {"type": "NFKC"}},
    "BERT": word_piece(),
    "words": word_piece(pre_tokenizer={"type": "Whitespace"}, normalizer={"type": "NFKD"}),
    "metaspace": unigram(metaspace("always")),
    "metaspace, first": unigram(metaspace("first")),
    "words, metaspace, first": unigram({"type": "WhitespaceSplit"}, metaspace("first")),
    "words, metaspace": unigram({"type": "WhitespaceSplit"}, metaspace("always", cuts=False)),
    "spaces around ideographs": plain_bpe() | {"normalizer": plain_word_piece()["normalizer"]},
    "added tokens": with_tokens(
        added_token(0, "  "),
        added_token(0, "<|end|>", special=True, lstrip=True, rstrip=True),
        added_token(0, "Hello", single_word=True),
    ),
}
WHOLE: dict[str, Setting] = {
    "no pre-tokenizer": plain_bpe() | {"pre_tokenizer": None},
    "strip": word_piece(normalizer={"type": "Strip", "strip_left": True, "strip_right": True}),
    "digits": word_piece(pre_tokenizer={"type": "Digits", "individual_digits": True}),
    "metaspace, no cut": unigram(metaspace("first", cuts=False)),
    "hidden spaces": plain_bpe()
    | {
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                plain_bpe()["pre_tokenizer"] | {"use_regex": False},
                {"type": "WhitespaceSplit"},
            ],
        }
    },
    "joined words": plain_bpe() | {"pre_tokenizer": split(LLAMA3_PATTERN, "Contiguous")},
    "token with a space": with_tokens(added_token(0, "a b")),
    "token that gets a space": with_tokens(added_token(0, "a\tb", normalized=True))
    | {"normalizer": plain_word_piece()["normalizer"]},
    "token that takes spaces": with_tokens(added_token(0, "ab", rstrip=True)),
}
ENGINE = pytest.mark.oracle("onigurumacffi")  # one of them has no scanner
WHOLE_NAMES = [pytest.param(n, marks=ENGINE if n == "joined words" else ()) for n in WHOLE]


def random_document(rng: random.Random) -> str:
    parts = [*HOSTILE[2:13], *"abcé中ñй   \n9", "'s", "hello", "Hello", "<|end|>"]
    return "".join(rng.choices(parts, k=rng.randrange(40)))


def encode_in_blocks(
    tokenizer: Tokenizer, data: bytes, separator: bytes, size: int, part: int
) -> list[list[int]]:
    core = tokenizer._core
    rule = _core.tokenizer.SpecialRule()
    encoder = _core.tokenizer.DocumentEncoder(core, True, rule, 2, part)
    blocks = [data[i : i + size] for i in range(0, len(data), size)]
    results = [encoder.push(block, separator, False) for block in blocks]
    results.append(encoder.push(b"", separator, True))
    ids = np.concatenate([ids for ids, _ in results])
    ends = np.concatenate([ends for _, ends in results]).tolist()
    return [ids[begin:end].tolist() for begin, end in itertools.pairwise([0, *ends])]


@pytest.mark.parametrize("name", [*CUT, *WHOLE_NAMES])
def test_cuts_change_no_token(name: str) -> None:
    tokenizer = Tokenizer(to_bytes((CUT | WHOLE)[name]))
    rng = random.Random(11)
    for _ in range(60):
        documents = [random_document(rng) for _ in range(rng.randrange(6))]
        text = "\x1e".join(documents)
        whole = [tokenizer.encode(text).ids]
        size, part = rng.choice([1, 2, 7, 100, 10**6]), rng.choice([1, 5, 40])
        assert encode_in_blocks(tokenizer, text.encode(), b"", size, part) == whole
        expected = [tokenizer.encode(document).ids for document in documents]
        ended = text + "\x1e" if documents else ""
        assert encode_in_blocks(tokenizer, ended.encode(), b"\x1e", size, part) == expected


def test_a_refused_token_is_found_in_its_document(tmp_path: Path) -> None:
    tokenizer = Tokenizer(to_bytes(plain_bpe()))
    text = "word " * 200_000 + "<|end|>"
    with pytest.raises(InputError) as raised:
        tokenizer.encode_to_file(iter([text]), tmp_path / "x.npy", special="error", threads=1)
    found = re.search(r"document 0, from byte (\d+) on: .* at character (\d+)", str(raised.value))
    assert found
    assert int(found[1]) + int(found[2]) == len(text) - len("<|end|>")


def test_what_has_no_cut_is_searched_once() -> None:
    def seconds(blocks: int) -> float:
        encoder = _encoder(Tokenizer(to_bytes(plain_bpe())), part=20)
        begin = time.process_time()
        for _ in range(blocks):
            encoder.push(b"1234567 " * 50, b"", False)
        return time.process_time() - begin

    assert seconds(1600) < 24 * seconds(200) + 0.1


@pytest.mark.parametrize("name", CUT)
def test_long_documents_are_cut(name: str) -> None:
    encoder = _encoder(Tokenizer(to_bytes(CUT[name])), part=20)
    ids, ends = encoder.push(b"hello world, hello " * 20, b"\n", False)
    assert len(ids) > 20
    assert len(ends) == 0


@pytest.mark.oracle("tokenizers")
def test_cuts_change_no_token_of_random_files() -> None:
    cut = 0
    for seed in range(200):
        rng = random.Random(seed)
        file = random_file(rng) | {"post_processor": None}  # some templates repeat the text
        tokenizer = Tokenizer(to_bytes(file)).without_truncation().without_padding()
        encoder = _encoder(tokenizer, part=8)
        try:
            cut += len(encoder.push(b"hello world, " * 20, b"", False)[0]) > 0
            for _ in range(9):
                text = " ".join(random_text(rng) for _ in range(rng.randrange(1, 9)))
                expected = tokenizer.encode(text).ids
                size, part = rng.choice([3, 50, 10**6]), rng.choice([1, 5, 30])
                blocks = encode_in_blocks(tokenizer, text.encode(), b"", size, part)
                assert blocks == [expected], (seed, text)
        except TokenizerError:
            continue  # the text needs an unknown token that the vocabulary lacks
    assert cut > 4


@pytest.mark.parametrize("add_special_tokens", [True, False])
def test_a_template_that_repeats_the_text_is_refused(
    add_special_tokens: bool, tmp_path: Path
) -> None:
    file = word_piece()
    file["post_processor"]["single"].append({"Sequence": {"id": "A", "type_id": 0}})
    tokenizer = Tokenizer(to_bytes(file))
    with pytest.raises(InputError, match="two copies of the text"):
        tokenizer.encode_to_file(
            iter(["a b"]), tmp_path / "x.npy", add_special_tokens=add_special_tokens
        )


@pytest.mark.parametrize("name", WHOLE_NAMES)
def test_others_wait_for_their_end(name: str) -> None:
    encoder = _encoder(Tokenizer(to_bytes(WHOLE[name])), part=20)
    ids, ends = encoder.push(b"hello world, hello " * 20, b"\n", False)
    assert len(ids) == len(ends) == 0


def _encoder(tokenizer: Tokenizer, part: int) -> Any:
    rule = _core.tokenizer.SpecialRule()
    return _core.tokenizer.DocumentEncoder(tokenizer._core, True, rule, 1, part)


def read(written: Any) -> list[list[int]]:
    ids = np.load(written.path, mmap_mode="r")
    offsets = np.load(written.offsets_path)
    assert len(ids) == written.tokens
    assert len(offsets) == written.documents + 1
    assert offsets.dtype == np.int64
    return [ids[begin:end].tolist() for begin, end in itertools.pairwise(offsets)]


@pytest.fixture
def tokenizer() -> Tokenizer:
    return Tokenizer(to_bytes(plain_word_piece()))


@pytest.mark.parametrize("separator", ["\n", "\r\n", "<doc>", "。"])
def test_documents_of_a_file(tokenizer: Tokenizer, tmp_path: Path, separator: str) -> None:
    documents = ["hello world", "", "a b. é", "中", " "] * 50
    (tmp_path / "in").write_bytes((separator.join(documents) + separator).encode())
    written = tokenizer.encode_to_file(tmp_path / "in", tmp_path / "x.npy", separator=separator)
    assert read(written) == [tokenizer.encode(document).ids for document in documents]
    assert written.offsets_path == tmp_path / "x.offsets.npy"
    assert np.load(written.path).dtype == np.uint16
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "x.npy", "x.offsets.npy"]


@pytest.mark.parametrize(
    ("text", "separator", "documents"),
    [("", "\n", []), ("", None, [""]), ("a\nb", None, ["a\nb"]), ("a\n\nb", "\n", ["a", "", "b"])],
)
def test_ends_of_files(
    tokenizer: Tokenizer, tmp_path: Path, text: str, separator: str | None, documents: list[str]
) -> None:
    (tmp_path / "in").write_text(text)
    written = tokenizer.encode_to_file(tmp_path / "in", tmp_path / "x", separator=separator)
    assert read(written) == [tokenizer.encode(document).ids for document in documents]


def test_documents_of_an_iterator(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(to_file, "MANY", 3)
    documents = ["hello\nworld", "", *HOSTILE]
    written = tokenizer.encode_to_file(
        iter(documents), tmp_path / "x.npy", dtype="uint32", add_special_tokens=False, threads=2
    )
    assert read(written) == [tokenizer.encode(text, None, False).ids for text in documents]
    assert np.load(written.path).dtype == np.uint32


def test_special_tokens(tokenizer: Tokenizer, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("a\nb [SEP] c\n")
    written = tokenizer.encode_to_file(tmp_path / "in", tmp_path / "x", special="text")
    assert read(written)[1] == tokenizer.encode("b [SEP] c", special="text").ids
    with pytest.raises(InputError, match=r"in: document 1: .*'\[SEP\]' at character 2"):
        tokenizer.encode_to_file(tmp_path / "in", tmp_path / "y", special="error")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a\nb\xff\n", r"byte 3 \(line 2\) is not UTF-8"),
        (b"a\n\n\xe4\xb8", r"byte 3 \(line 3\) is not UTF-8"),
        (b"\xed\xa0\x80", r"byte 0 \(line 1\) is not UTF-8"),
        ("中\n".encode() * 2_000_000 + b"\x80", r"byte 8000000 \(line 2000001\) is not UTF-8"),
    ],
)
def test_not_utf8(tokenizer: Tokenizer, tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "in").write_bytes(data)
    with pytest.raises(InputError, match=message):
        tokenizer.encode_to_file(tmp_path / "in", tmp_path / "x.npy")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_refusals(tokenizer: Tokenizer, tmp_path: Path) -> None:
    output = tmp_path / "x.npy"
    with pytest.raises(InputError, match="none: no such file"):
        tokenizer.encode_to_file(tmp_path / "none", output)
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        tokenizer.encode_to_file(tmp_path, output)
    with pytest.raises(InputError, match="expected a folder to write into"):
        tokenizer.encode_to_file(iter(["a"]), tmp_path / "no" / "x.npy")
    with pytest.raises(InputError, match="dtype is 'int8'"):
        tokenizer.encode_to_file(iter(["a"]), output, dtype="int8")  # type: ignore[arg-type]  # wrong
    with pytest.raises(InputError, match="source is a list, expected a path, or texts as an iter"):
        tokenizer.encode_to_file(["a"], output)
    for separator in ("", b"x", "\ud800"):
        with pytest.raises(InputError, match="separator is "):
            tokenizer.encode_to_file(iter("a"), output, separator=separator)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="source is a NoneType, expected"):
        tokenizer.encode_to_file(None, output)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"document 1: .*expected a str, got int"):
        tokenizer.encode_to_file(iter(["a", 1]), output)  # type: ignore[list-item]
    with pytest.raises(InputError, match=r"document 2: .*lone surrogate at character 1"):
        tokenizer.encode_to_file(iter(["a", "b", "c\ud800"]), output)
    assert not list(tmp_path.iterdir())
    link = tmp_path / "link.npy"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"link\.npy: is no regular file"):
        tokenizer.encode_to_file(iter(["a"]), link, overwrite=True)
    tokenizer.encode_to_file(iter(["a"]), output)
    with pytest.raises(InputError, match=r"x\.npy: exists already"):
        tokenizer.encode_to_file(iter(["b"]), output)
    assert read(tokenizer.encode_to_file(iter(["b"]), output, overwrite=True))


def test_ids_too_large_for_the_type(tmp_path: Path) -> None:
    file = plain_bpe()
    size = len(file["model"]["vocab"])
    file["model"]["vocab"] |= {f"token{i}": i for i in range(size, 2**16)}
    file["added_tokens"][0]["id"] = 2**16
    tokenizer = Tokenizer(to_bytes(file))
    with pytest.raises(InputError, match="ids go up to 65536"):
        tokenizer.encode_to_file(iter(["a"]), tmp_path / "x", dtype="uint16")
    written = tokenizer.encode_to_file(iter(["<|end|>"]), tmp_path / "x")
    assert np.load(written.path).tolist() == [65536]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_nothing_is_left_behind(
    tokenizer: Tokenizer, tmp_path: Path, error: type[BaseException]
) -> None:
    def interrupted() -> Iterator[str]:
        yield from ["hello"] * 20_000
        raise error

    with pytest.raises(error):
        tokenizer.encode_to_file(interrupted(), tmp_path / "x.npy")
    assert not list(tmp_path.iterdir())


def test_progress_is_shown(
    tokenizer: Tokenizer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").write_text("hello\n" * 10)
    tokenizer.encode_to_file(tmp_path / "in", tmp_path / "x", progress=True)
    tokenizer.encode_to_file(iter(["a", "b"]), tmp_path / "y", progress=True)
    shown = capsys.readouterr().err
    assert "60/60 bytes" in shown
    assert "2/?  documents" in shown or "2/? documents" in shown


@pytest.mark.data("gpt2", "text")
def test_a_real_file(test_data: Path, tmp_path: Path) -> None:
    tokenizer = Tokenizer(json.dumps(gpt2(test_data)).encode())
    text = "\n".join(texts(test_data, 100))
    (tmp_path / "in").write_bytes(text.encode())
    written = tokenizer.encode_to_file(tmp_path / "in", tmp_path / "x", separator=None)
    assert read(written) == [tokenizer.encode(text).ids]
    blocks = encode_in_blocks(tokenizer, text.encode(), b"\n", 1000, 50)
    assert blocks == [tokenizer.encode(line).ids for line in text.split("\n")]


def test_an_error_of_the_callers_iterator_is_the_callers(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    def broken() -> Iterator[str]:
        yield "a"
        raise OSError("the caller's")

    with pytest.raises(OSError, match="the caller's"):
        tokenizer.encode_to_file(broken(), tmp_path / "x.npy")
    assert not list(tmp_path.iterdir())
