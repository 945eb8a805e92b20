"""Exported folders: checked, run on onnxruntime and on ONNX's own evaluator, equal to native."""

from __future__ import annotations

import importlib
import json
import shutil

import numpy as np
import onnx
import onnx.numpy_helper
import pytest
from onnx.reference import ReferenceEvaluator
from safetensors.numpy import load_file, save_file

import quatrain
from checkpoints import describe
from exported import Runner, padded
from families import ENCODERS
from judge import difference
from quatrain.errors import ExportError

FAMILIES = ("bert", "gpt2", "llama")
DECODERS = FAMILIES[1:]
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def exported(tiny, tmp_path_factory):
    """A function: family -> (its model on native, the folder that it exported)."""
    root, known = tmp_path_factory.mktemp("exported"), {}

    def make(family):
        if family not in known:
            model = quatrain.load(tiny(family))
            known[family] = model, model.export(root / family)
        return known[family]

    return make


def sentences(model, *lengths: int) -> list[np.ndarray]:
    random = np.random.default_rng(sum(lengths))
    return [random.integers(0, model.network.vocab_size, n) for n in lengths]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_graph_is_standard_and_checked(family, exported):
    _, folder = exported(family)
    onnx.checker.check_model(folder / "onnx" / "model.onnx", full_check=True)
    graph = onnx.load(folder / "onnx" / "model.onnx", load_external_data=False)
    assert graph.ir_version == 10
    assert [(o.domain, o.version <= 24) for o in graph.opset_import] == [("", True)]
    assert {node.domain for node in graph.graph.node} == {""}
    assert sorted(f.name for f in folder.rglob("*") if f.is_file()) == [
        "config.json",
        "model.onnx",
        "model.onnx_data",
    ]
    assert json.loads((folder / "config.json").read_text())["model_type"] == family


@pytest.mark.parametrize("family", FAMILIES)
def test_initializers_are_the_checkpoints_own_numbers(family, exported, tiny):
    _, folder = exported(family)
    graph = onnx.load(folder / "onnx" / "model.onnx").graph
    stored = {
        name.removeprefix("transformer.").removeprefix("model."): array
        for name, array in load_file(tiny(family) / "model.safetensors").items()
    }
    compared = 0
    for tensor in graph.initializer:
        array = onnx.numpy_helper.to_array(tensor)
        if tensor.name in stored:
            want = stored.pop(tensor.name)
            assert np.array_equal(array, want) or np.array_equal(array, want.T), tensor.name
            compared += 1
    # The pooler is not in an encoder's graph; everything else is.
    assert compared > 20
    assert [name for name in stored if not name.startswith("pooler")] == []


@pytest.mark.parametrize("left", [False, True], ids=["right", "left"])
@pytest.mark.parametrize("lengths", [(1,), (9, 4), (1, 30, 7)], ids=str)
@pytest.mark.parametrize("family", ENCODERS)
def test_an_encoder_gives_rows_and_vectors(family, lengths, left, exported):
    model, folder = exported(family)
    texts = sentences(model, *lengths)
    ids, mask = padded(texts, left=left)
    found = Runner(folder).run(ids, mask)
    assert list(found) == ["last_hidden_state", "sentence_embedding"]
    assert difference(found["sentence_embedding"], model.encode(texts)) <= TOLERANCE
    for i, text in enumerate(texts):
        rows = found["last_hidden_state"][i, mask[i].astype(bool)]
        assert difference(rows, model.hidden(text)) <= TOLERANCE


@pytest.mark.parametrize("left", [False, True], ids=["right", "left"])
@pytest.mark.parametrize("family", [*DECODERS, "gemma3_text", "phi3"])
def test_a_decoder_goes_on_from_its_cache(family, left, exported):
    """A prefill of unequal lengths from a past of 0, then single tokens, as native has it."""
    model, folder = exported(family)
    texts, runner = sentences(model, 9, 4), Runner(folder)
    prompts = [text[:-3] for text in texts]
    ids, mask = padded(prompts, left=left)
    logits = runner.run(ids, mask)["logits"]
    rows = [[row] for row in (logits[i, mask[i].astype(bool)] for i in range(2))]
    for step in range(3):
        chunk = np.array([[text[len(text) - 3 + step]] for text in texts])
        mask = np.concatenate([mask, np.ones((2, 1), np.int64)], 1)
        logits = runner.run(chunk, mask)["logits"]
        for i in range(2):
            rows[i].append(logits[i])
    for text, parts in zip(texts, rows, strict=True):
        assert difference(np.concatenate(parts), model.logits(text)) <= TOLERANCE


