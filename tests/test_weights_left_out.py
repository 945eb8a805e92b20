"""Weights that a file may leave out, because another one serves or they can be computed."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import checkpoints
import quatrain
from quatrain.errors import WeightError

SOURCE, TARGET = [5, 6, 7], [2, 9, 8, 7]


def logits(folder, **changes: np.ndarray | None) -> np.ndarray:
    """What the model gives with some tensors changed, or left out where they are None."""
    file = folder / "model.safetensors"
    tensors = load_file(file)
    for name, tensor in changes.items():
        tensors.pop(name, None)
        if tensor is not None:
            tensors[name] = tensor
    save_file(tensors, file)
    return quatrain.load(folder).logits(SOURCE, decoder_ids=TARGET)


def test_a_side_has_its_own_table_or_the_shared_one(tmp_path):
    """Where the head is not tied, transformers 4 wrote one table for both, and 5 writes two."""
    folder = checkpoints.write(tmp_path, "bart", tie_word_embeddings=False)
    shared = load_file(folder / "model.safetensors")["model.shared.weight"]
    once = logits(folder)
    copies = {f"model.{side}.embed_tokens.weight": shared for side in ("encoder", "decoder")}
    assert np.array_equal(logits(folder, **copies), once)
    other = {"model.decoder.embed_tokens.weight": shared[::-1].copy()}
    assert not np.allclose(logits(folder, **other), once)


def test_tied_tables_that_differ_are_refused(tmp_path):
    folder = checkpoints.write(tmp_path, "bart")
    shared = load_file(folder / "model.safetensors")["model.shared.weight"]
    once = logits(folder)
    assert np.array_equal(logits(folder, **{"lm_head.weight": shared}), once)
    with pytest.raises(WeightError, match=r"lm_head\.weight must equal"):
        logits(folder, **{"lm_head.weight": 2 * shared})


def test_a_head_that_t5s_file_has_counts_whatever_the_config_says(tmp_path):
    folder = checkpoints.write(tmp_path, "t5")
    shared = load_file(folder / "model.safetensors")["shared.weight"]
    tied = logits(folder)
    own = logits(folder, **{"lm_head.weight": 2 * shared})
    np.testing.assert_allclose(own, 2 * tied, rtol=1e-5)


def test_a_bias_that_is_left_out_is_zero_and_positions_are_computed(tmp_path):
    folder = checkpoints.write(tmp_path, "marian")
    bias = load_file(folder / "model.safetensors")["final_logits_bias"]
    with_bias, without = logits(folder), logits(folder, final_logits_bias=None)
    np.testing.assert_allclose(without + bias, with_bias, atol=1e-5)
    name = "model.decoder.embed_positions.weight"
    table = quatrain.load(folder).network.decoder.embed_positions.weight
    assert np.array_equal(logits(folder, **{name: np.array(table)}), without)
    assert not np.allclose(logits(folder, **{name: np.zeros_like(table)}), without)
    with pytest.raises(WeightError, match=r"final_logits_bias: expected shape \[1, 97\]"):
        logits(folder, final_logits_bias=bias[0])
