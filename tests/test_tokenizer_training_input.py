"""What training refuses, what it keeps of another tokenizer, and its command."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from quatrain import Tokenizer
from quatrain.cli import app
from quatrain.errors import InputError, TokenizerError
from tokenizer_data import added_token

TEXT = "the cat sat on the mat; that cat is the fat cat"
PLAIN: dict[str, Any] = {"pre_tokenizer": {"type": "Whitespace"}}


def train(*texts: str, size: int = 40, **options: Any) -> Tokenizer:
    return Tokenizer.train(iter(texts or [TEXT]), "bpe", size, **{"like": PLAIN, **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": -1}, "vocab_size is -1, expected an int from 0 to"),
        ({"size": True}, "vocab_size is True"),
        ({"size": 10**12}, "vocab_size is 1000000000000"),
        ({"size": 5}, r"vocab_size is 5, expected at least 12: the special tokens and the char"),
        ({"min_frequency": -2}, "min_frequency is -2"),
        ({"limit_alphabet": 1.5}, "limit_alphabet is 1.5"),
        ({"max_token_length": -1}, "max_token_length is -1"),
        ({"threads": 0}, "threads is 0, expected an int from 1"),
        ({"like": "gpt5"}, "like is 'gpt5', expected one of gpt2, "),
        ({"like": 3}, "like is 3"),
        ({"special_tokens": [3]}, "a special token is 3, expected a str"),
        ({"special_tokens": [""]}, "a special token is empty"),
        ({"special_tokens": "<s>"}, "special_tokens is a str"),
        ({"special_tokens": ["\ud800"]}, "a special token has a lone surrogate"),
        ({"initial_alphabet": ["\ud800"]}, "initial_alphabet has a lone surrogate"),
        ({"initial_alphabet": 3}, "initial_alphabet is 3, expected characters"),
        ({"unk_token": "<unk>"}, "unknown token '<unk>' is not among the special tokens"),
        (
            {"like": "bert-cased", "special_tokens": ["[UNK]", "[SEP]"]},
            r"the post-processor of like adds '\[CLS\]', which is not among the special tokens",
        ),
    ],
)
def test_bad_settings(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        train(**options)


TOKEN = added_token(0, "<x>", normalized=True)
TO_NOTHING = {"pattern": {"String": "<x>"}, "content": ""}


@pytest.mark.parametrize(
    ("like", "message"),
    [
        ({"added_tokens": None}, "like: added_tokens: found null, expected a list"),
        ({"added_tokens": [{"id": 0}]}, "like: .*field 'content' is missing"),
        ({"model": {"unk_token": ["x"]}}, r"like: model.unk_token: found \["),
        ({"model": {"unk_token": "x"}}, "unknown token 'x' is not among the special tokens"),
        ({"model": {"dropout": 0.1}}, "like: model.dropout: random merges are not supported"),
        (
            {"added_tokens": [{**TOKEN, "content": ""}]},
            "like: .added_tokens. token of id 0 is empty",
        ),
        (
            {"added_tokens": [TOKEN], "normalizer": {"type": "Replace", **TO_NOTHING}},
            r"like: \[added_tokens\] token '<x>' is normalized to nothing",
        ),
        ({"post_processor": []}, r"like: post_processor: found \[\], expected an object"),
    ],
)
def test_like_is_refused_before_a_text_is_read(like: dict[str, Any], message: str) -> None:
    texts = iter([TEXT])
    with pytest.raises((InputError, TokenizerError), match=message):
        Tokenizer.train(texts, "bpe", 40, like=like)
    assert next(texts) == TEXT


def test_like_a_tokenizer_with_other_ids() -> None:
    tokens = [("[PAD]", 0), ("[UNK]", 100), ("[CLS]", 101), ("[SEP]", 102), ("[MASK]", 103)]
    like = Tokenizer.train(iter([TEXT]), "wordpiece", 40)
    file = json.loads(like._source.own)
    for token, (_, index) in zip(file["added_tokens"], tokens, strict=True):
        token["id"] = index
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = Tokenizer.train(iter([TEXT]), "wordpiece", 40, like=file)
    assert again._source.own == like._source.own


def test_bad_algorithm() -> None:
    with pytest.raises(
        InputError, match="algorithm is 'word2vec', expected one of bpe, wordpiece, unigram"
    ):
        Tokenizer.train(iter([TEXT]), "word2vec")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="end_of_word_suffix means nothing to 'wordpiece'"):
        Tokenizer.train(iter([TEXT]), "wordpiece", end_of_word_suffix="x")


def test_bad_surroundings() -> None:
    with pytest.raises(TokenizerError, match=r"like: pre_tokenizer.type: 'Magic' is not supported"):
        train(like={"pre_tokenizer": {"type": "Magic"}})
    with pytest.raises(TokenizerError, match="like: added_tokens: found 3, expected a list"):
        train(like={"added_tokens": 3})


@pytest.mark.parametrize("texts", [[], [""], ["  ", "\n"]])
def test_no_text(texts: list[str]) -> None:
    with pytest.raises(InputError, match="the texts have no words"):
        train(*texts or [""])


def test_bad_texts(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="text 1 is int, expected a str"):
        Tokenizer.train(iter(["a", 3]))  # type: ignore[list-item]
    with pytest.raises(InputError, match="text 2 has a lone surrogate"):
        train("a", "b", "\udcff")
    with pytest.raises(InputError, match=r"no such file .*give texts as an iterator"):
        Tokenizer.train(["some text"])
    with pytest.raises(InputError, match="no such file"):
        Tokenizer.train("a\0b")
    with pytest.raises(InputError, match="source has int, expected paths"):
        Tokenizer.train([3])  # type: ignore[list-item]
    with pytest.raises(InputError, match="source is int, expected a path"):
        Tokenizer.train(3)  # type: ignore[arg-type]
    file = tmp_path / "text"
    file.write_bytes(b"line\n" * 1_000_000 + "né".encode()[:-1] + b"\n")
    with pytest.raises(InputError, match=r"text: not UTF-8 at byte 5000001"):
        Tokenizer.train(file)


def test_what_is_kept(tmp_path: Path) -> None:
    first = Tokenizer.train(iter([TEXT]), "wordpiece", 40)
    file = json.loads(first._source.own)
    file["padding"] = {
        "strategy": "BatchLongest",
        "direction": "Left",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "[PAD]",
    }
    file["added_tokens"][0]["lstrip"] = True
    tokens = ["<new>", "[UNK]", "[SEP]", "[CLS]", "[PAD]"]
    again = Tokenizer.train(
        iter([TEXT]), "wordpiece", 40, like=Tokenizer(json.dumps(file).encode())
    )
    assert json.loads(again._source.own) == file
    other = Tokenizer.train(iter([TEXT]), "wordpiece", 40, like=file, special_tokens=tokens)
    assert [other.id_to_token(i) for i in range(5)] == tokens
    assert other.encode("cat").tokens == ["[CLS]", "cat", "[SEP]"]
    assert other.padding is not None and other.padding.pad_id == 4
    other.save(tmp_path)
    assert Tokenizer.from_pretrained(tmp_path).encode(TEXT).ids == other.encode(TEXT).ids


def test_roles(tmp_path: Path) -> None:
    def roles(tokenizer: Tokenizer) -> tuple[int | None, ...]:
        return tokenizer.bos_id, tokenizer.eos_id, tokenizer.pad_id, tokenizer.unk_id

    gpt2 = Tokenizer.train(iter([TEXT]), vocab_size=300)
    assert roles(gpt2) == (0, 0, None, None)
    assert roles(Tokenizer.train(iter([TEXT]), "unigram", 40)) == (None, 1, 0, 2)
    bert = Tokenizer.train(iter([TEXT]), "wordpiece", 60, eos_token="[SEP]")
    assert roles(bert) == (None, 3, 0, 1)
    assert roles(Tokenizer.train(iter([TEXT]), "wordpiece", 60, like=bert)) == (None, 3, 0, 1)
    special = ["<s>", "<pad>"]
    mine = train(like="gpt2", size=300, special_tokens=special, pad_token="<pad>", bos_token="<s>")
    assert roles(mine) == (0, None, 1, None)
    assert len(mine.with_padding(4).encode("c")) == 4
    mine.save(tmp_path)
    assert roles(Tokenizer.from_pretrained(tmp_path)) == (0, None, 1, None)
    with pytest.raises(InputError, match="eos_token is '<x>', which is not among the special tok"):
        train(eos_token="<x>")
    with pytest.raises(InputError, match="pad_token is 3, expected a str"):
        train(pad_token=3)


@pytest.mark.oracle("transformers")
def test_roles_are_those_that_transformers_reads(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    ours = Tokenizer.train(iter([TEXT]), "wordpiece", 60)
    ours.save(tmp_path)
    peer = AutoTokenizer.from_pretrained(tmp_path)
    assert (peer.pad_token_id, peer.unk_token_id, peer.eos_token_id) == (0, 1, None)
    assert peer(TEXT).input_ids == ours.encode_ids(TEXT)


def test_any_text_can_be_spelled_in_bytes() -> None:
    ours = Tokenizer.train(iter([TEXT]), vocab_size=300)
    for text in ("naïve \U0001d4b3", "\0\x7f\u0378", TEXT):
        assert ours.decode(ours.encode(text).ids) == text
    with pytest.raises(InputError, match="vocab_size is 256, expected at least 257"):
        Tokenizer.train(iter([TEXT]), vocab_size=256)
    assert len(Tokenizer.train(iter([TEXT]), vocab_size=30, initial_alphabet="")) == 30


def test_ctrl_c_ends_the_training() -> None:
    """While the core joins pairs, with the GIL released."""
    letters = "".join(random.Random(1).choices("abcdefghijklmnop", k=2_000_000))
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    # A shell's background processes ignore the signal unless told otherwise.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            Tokenizer.train(iter([letters]), "bpe", 10**6, like={}, threads=1)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)


def test_progress_bars() -> None:
    script = (
        "from quatrain import Tokenizer\n"
        f"Tokenizer.train(iter([{TEXT!r}]), vocab_size=270, progress=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "Reading texts" in done.stderr and "Joining pairs" in done.stderr and not done.stdout


# The command


def test_command(tmp_path: Path) -> None:
    (tmp_path / "text").write_text(TEXT)
    arguments = ["train-tokenizer", str(tmp_path / "text"), "--algorithm", "bpe"]
    arguments += ["--vocab-size", "270", "--out", str(tmp_path / "made")]
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["tokens"] == 270
    assert len(Tokenizer.from_pretrained(tmp_path / "made")) == 270
    done = CliRunner().invoke(app, [*arguments, "--vocab-size", "7"])
    assert done.exit_code == 2
    assert "vocab_size is 7" in done.stderr
