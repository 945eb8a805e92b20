"""``quatrain tokenize FILE --out``: a file of any size to ids on disk."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from quatrain.cli import app
from quatrain.folder import DEFAULT
from quatrain.tokenizer import Tokenizer
from tokenizer_data import GPT2_PATTERN, plain_word_piece

pytestmark = pytest.mark.usefixtures("working_folder")


def run(*arguments: Any, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["tokenize", *map(str, arguments)])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.output


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.txt"
    path.write_text("Humpty Dumpty\nsat on\n\na wall. <|endoftext|>", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_pretrained(DEFAULT)


def test_lines(corpus: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    shown = run(corpus, "--out", tmp_path / "ids.npy", "--threads", 1)
    assert "ids.npy: " in shown
    assert "tokens of 4 documents" in shown
    ids, offsets = np.load(tmp_path / "ids.npy"), np.load(tmp_path / "ids.offsets.npy")
    documents = corpus.read_text().split("\n")
    assert [part.tolist() for part in np.split(ids, offsets[1:-1])] == [
        tokenizer.encode(document).ids for document in documents
    ]


def test_one_document(corpus: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    out = tmp_path / "ids.npy"
    arguments = (
        corpus,
        "--out",
        out,
        "--whole",
        "--no-add-special-tokens",
        "--special",
        "text",
        "--json",
    )
    got = json.loads(run(*arguments))
    expected = tokenizer.encode(corpus.read_text(), None, False, special="text").ids
    assert np.load(out).tolist() == expected
    offsets_path = str(tmp_path / "ids.offsets.npy")
    assert got == {
        "path": str(out),
        "offsets_path": offsets_path,
        "documents": 1,
        "tokens": len(expected),
    }


@pytest.mark.parametrize(("separator", "documents"), [(r"\n\n", 2), ("a", 4), (r"\x20", 5)])
def test_separators(corpus: Path, tmp_path: Path, separator: str, documents: int) -> None:
    shown = run(corpus, "--out", tmp_path / "ids.npy", "--separator", separator)
    assert f"{documents} documents" in shown


def test_existing_files(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "ids.npy"
    run(corpus, "--out", out)
    assert "exists already" in run(corpus, "--out", out, code=2)
    run(corpus, "--out", out, "--force")
    out.unlink()
    assert "ids.offsets.npy: exists already" in run(corpus, "--out", out, code=2)


def test_refusals(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "ids.npy"
    assert "no such file" in run(tmp_path / "none", "--out", out, code=2)
    assert "expected a folder to write into" in run(corpus, "--out", out / "x.npy", code=2)
    assert "do not go together" in run(corpus, "--out", out, "--pair", "b", code=2)
    assert "--whole needs --out" in run("text", "--whole", code=2)
    assert "--force needs --out" in run("text", "--force", code=2)
    assert "--separator needs --out" in run("text", "--separator", "", code=2)
    assert "expected text and escapes" in run(corpus, "--out", out, "--separator", "\\x", code=2)
    message = run(corpus, "--out", out, "--special", "error", code=2)
    assert "document 3: " in message
    assert "'<|endoftext|>' at character 8" in message
    corpus.write_bytes(b"a\nb\xff")
    assert "corpus.txt: [encode] byte 3 (line 2) is not UTF-8" in run(corpus, "--out", out, code=2)
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.txt"]


def test_any_tokenizer_file(tmp_path: Path) -> None:
    vocab = tmp_path / "words"
    vocab.write_text("\n".join(plain_word_piece()["model"]["vocab"]), encoding="utf-8")
    ranks = tmp_path / "mine.tiktoken"
    lines = (base64.b64encode(bytes([byte])) + b" %d\n" % byte for byte in range(256))
    ranks.write_bytes(b"".join(lines))
    got = json.loads(run("-m", vocab, "--format", "vocab.txt", "hello", "--json"))
    assert got["ids"] == Tokenizer.from_file(vocab, format="vocab.txt").encode("hello").ids
    got = json.loads(run("-m", ranks, "--pattern", GPT2_PATTERN, "hi", "--json"))
    assert got["ids"] == [104, 105]
    for arguments, message in {
        ("-m", vocab): "no format goes by that file name",
        ("-m", vocab, "--format", "vocab"): "format is 'vocab', expected one of tokenizer.json, ",
        ("-m", ranks): "encoding 'mine' is not known; known: gpt2, ",
        ("-m", ranks, "--encoding", "llama"): "encoding 'llama' is not known",
        ("-m", ranks, "--behavior", "tokenizers"): "tiktoken has no option 'behavior'",
        ("--encoding", "gpt2"): "tokenizer.json has no option 'encoding'; known: none",
        ("-m", tmp_path): "encoding 'mine' is not known",
        ("-m", tmp_path, "--format", "gguf"): "no tokenizer there; looked for gguf (*.gguf)",
        (
            "-m",
            tmp_path / "no.model",
        ): "no.model: expected a tokenizer's file or folder, found none",
    }.items():
        assert message in run(*arguments, "text", code=2)
