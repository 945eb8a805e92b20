"""Packed weights in files: loaded they give the same bits, and what does not fit is refused."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from safetensors import safe_open
from typer.testing import CliRunner

import quatrain
from checkpoints import write
from families import VOCAB
from quatrain import _core
from quatrain.cli import app
from quatrain.engines import BLOCK_DTYPES, DTYPES
from quatrain.engines.reference import Reference
from quatrain.errors import CheckpointError, EngineError, ExportError, InputError, WeightError
from quatrain.packed import write as write_file

WEIGHTS = "model.safetensors"
WEIGHT = "h.0.attn.c_attn.weight"
IDS = [3, 1, 4, 1, 5]


def result(model) -> bytes:
    if model.config_name == "bert":
        return model.encode([IDS], progress=False).tobytes()
    return repr(model.generate(IDS, max_new_tokens=9, logprobs=3)).encode()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", ["bert", "gemma3_text", "gpt2", "llama", "t5"])
def test_a_saved_model_gives_the_same_bits(tiny, family, dtype, tmp_path):
    model = quatrain.load(tiny(family), dtype=dtype)
    again = quatrain.load(model.save(tmp_path / "saved"))
    assert result(again) == result(model)
    assert {k: w.nbytes for k, w in again.network.weights.items()} == {
        k: w.nbytes for k, w in model.network.weights.items()
    }
    # What was loaded from such a folder can be saved as well, to the same file.
    twice = again.save(tmp_path / "twice")
    assert (twice / WEIGHTS).read_bytes() == (tmp_path / "saved" / WEIGHTS).read_bytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_tied_embeddings_are_saved_once(dtype, tmp_path):
    folder = write(tmp_path / "model", "llama", tie_word_embeddings=True)
    model = quatrain.load(folder, dtype=dtype)
    saved = model.save(tmp_path / "saved")
    with safe_open(saved / WEIGHTS, framework="numpy") as file:
        names = list(file.keys())
    assert "embed_tokens.weight.panels" in names
    assert not any(name.startswith("lm_head") for name in names)
    assert quatrain.load(saved).logits(IDS).tobytes() == model.logits(IDS).tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_model_that_comes_along_is_mapped(dtype, tmp_path):
    """All of its tensors are large, so that each part begins at a multiple of 64 bytes."""
    model = quatrain.load(dtype=dtype)
    saved = model.save(tmp_path / "saved")
    again = quatrain.load(saved)
    assert again.logits("Once upon a time").tobytes() == model.logits("Once upon a time").tobytes()
    data = (saved / WEIGHTS).read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    assert begin % 64 == 0
    header = json.loads(data[8:begin])
    shapes = json.loads(header.pop("__metadata__")["shapes"])
    parts = [entry for name, entry in header.items() if name.rpartition(".")[0] in shapes]
    assert len(parts) == len(shapes) * {"int8": 3, "int4": 3}.get(dtype, 1)
    assert all(entry["data_offsets"][0] % 64 == 0 for entry in parts)


@pytest.mark.parametrize("zero_points", [True, False])
@pytest.mark.parametrize("block", [32, 128])
@pytest.mark.parametrize("shift", [0, 4])
@pytest.mark.parametrize("shape", [(17, 33), (1, 1), (0, 5), (16, 128)])
def test_parts_make_the_weight_again(shape, shift, block, zero_points):
    random = np.random.default_rng(5)
    array = random.standard_normal(shape).astype(np.float32)
    for dtype in (*DTYPES, "q8_0", "q4_0"):
        weight = _core.pack(array, dtype, block=block, zero_points=zero_points)
        parts = {name: shifted(part, shift) for name, part in weight.parts.items()}
        again = _core.PackedWeight.from_parts(shape, dtype, parts, block, zero_points)
        del parts
        assert (again.shape, again.dtype, again.nbytes) == (shape, dtype, weight.nbytes)
        x = random.standard_normal((3, shape[1])).astype(np.float32)
        assert _core.linear(x, again).tobytes() == _core.linear(x, weight).tobytes()


def shifted(part: np.ndarray, by: int) -> np.ndarray:
    """The same values ``by`` bytes behind a multiple of 64."""
    memory = np.zeros(part.nbytes + 128, np.uint8)
    begin = -memory.ctypes.data % 64 + by
    memory[begin : begin + part.nbytes] = part.view(np.uint8)
    return memory[begin : begin + part.nbytes].view(part.dtype)


def test_parts_that_are_no_weight_are_refused():
    weight = _core.pack(np.ones((17, 33), np.float32), "int8")
    parts = weight.parts
    make = _core.PackedWeight.from_parts
    with pytest.raises(InputError, match="expected 3072 bytes of panels, got 2048"):
        make((33, 33), "int8", parts | {"panels": parts["panels"][:2048]})
    with pytest.raises(InputError, match="bytes of scales, got 64"):
        make((17, 33), "int8", parts | {"scales": parts["scales"][:16]})
    with pytest.raises(InputError, match="expected a part sums, got none"):
        make((17, 33), "int8", {k: v for k, v in parts.items() if k != "sums"})
    with pytest.raises(InputError, match="expected 1 parts, got 3"):
        make((17, 33), "float32", parts | {"panels": np.zeros(2 * 33 * 16, np.float32)})
    with pytest.raises(InputError, match="expected sums of int32, got dtype float32"):
        make((17, 33), "int8", parts | {"sums": parts["scales"]})
    with pytest.raises(InputError, match="expected panels in one piece"):
        make((17, 33), "int8", parts | {"panels": parts["panels"][::2]})
    for dtype in (*DTYPES, "q8_0", "q4_0"):
        parts = _core.pack(np.ones((17, 33), np.float32), dtype).parts
        for shape in [(2**62, 1), (-1, 1), (1, -1), (1, 2**62), (2**40, 2**40)]:
            with pytest.raises(InputError, match=r"expected [NK] "):
                make(shape, dtype, parts)


@pytest.mark.parametrize("dtype", [*DTYPES, *BLOCK_DTYPES])
def test_any_content_of_parts_is_computed_with(dtype):
    """Of a part only the size is checked: what it holds may be wrong, but harms nobody."""
    random = np.random.default_rng(3)
    made = "q4_0" if dtype == "q4_1" else dtype
    parts = _core.pack(random.standard_normal((17, 70)).astype(np.float32), made).parts
    if dtype == "q4_1":
        parts["minima"] = parts["scales"]
    x = random.standard_normal((7, 70)).astype(np.float32)
    fillings = ([0], [255], [127], [255, 255, 255, 127], random.integers(0, 256, 64))
    for filling in fillings:
        for name in parts:
            wrong = np.resize(np.uint8(filling), parts[name].nbytes).view(parts[name].dtype)
            weight = _core.PackedWeight.from_parts((17, 70), dtype, parts | {name: wrong})
            assert _core.linear(x, weight).shape == (7, 17)
            assert weight.rows(np.arange(17)).shape == (17, 70)


@pytest.mark.parametrize("dtype", ["int8", "int4", "q8_0", "q4_0"])
def test_a_scale_that_is_no_number_is_that_of_weights_that_are_none(dtype):
    array = np.random.default_rng(3).standard_normal((17, 70)).astype(np.float32)
    array[3, 5] = np.nan
    weight = _core.pack(array, dtype)
    parts = weight.parts
    assert np.isnan(parts["scales"]).any()
    again = _core.PackedWeight.from_parts((17, 70), dtype, parts)
    found = _core.linear(np.ones((2, 70), np.float32), again)
    assert np.isnan(found[:, 3]).all()
    assert np.isfinite(np.delete(found, 3, 1)).all()


@pytest.fixture
def saved(tiny, tmp_path):
    return quatrain.load(tiny("gpt2"), dtype="int8").save(tmp_path / "saved")


def content(folder) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The file's tensors and metadata, to be changed and written again."""
    with safe_open(folder / WEIGHTS, framework="numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118


def refused(folder, error=WeightError, **arguments) -> str:
    with pytest.raises(error) as caught:
        quatrain.load(folder, **arguments)
    message = str(caught.value)
    assert str(folder / WEIGHTS) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("part", [".panels", ".scales", ".sums", "h.1.ln_1.bias"])
def test_a_missing_tensor_is_named(saved, part):
    tensors, metadata = content(saved)
    name = part if part in tensors else WEIGHT + part
    del tensors[name]
    write_file(saved / WEIGHTS, tensors, metadata)
    message = refused(saved)
    assert name in message or (WEIGHT in message and part[1:] in message)


def test_tensors_that_do_not_fit_are_named(saved):
    tensors, metadata = content(saved)
    for name, changed in [
        (WEIGHT + ".panels", tensors[WEIGHT + ".panels"][:-64]),
        (WEIGHT + ".scales", tensors[WEIGHT + ".scales"].astype(np.float16)),
        (WEIGHT + ".sums", tensors[WEIGHT + ".sums"].reshape(-1, 1)),
        ("h.1.ln_1.bias", tensors["h.1.ln_1.bias"][:-1]),
        ("h.1.ln_1.bias", tensors["h.1.ln_1.bias"].astype(np.int32)),
    ]:
        write_file(saved / WEIGHTS, tensors | {name: changed}, metadata)
        message = refused(saved)
        assert all(part in message for part in name.rsplit(".", 1)), message
    write_file(saved / WEIGHTS, tensors | {"h.9": tensors["h.1.ln_1.bias"]}, metadata)
    assert "unused h.9" in refused(saved)


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("version", "2", CheckpointError),
        ("version", "", CheckpointError),
        ("dtypes", "[]", CheckpointError),
        ("dtypes", "{}", WeightError),
        ("dtypes", json.dumps({WEIGHT: "int3"}), CheckpointError),
        ("dtypes", json.dumps({WEIGHT: ["int8"]}), CheckpointError),
        ("dtypes", json.dumps({WEIGHT: "int4"}), WeightError),
        ("block", "0", CheckpointError),
        ("shapes", "{", CheckpointError),
        ("shapes", "[]", CheckpointError),
        ("shapes", "{}", WeightError),
    ],
)
def test_metadata_that_is_not_known_is_refused(saved, field, value, error):
    tensors, metadata = content(saved)
    write_file(saved / WEIGHTS, tensors, metadata | {field: value})
    refused(saved, error)
    del metadata[field]
    write_file(saved / WEIGHTS, tensors, metadata)
    refused(saved, CheckpointError)


