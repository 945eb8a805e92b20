"""Checkpoints: what is read, and what is refused, by name."""

from __future__ import annotations

import json
import struct
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import quatrain
from quatrain.errors import CheckpointError, WeightError

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
NORM = "transformer.h.0.ln_1.weight"


@pytest.fixture
def folder(copied):
    """A copy of the tiny GPT-2's folder, to be spoiled."""
    return copied("gpt2")


@pytest.fixture
def tensors(folder):
    return load_file(folder / WEIGHTS)


def refused(folder, error=WeightError, engine="reference") -> str:
    """The message with which the folder is refused: one line."""
    with pytest.raises(error) as caught:
        quatrain.load(folder, engine=engine)
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message
    return message


def logits(folder) -> np.ndarray:
    return quatrain.load(folder, engine="native").logits([1, 2, 3])


def shard(folder, tensors, files=("a.safetensors", "b.safetensors")) -> dict:
    """Write the tensors as two shards and return the index's fields."""
    names = sorted(tensors)
    where = {name: files[i % 2] for i, name in enumerate(names)}
    for file in files:
        save_file({n: tensors[n] for n in names if where[n] == file}, folder / file)
    (folder / WEIGHTS).unlink()
    return {"metadata": {}, "weight_map": where}


def test_a_missing_tensor_is_named(folder, tensors):
    del tensors[NORM]
    save_file(tensors, folder / WEIGHTS)
    assert "missing h.0.ln_1.weight of shape [24]" in refused(folder)


def test_an_unused_tensor_is_named(folder, tensors):
    save_file(tensors | {"transformer.h.0.extra": np.zeros(3, np.float32)}, folder / WEIGHTS)
    assert "unused transformer.h.0.extra of shape [3]" in refused(folder)


def test_a_misshapen_tensor_is_named_with_both_shapes(folder, tensors):
    save_file(tensors | {NORM: np.zeros(5, np.float32)}, folder / WEIGHTS)
    assert f"{NORM}: expected shape [24], found [5]" in refused(folder)


def test_a_transposed_matrix_is_misshapen(folder, tensors):
    name = "transformer.h.0.attn.c_attn.weight"
    save_file(tensors | {name: tensors[name].T.copy()}, folder / WEIGHTS)
    assert f"{name}: expected shape [24, 72], found [72, 24]" in refused(folder)


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.bool_])
def test_a_tensor_that_holds_no_floats_is_refused(dtype, folder, tensors):
    save_file(tensors | {NORM: np.ones(24, dtype)}, folder / WEIGHTS)
    assert f"{NORM}: expected dtype" in refused(folder)


def test_many_problems_are_listed_and_counted(folder, tensors):
    for name in list(tensors)[:12]:
        del tensors[name]
    save_file(tensors, folder / WEIGHTS)
    assert "(and 4 more)" in refused(folder)


def test_a_copy_of_a_tied_weight_must_be_equal(folder, tensors):
    table = tensors["transformer.wte.weight"]
    save_file(tensors | {"lm_head.weight": table}, folder / WEIGHTS)
    before = logits(folder)
    save_file(tensors | {"lm_head.weight": table + 1}, folder / WEIGHTS)
    assert "lm_head.weight must equal the weight it is tied to" in refused(folder)
    assert np.isfinite(before).all()


@pytest.mark.parametrize("prefix", ["", "transformer."])
def test_the_base_prefix_is_optional(prefix, folder, tensors):
    want = logits(folder)
    bare = {name.removeprefix("transformer."): x for name, x in tensors.items()}
    save_file({prefix + name: x for name, x in bare.items()}, folder / WEIGHTS)
    assert np.array_equal(logits(folder), want)


def test_a_key_with_and_without_its_prefix_is_refused(folder, tensors):
    save_file(tensors | {NORM.removeprefix("transformer."): 2 * tensors[NORM]}, folder / WEIGHTS)
    assert f"{NORM.removeprefix('transformer.')} and {NORM} are one weight" in refused(folder)


@pytest.mark.parametrize("engine", ["reference", "native", "onnx"])
def test_float16_weights_are_read_exactly(engine, folder, tensors):
    rounded = {name: x.astype(np.float16) for name, x in tensors.items()}
    save_file({name: x.astype(np.float32) for name, x in rounded.items()}, folder / WEIGHTS)
    want = quatrain.load(folder, engine=engine).logits([1, 2, 3])
    save_file(rounded, folder / WEIGHTS)
    assert np.array_equal(quatrain.load(folder, engine=engine).logits([1, 2, 3]), want)


@pytest.mark.parametrize("engine", ["reference", "native", "onnx"])
def test_bfloat16_weights_are_read_exactly(engine, folder, tensors):
    upper = {name: (x.view(np.uint32) >> 16).astype(np.uint16) for name, x in tensors.items()}
    exact = {n: (x.astype(np.uint32) << 16).view(np.float32) for n, x in upper.items()}
    save_file(exact, folder / WEIGHTS)
    want = quatrain.load(folder, engine=engine).logits([1, 2, 3])
    (folder / WEIGHTS).write_bytes(serialised(upper, "BF16"))
    assert np.array_equal(quatrain.load(folder, engine=engine).logits([1, 2, 3]), want)


