"""GGUF files as models: the same numbers as the folders that they were made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import checkpoints
import gguf_files
import quatrain

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