def test_a_model_of_other_sizes_is_refused(saved):
    """Zeros fill panels up: 73 outputs have parts of the same size as 72."""
    tensors, metadata = content(saved)
    shapes = json.loads(metadata["shapes"]) | {WEIGHT: [73, 24]}
    write_file(saved / WEIGHTS, tensors, metadata | {"shapes": json.dumps(shapes)})
    assert f"{WEIGHT}: expected shape [72, 24], found [73, 24]" in refused(saved)


def test_a_file_that_was_cut_is_refused(saved):
    whole = (saved / WEIGHTS).read_bytes()
    for size in [0, 7, 8, 100, len(whole) // 2, len(whole) - 1]:
        (saved / WEIGHTS).write_bytes(whole[:size])
        refused(saved, CheckpointError)


def test_only_the_native_engine_takes_packed_weights(tiny, saved):
    assert "reference engine cannot use packed weights of int8" in refused(
        saved, EngineError, engine="reference"
    )
    assert "expected dtype int8, as the weights were saved, got float32" in refused(
        saved, EngineError, dtype="float32"
    )
    assert quatrain.load(saved, dtype="int8").logits(IDS).shape == (5, VOCAB)
    with pytest.raises(EngineError, match="on the native engine, got one on reference"):
        quatrain.load(tiny("gpt2"), engine="reference").save(saved.parent / "other")
    with pytest.raises(EngineError, match=re.escape(str(saved / WEIGHTS))):
        quatrain.load(saved).on(Reference())


def test_nothing_is_overwritten(saved):
    with pytest.raises(ExportError, match="exists already"):
        quatrain.load(saved).save(saved)
    assert sorted(path.name for path in saved.parent.iterdir()) == ["saved"]


def test_quantize_writes_a_folder_that_the_other_commands_take(tmp_path):
    out = str(tmp_path / "int4")
    done = CliRunner().invoke(app, ["quantize", out, "--dtype", "int4", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["path"] == out
    assert told["files"][WEIGHTS] == (tmp_path / "int4" / WEIGHTS).stat().st_size
    prompt = ["generate", "Once upon a time", "--max-new-tokens", "5"]
    texts = [CliRunner().invoke(app, [*prompt, *more]).stdout
             for more in (["--model", out], ["--dtype", "int4"])]  # fmt: skip
    assert texts[0] == texts[1] != ""
    plans = []
    for arguments in ([out], ["--dtype", "int4"], []):
        done = CliRunner().invoke(app, ["info", *arguments, "--plan", "--json"])
        assert done.exit_code == 0, done.output
        plans.append(json.loads(done.stdout))
    assert plans[0]["dtypes"] == ["int4"]
    assert plans[0]["parameters"] == plans[2]["parameters"]
    assert plans[0]["memory"]["weights"] == plans[1]["memory"]["weights"]
    assert plans[1]["memory"]["weights"] < plans[2]["memory"]["weights"] / 3
    done = CliRunner().invoke(app, ["quantize", out, "--dtype", "int4"])
    assert done.exit_code == 2
    assert "exists already" in done.stderr
