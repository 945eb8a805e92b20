"""GGUF files as models: the same numbers as the folders that they were made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import checkpoints
import gguf_files
import quatrain
from quatrain import _core

pytestmark = pytest.mark.oracle("gguf")
IDS = [3, 1, 4, 1, 5, 9, 2, 6]
#: (family, what is changed in its tiny checkpoint)
MADE: list[tuple[str, dict[str, Any]]] = [
    ("llama", {}),
    ("llama", {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
    ("llama", {"num_key_value_heads": 1, "head_dim": None, "rope_theta": 500.0}),
    ("gpt2", {}),
    ("gpt2", {"tie_word_embeddings": False, "layer_norm_epsilon": 1e-3}),
    ("bert", {}),
    ("bert", {"type_vocab_size": 1, "layer_norm_eps": 1e-3}),
    ("t5", {}),
    ("t5", {"feed_forward_proj": "relu", "tie_word_embeddings": False}),
]


def both(
    tmp_path: Path, family: str, changes: dict[str, Any], kind: str = "F32", **fields: Any
) -> tuple[Path, Path]:
    """A tiny checkpoint's folder, and the GGUF file made of it."""
    said = gguf_files.SAID.get(family, {})
    folder = checkpoints.write(tmp_path / "folder", family, **(said | changes))
    return folder, gguf_files.write(folder, tmp_path / "model.gguf", kind, **fields)


def results(path: Path, engine: str) -> list[np.ndarray]:
    model = quatrain.load(path, engine=engine)
    if model.config_name == "bert":
        return [model.hidden(IDS)]
    found = model.generate(IDS, max_new_tokens=6, logprobs=1)
    numbers = np.array([step.logprob for step in found.logprobs])
    return [numbers] if model.config_name == "t5" else [numbers, model.logits(IDS)]


@pytest.mark.parametrize("engine", ["reference", "native", "onnx"])
@pytest.mark.parametrize(("family", "changes"), MADE, ids=str)
def test_a_file_is_the_folder_that_it_was_made_from(family, changes, engine, tmp_path):
    folder, file = both(tmp_path, family, changes)
    for ours, expected in zip(results(file, engine), results(folder, engine), strict=True):
        if engine == "native":
            np.testing.assert_array_equal(ours, expected)
        else:  # whose sums take another order where a matrix lies the other way round in memory
            np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5 * abs(expected).max())


#: type of a file's matrices: how the native engine holds them.
HELD = {"Q8_0": "q8_0", "Q4_0": "q4_0", "Q4_1": "q4_1", "Q5_0": "q8_0", "Q5_1": "q8_0"}
#: Sizes that are whole blocks.
WHOLE = {"hidden_size": 64, "intermediate_size": 96, "head_dim": 16}


@pytest.mark.parametrize("kind", HELD)
@pytest.mark.parametrize("tied", [False, True])
def test_what_a_file_has_quantised_stays_so_on_native(kind, tied, tmp_path):
    _, file = both(tmp_path, "llama", WHOLE | {"tie_word_embeddings": tied}, kind)
    model = quatrain.load(file)
    weights = model.network.weights
    held = {name: w.dtype for name, w in weights.items() if w.shape[1:]}
    assert set(held.values()) == {HELD[kind]}
    assert held.keys() > {"embed_tokens.weight", "layers.0.mlp.down_proj.weight"}
    whole = quatrain.load(file, dtype="float32")
    assert {str(w.dtype) for w in whole.network.weights.values()} == {"float32"}
    lost = 1 / 254 if kind == "Q5_1" else 0  # in half a level of eight bits
    for name in held:
        rows, expected = (
            w.rows(np.arange(w.shape[0])) if isinstance(w, _core.PackedWeight) else w
            for w in (weights[name], whole.network.weights[name])
        )
        assert np.abs(rows - expected).max() <= lost * np.abs(expected).max()
    # Activations have 8 bits as well.
    found, expected = model.logits(IDS), whole.logits(IDS)
    assert np.linalg.norm(found - expected) <= 0.06 * np.linalg.norm(expected)
    again = quatrain.load(model.save(tmp_path / "saved"))
    assert again.logits(IDS).tobytes() == found.tobytes()
