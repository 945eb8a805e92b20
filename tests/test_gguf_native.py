"""GGUF files whose matrices are quantised, on the native engine."""

from __future__ import annotations

import numpy as np
import pytest

import checkpoints
import gguf_files
import quatrain
from quatrain import _core

pytestmark = pytest.mark.oracle("gguf")
IDS = [3, 1, 4, 1, 5, 9, 2, 6]
#: type of a file's matrices: how the native engine holds them.
HELD = {"Q8_0": "q8_0", "Q4_0": "q4_0", "Q4_1": "q4_1", "Q5_0": "q8_0", "Q5_1": "q8_0"}
#: Sizes that are whole blocks.
WHOLE = {"hidden_size": 64, "intermediate_size": 96, "head_dim": 16}


@pytest.mark.parametrize("kind", HELD)
@pytest.mark.parametrize("tied", [False, True])
def test_what_a_file_has_quantised_stays_so_on_native(kind, tied, tmp_path):
    folder = checkpoints.write(tmp_path / "folder", "llama", **WHOLE, tie_word_embeddings=tied)
    file = gguf_files.write(folder, tmp_path / "model.gguf", kind)
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
