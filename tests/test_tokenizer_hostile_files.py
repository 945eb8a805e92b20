"""Damaged real files of every format but ``tokenizer.json``: refused in one line, or read."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quatrain.tokenizer import Tokenizer
from quatrain.tokenizer.formats.sentencepiece_proto import parse
from real_tokenizers import real
from tokenizer_hostile import PROFILE, survives

pytestmark = pytest.mark.data("gpt2", "llama.cpp", "minilm", "sentencepiece")

#: Where a real file is, and what it is opened with.
FILES: dict[str, tuple[str, dict[str, Any]]] = {
    "ranks.tiktoken": ("gpt2/gpt2.tiktoken", {"encoding": "gpt2"}),
    "bpe.model": ("sentencepiece/botchan-bpe.model", {}),
    "unigram.model": ("sentencepiece/kyoto.model", {}),
    "bytes.model": ("sentencepiece/mistral-v1.model", {"behavior": "tokenizers"}),
    "bpe.gguf": ("llama.cpp/ggml-vocab-gpt-2.gguf", {}),
    "sentencepiece.gguf": ("llama.cpp/ggml-vocab-llama-spm.gguf", {}),
    "wordpiece.gguf": ("llama.cpp/ggml-vocab-bert-bge.gguf", {}),
    "vocab.txt": ("minilm/vocab.txt", {}),
}
JUNK = [b"", b"\0", b"\xff", b"a", b"<s>", b"<0x41>", b"\xe2\x96\x81", b"x" * 10_000]
SCORES = [0.0, -0.0, 1e300, -1e38, 3e38, math.nan, math.inf, -math.inf]


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Cut, with a part that comes twice, with other bytes, most of them at the beginning."""
    spoiled = bytearray(data)

    def place() -> int:
        return min(int(rng.expovariate(1 / rng.choice([50, 500, 50_000]))), len(spoiled))

    if spoiled and rng.random() < 0.3:
        del spoiled[rng.randrange(len(spoiled)) :]
    if rng.random() < 0.3:
        begin = place()
        part = spoiled[begin : begin + rng.choice([1, 8, 100, 5000])]
        at = place()
        spoiled[at:at] = part
    for _ in range(rng.choice([0, 1, 1, 10])):
        at = place()
        spoiled[at : at + rng.choice([0, 1, 4])] = rng.randbytes(rng.choice([0, 1, 4]))
    return bytes(spoiled)


def on_any_seed(check: Callable[[random.Random], object]) -> None:
    @PROFILE
    @given(st.integers(0, 2**32))
    def run(seed: int) -> None:
        check(random.Random(seed))

    run()


@pytest.mark.parametrize("name", FILES)
def test_damaged_bytes(name: str, test_data: Path, tmp_path: Path, monkeypatch: Any) -> None:
    source, options = FILES[name]
    original = (test_data / source).read_bytes()
    monkeypatch.chdir(tmp_path)
    path = Path("damaged") / name
    path.parent.mkdir()
    path.write_bytes(original)
    assert survives(lambda: Tokenizer.from_file(path, **options))

    def check(rng: random.Random) -> None:
        path.write_bytes(damaged(original, rng))
        survives(lambda: Tokenizer.from_file(path, **options))

    on_any_seed(check)


@pytest.mark.parametrize("name", ["vocab.json", "merges.txt"])
def test_damaged_vocabulary(name: str, test_data: Path, tmp_path: Path, monkeypatch: Any) -> None:
    model = json.loads(real("gpt2", test_data))["model"]
    merges = "#version: 0.2\n" + "\n".join(model["merges"])
    files = {"vocab.json": json.dumps(model["vocab"]).encode(), "merges.txt": merges.encode()}
    monkeypatch.chdir(tmp_path)
    folder = Path("damaged")
    folder.mkdir()
    for other, data in files.items():
        (folder / other).write_bytes(data)
    path = folder / "vocab.json"
    assert survives(lambda: Tokenizer.from_file(path))

    def check(rng: random.Random) -> None:
        (folder / name).write_bytes(damaged(files[name], rng))
        survives(lambda: Tokenizer.from_file(path))

    on_any_seed(check)


def spoil(model: Any, rng: random.Random) -> None:
    """One thing of a SentencePiece model is dropped, doubled or becomes another."""
    piece = model.pieces[min(int(rng.expovariate(1 / 300)), len(model.pieces) - 1)]
    change = rng.randrange(8)
    if change == 0:
        piece.piece = rng.choice(JUNK)
    elif change == 1:
        piece.score = rng.choice(SCORES)
    elif change == 2:
        piece.type = rng.randrange(8)
    elif change == 3:
        model.pieces.append(piece)
    elif change == 4:
        del model.pieces[rng.randrange(len(model.pieces)) :]
        model.pieces.append(piece)
    elif change == 5:
        for part in (model.trainer_spec, model.normalizer_spec, model.denormalizer_spec):
            for field in part.DESCRIPTOR.fields:
                if field.type == field.TYPE_BOOL and rng.random() < 0.3:
                    setattr(part, field.name, rng.random() < 0.5)
    elif change == 6:
        model.trainer_spec.model_type = rng.randrange(6)
    else:
        rules = rng.choice([model.normalizer_spec, model.denormalizer_spec])
        rules.precompiled_charsmap = damaged(model.normalizer_spec.precompiled_charsmap, rng)


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".model")])
def test_damaged_fields(name: str, test_data: Path, tmp_path: Path, monkeypatch: Any) -> None:
    source, options = FILES[name]
    original = (test_data / source).read_bytes()
    monkeypatch.chdir(tmp_path)
    path = Path(f"damaged-{name}")

    def check(rng: random.Random) -> None:
        model = parse(original)
        for _ in range(rng.choice([1, 1, 2, 4])):
            spoil(model, rng)
        path.write_bytes(model.SerializeToString())
        survives(lambda: Tokenizer.from_file(path, **options))

    on_any_seed(check)