@pytest.mark.parametrize("engine", ["reference", "native", "onnx"])
def test_what_a_file_stores_less_an_offset_is_added_in_full(engine, tiny, tmp_path):
    """Gemma's norms: 1 + w, of a w that has only sixteen bits."""
    tensors = load_file(tiny("gemma2") / WEIGHTS)
    upper = {k: (x.view(np.uint32) >> 16).astype(np.uint16) for k, x in tensors.items()}
    (tmp_path / "config.json").symlink_to(tiny("gemma2") / "config.json")
    (tmp_path / WEIGHTS).write_bytes(serialised(upper, "BF16"))
    got = quatrain.load(tmp_path, engine=engine)
    logits = got.logits([1, 2, 3])
    wide = {k: (x.astype(np.uint32) << 16).view(np.float32) for k, x in upper.items()}
    (tmp_path / WEIGHTS).unlink()
    save_file(wide, tmp_path / WEIGHTS)
    assert np.array_equal(quatrain.load(tmp_path, engine=engine).logits([1, 2, 3]), logits)
    if engine != "onnx":
        key = "layers.1.input_layernorm.weight"
        assert np.array_equal(got.network.weights[key], 1 + wide[f"model.{key}"])


def serialised(tensors: dict[str, np.ndarray], dtype: str) -> bytes:
    """A safetensors file written by hand, for a dtype that NumPy does not have."""
    header, data = {}, b""
    for name, x in tensors.items():
        end = len(data) + x.nbytes
        header[name] = {"dtype": dtype, "shape": x.shape, "data_offsets": [len(data), end]}
        data += x.tobytes()
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_shards_give_what_one_file_gives(folder, tensors):
    want = logits(folder)
    (folder / INDEX).write_text(json.dumps(shard(folder, tensors)))
    assert np.array_equal(logits(folder), want)


@pytest.mark.parametrize(
    "name", ["../a.safetensors", "/a.safetensors", "b/a.safetensors", "..", ".", "", 7, None]
)
def test_a_shard_is_a_bare_file_name(name, folder, tensors):
    index = shard(folder, tensors)
    index["weight_map"][NORM] = name
    (folder / INDEX).write_text(json.dumps(index))
    assert "expected bare file names" in refused(folder, CheckpointError)


@pytest.mark.parametrize("index", [[], {}, {"weight_map": {}}, {"weight_map": [1]}, 3, None])
def test_an_index_needs_a_weight_map(index, folder, tensors):
    shard(folder, tensors)
    (folder / INDEX).write_text(json.dumps(index))
    assert "expected a weight_map" in refused(folder, CheckpointError)


def test_a_missing_shard_is_named(folder, tensors):
    (folder / INDEX).write_text(json.dumps(shard(folder, tensors)))
    (folder / "b.safetensors").unlink()
    assert "b.safetensors" in refused(folder, CheckpointError)


def test_a_tensor_in_two_shards_is_refused(folder, tensors):
    (folder / INDEX).write_text(json.dumps(shard(folder, tensors)))
    for file in ("a.safetensors", "b.safetensors"):
        save_file(load_file(folder / file) | {NORM: tensors[NORM]}, folder / file)
    assert NORM in refused(folder, CheckpointError)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("pytorch_model.bin", "can run code"),
        ("model.pt", "can run code"),
        ("a_model.ckpt", "can run code"),
        ("tf_model.h5", "of TensorFlow"),
        ("flax_model.msgpack", "of Flax"),
    ],
)
def test_other_files_of_weights_are_refused_with_the_remedy(name, why, folder):
    (folder / WEIGHTS).rename(folder / name)
    (folder / "a_scheduler.bin").write_bytes(b"")
    message = refused(folder, CheckpointError)
    assert f"{name}: " in message
    assert why in message
    assert f"use the repository's {WEIGHTS}, or convert them" in message


@pytest.mark.oracle("torch")
@pytest.mark.parametrize("count", [1, 3])
def test_the_remedy_for_pickles_works(count, folder, tensors):
    import torch

    want = logits(folder)
    (folder / WEIGHTS).unlink()
    names = list(tensors)
    for i in range(count):
        file = f"pytorch_model-{i + 1:05}-of-{count:05}.bin" if count > 1 else "pytorch_model.bin"
        part = {name: torch.tensor(tensors[name]) for name in names[i::count]}
        torch.save(part, folder / file)
    torch.save({"lr": 1e-3}, folder / "optimizer.bin")
    command = refused(folder, CheckpointError).partition("convert them there with python -c ")[2]
    subprocess.run([sys.executable, "-c", command.strip('"')], cwd=folder, check=True)
    assert np.array_equal(logits(folder), want)


def test_a_folder_without_weights_says_what_it_expects(folder):
    (folder / WEIGHTS).unlink()
    message = refused(folder, CheckpointError)
    assert WEIGHTS in message
    assert INDEX in message


def test_a_spoiled_file_is_refused_wherever_it_is_cut_or_changed(folder):
    """Every cut of the header and some of the data, and a few hundred changed header bytes."""
    whole = (folder / WEIGHTS).read_bytes()
    header = 8 + struct.unpack("<Q", whole[:8])[0]
    random = np.random.default_rng(0)
    # From the far end on, the file shrinks in place: every cut costs one truncation.
    cuts = [*range(0, header, 7), *range(header), header + 1, len(whole) - 1]
    for cut in sorted(set(cuts), reverse=True):
        with (folder / WEIGHTS).open("r+b") as file:
            file.truncate(cut)
        refused(folder, CheckpointError)
    accepted = 0
    for _ in range(300):
        spoiled = bytearray(whole)
        for at in random.integers(0, header, random.integers(1, 4)):
            spoiled[at] = random.integers(256)
        (folder / WEIGHTS).write_bytes(spoiled)
        try:
            quatrain.load(folder, engine="reference")
        except CheckpointError as e:
            assert "\n" not in str(e)  # noqa: PT017
        else:
            accepted += 1
    # A changed space or a swap of equal shapes is still a checkpoint.
    assert accepted < 30
