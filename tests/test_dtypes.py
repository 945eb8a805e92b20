"""Every family with its weights in every dtype: what it costs, and that files keep the bits."""

from __future__ import annotations

import json

import numpy as np
import pytest

import checkpoints
import quatrain
from families import DECODERS, FAMILIES, PAIRED, VOCAB
from quatrain.engines import DTYPES
from quatrain.packed import FORMAT

WEIGHTS = "model.safetensors"
#: How far results may be from those of float32, by the root of the mean square: with float16
#: relative to the results, with the others to the loss with float16, as random networks differ
#: much in what they make of a rounding. bfloat16 rounds 8 times as coarsely; integers round the
#: rows of x too, by a share of the largest of many values.
FLOAT16, TIMES = 0.02, {"bfloat16": 16, "int8": 80, "int4": 600}
CASES = [(family, True) for family in FAMILIES] + [(family, False) for family in DECODERS]


def rows(model, family: str) -> np.ndarray:
    """Logits or vectors of two texts."""
    random, network, run = np.random.default_rng(3), model.network, model.engine.run
    texts = [random.integers(3, VOCAB, n) for n in (11, 5)]
    inputs = {name: [np.zeros_like(text) for text in texts] for name in network.inputs}
    state = None
    if family in PAIRED:
        sources = FAMILIES[family].sources(random, 7, 4)
        state = model.engine.state(network.slots(), 2)
        run(network, "encode", sources, state, source=True)
    return run(network, "logits" if family in DECODERS else "hidden", texts, state, **inputs)[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A function: family, and whether embedding and head are one -> a folder with settings."""
    root = tmp_path_factory.mktemp("dtypes")

    def make(family: str, tied: bool):
        path = root / f"{family}-{tied}"
        if not path.exists():
            checkpoints.write(path, family, tie_word_embeddings=tied)
            settings = {"temperature": 0.7, "top_k": 5, "eos_token_id": [1, 7]}
            (path / "generation_config.json").write_text(json.dumps(settings))
        return path

    return make


@pytest.mark.parametrize(("family", "tied"), CASES)
def test_the_loss_is_bounded(family, tied, folder):
    exact = rows(quatrain.load(folder(family, tied)), family)
    scale = np.sqrt((exact**2).mean())

    def loss(dtype: str) -> float:
        got = rows(quatrain.load(folder(family, tied), dtype=dtype), family)
        return float(np.sqrt(((got - exact) ** 2).mean()) / scale)

    least = loss("float16")
    assert 0 < least <= FLOAT16
    for dtype, times in TIMES.items():
        assert least < loss(dtype) <= times * least, dtype


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("family", "tied"), CASES)
def test_a_saved_model_gives_the_same_bits(family, tied, dtype, folder, tmp_path):
    model = quatrain.load(folder(family, tied), dtype=dtype)
    saved = model.save(tmp_path / "saved")
    again = quatrain.load(saved)
    assert rows(again, family).tobytes() == rows(model, family).tobytes()
    assert {k: w.nbytes for k, w in again.network.weights.items()} == {
        k: w.nbytes for k, w in model.network.weights.items()
    }
    assert again.folder.checkpoint().metadata["format"] == FORMAT
    assert again.config == model.config and again.folder.generation == model.folder.generation
    # What was loaded from such a folder can be saved as well, to the same files.
    twice = again.save(tmp_path / "twice")
    for file in saved.iterdir():
        assert (twice / file.name).read_bytes() == file.read_bytes()