@pytest.mark.parametrize("family", DECODERS)
def test_inputs_and_outputs_have_the_names_that_other_tools_expect(family, exported):
    model, folder = exported(family)
    runner, layers = Runner(folder), range(3)
    pairs = [f"{i}.{part}" for i in layers for part in ("key", "value")]
    caches = [f"past_key_values.{pair}" for pair in pairs]
    assert list(runner.inputs) == ["input_ids", "attention_mask", *caches]
    assert runner.outputs == ["logits", *(f"present.{pair}" for pair in pairs)]
    heads = model.network.slots()[0].kv_heads
    assert {runner.inputs[name].shape[1] for name in caches} == {heads}


@pytest.mark.parametrize("family", FAMILIES)
def test_onnxs_own_evaluator_agrees(family, exported):
    model, folder = exported(family)
    text = sentences(model, 6)[0]
    runner = Runner(folder)
    feed = {"input_ids": text[None], "attention_mask": np.ones((1, 6), np.int64)}
    feed |= {"token_type_ids": np.zeros((1, 6), np.int64)} | runner.empty(1)
    feed = {name: array for name, array in feed.items() if name in runner.inputs}
    got = ReferenceEvaluator(str(folder / "onnx" / "model.onnx")).run(None, feed)[0][0]
    want = model.hidden(text) if family == "bert" else model.logits(text)
    assert difference(got, want) <= TOLERANCE


def test_pooling_and_normalisation_are_inside_the_graph(copied, tmp_path):
    described = copied("bert")
    describe(described, "Transformer", "Pooling", "Normalize", config={"pooling_mode": "max"})
    model = quatrain.load(described)
    texts = sentences(model, 7, 2)
    folder = model.export(tmp_path / "out")
    vectors = Runner(folder).run(*padded(texts, left=False))["sentence_embedding"]
    assert difference(vectors, model.encode(texts)) <= TOLERANCE
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    wanted = np.stack([model.hidden(text).max(0) for text in texts])
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    assert difference(vectors, wanted) <= TOLERANCE
    # Every settings file that modules.json names is there.
    assert (folder / "words" / "config.json").is_file()


def test_every_engine_exports_the_same_bytes(tiny, tmp_path):
    """And so does the same engine, twice."""
    engines = ("reference", "native", "onnx", "native")
    folders = [
        quatrain.load(tiny("gpt2"), engine=engine).export(tmp_path / str(i))
        for i, engine in enumerate(engines)
    ]
    for name in ("model.onnx", "model.onnx_data"):
        assert len({(folder / "onnx" / name).read_bytes() for folder in folders}) == 1


def test_float16_weights_are_exported_exactly(copied, tmp_path):
    folder = copied("llama")
    stored = load_file(folder / "model.safetensors")
    save_file({n: x.astype(np.float16) for n, x in stored.items()}, folder / "model.safetensors")
    model = quatrain.load(folder)
    text = sentences(model, 6)[0]
    runner = Runner(model.export(tmp_path / "out"))
    logits = runner.run(text[None], np.ones((1, 6), np.int64))["logits"][0]
    assert difference(logits, model.logits(text)) <= TOLERANCE


def test_a_folder_that_is_not_empty_is_left_alone(tiny, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ExportError, match="exists already"):
        quatrain.load(tiny("gpt2")).export(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_filled(tiny, tmp_path):
    assert quatrain.load(tiny("gpt2")).export(tmp_path) == tmp_path
    assert (tmp_path / "onnx" / "model.onnx").is_file()


def test_a_family_without_one_graph_is_refused(tiny, tmp_path):
    with pytest.raises(ExportError, match="expected an encoder or a decoder, got t5"):
        quatrain.load(tiny("t5")).export(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "raised"),
    [(OSError("disk full"), ExportError), (KeyboardInterrupt(), KeyboardInterrupt)],
)
@pytest.mark.parametrize("step", ["DataFile", "shutil", "Graph"])
def test_an_interrupted_export_leaves_nothing(step, error, raised, tiny, tmp_path, monkeypatch):
    """Interrupted while the weights, the graph or the settings are being written."""
    model = quatrain.load(tiny("gpt2"))
    # By its name: ``quatrain.export`` is also the function.
    module = importlib.import_module("quatrain.export.folder")
    owner, name = {
        "DataFile": (module.DataFile, "reference"),
        "Graph": (module.Graph, "write"),
        "shutil": (shutil, "copyfile"),
    }[step]

    def fail(*_):
        raise error

    monkeypatch.setattr(owner, name, fail)
    with pytest.raises(raised):
        model.export(tmp_path / "deep" / "out")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert not (tmp_path / "deep" / "out").exists()


def test_a_place_that_cannot_be_written_is_named(tiny, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ExportError, match="file/out: could not be written"):
        quatrain.load(tiny("gpt2")).export(tmp_path / "file" / "out")
