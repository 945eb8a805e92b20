"""Bad input: each kind gets a documented exception whose one line names what is at fault."""

from __future__ import annotations

import dataclasses
import inspect
import json

import numpy as np
import pytest

import checkpoints
import quatrain
from families import FAMILIES
from quatrain import errors, models
from quatrain.engines.onnx import runtime
from quatrain.errors import (
    CheckpointError,
    ConfigError,
    EngineError,
    InputError,
    QuatrainError,
    WeightError,
)
from quatrain.models import EncoderDecoder, SpeechToText


@pytest.fixture
def folder(copied):
    """A copy of the tiny GPT-2's folder, to be spoiled."""
    return copied("gpt2")


def refused(error, *parts, call=quatrain.load, **arguments) -> None:
    """``call`` raises exactly this type, with one line that contains ``parts``."""
    with pytest.raises(QuatrainError) as caught:
        call(**arguments)
    assert caught.type is error, caught.value
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert str(part) in message


# Folders and settings files


def test_every_exception_is_documented_and_ours():
    found = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    assert all(issubclass(kind, QuatrainError) and kind.__doc__ for kind in found)
    assert issubclass(InputError, ValueError)


@pytest.mark.parametrize("name", ["missing", "./missing", "a/b/c", "~/no such folder"])
def test_a_missing_folder_is_named(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "missing" if name == "missing" else name
    refused(CheckpointError, path, "expected a model folder", path_or_id=path)


def test_a_file_is_no_folder(folder):
    file = folder / "config.json"
    refused(CheckpointError, file, "expected a model folder", path_or_id=file)


def test_a_folder_needs_a_config(folder):
    (folder / "config.json").unlink()
    refused(CheckpointError, folder / "config.json", "no such file", path_or_id=folder)


@pytest.mark.parametrize(
    ("text", "error", "part"),
    [
        (b"", CheckpointError, "not valid JSON"),
        (b'{"model_type": "gpt2"', CheckpointError, "not valid JSON"),
        (b'{"model_type": "gpt2", "model_type": "bert"}', CheckpointError, "twice"),
        (b'{"model_type": "gpt2", "n_embd": NaN}', CheckpointError, "NaN"),
        (b'{"model_type": "gpt2", "n_embd": -Infinity}', CheckpointError, "-Infinity"),
        (b'{"n_embd": ' + b"9" * 5000 + b"}", CheckpointError, "not valid JSON"),
        (b"[" * 100_000, CheckpointError, "not valid JSON"),
        (b'{"model_type": "gpt2\xff"}', CheckpointError, "UTF-8"),
        (b"[]", ConfigError, "expected an object, found list"),
        (b'"gpt2"', ConfigError, "expected an object, found str"),
        (b"{}", ConfigError, "model_type: expected one of"),
        (b'{"model_type": "mamba"}', ConfigError, "model_type: expected one of"),
        (b'{"model_type": ["gpt2"]}', ConfigError, "model_type: expected one of"),
        (b'{"model_type": null}', ConfigError, "model_type: expected one of"),
    ],
    ids=lambda value: value[:40].decode(errors="replace") if isinstance(value, bytes) else "",
)
def test_a_malformed_config_is_refused(text, error, part, folder):
    (folder / "config.json").write_bytes(text)
    refused(error, folder / "config.json", part, path_or_id=folder)


HOSTILE = [
    -1, 0, 1, 3, 7, 10**6, 10**12, 10**30, 1.5, -1.0, 0.0, 1e-300, 1e30, True, False, None, "", "8",
    "relu", [], [1], {}, {"rope_theta": "x"}, {"rope_theta": -1}, {"rope_theta": None},
    {"rope_type": []}, {"rope_type": "yarn"}, {"type": "linear", "factor": 2.0},
    {"type": "default"},
]  # fmt: skip
FIELDS = [
    (family, field.name)
    for family in FAMILIES
    for field in dataclasses.fields(models.FAMILIES[family].config_class)
]


@pytest.mark.parametrize(("family", "field"), FIELDS)
def test_a_hostile_config_is_refused_by_name_or_runs(family, field, tiny, tmp_path):
    """Never another exception, never a hang: a value either fits the weights or is refused."""
    fields = json.loads((tiny(family) / "config.json").read_text())
    (tmp_path / "model.safetensors").symlink_to(tiny(family) / "model.safetensors")
    refusals = 0
    for value in [json.dumps(value) for value in HOSTILE] + ["1e999", "-1e999"]:
        changed = fields | {field: "VALUE"}
        if "text_config" in fields and field != "tie_word_embeddings":
            changed = fields | {"text_config": fields["text_config"] | {field: "VALUE"}}
        text = json.dumps(changed).replace('"VALUE"', value)
        (tmp_path / "config.json").write_text(text)
        try:
            model = quatrain.load(tmp_path, engine="reference")
            run(model)
        except ConfigError as e:
            refusals += 1
            assert "config.json" in str(e) and field in str(e) and "\n" not in str(e)  # noqa: PT017
        except WeightError as e:
            refusals += 1
            assert "\n" not in str(e)  # noqa: PT017
    assert refusals > 0


def run(model) -> None:
    """A pass that reads every weight, and gives numbers."""
    ids = [1, 2, 3][: model.network.context]
    if isinstance(model.network, SpeechToText):
        ids = np.ones((model.network.context, model.network.bins))
    if isinstance(model.network, EncoderDecoder):
        model.generate(ids, max_new_tokens=3)
    else:
        assert np.isfinite(model.hidden(ids)).all()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rope_scaling", {"type": "linear", "factor": 0.5}),
        ("rope_scaling", {"type": "linear"}),
        ("rope_scaling", {"rope_type": "yarn", "factor": 2.0, "beta_fast": 0.5}),
        ("rope_scaling", {"rope_type": "yarn", "factor": "2"}),
        ("rope_scaling", {"rope_type": "mrope", "mrope_section": [1, 1, 1]}),
        ("rope_parameters", {"rope_type": "llama3", "rope_theta": 1e4}),
        ("rope_parameters", {"rope_type": "default", "rope_theta": 1e31}),
        ("partial_rotary_factor", 0.5),
    ],
    ids=str,
)
def test_what_would_change_the_numbers_is_refused(field, value, tmp_path):
    folder = checkpoints.write(tmp_path / "model", "llama")
    fields = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(fields | {field: value}))
    refused(ConfigError, folder / "config.json", field, path_or_id=folder)


# Ids


@pytest.fixture(scope="module", params=["reference", "native", "onnx"])
def model(request, tiny):
    return quatrain.load(tiny("gpt2"), engine=request.param)


@pytest.mark.parametrize(
    ("ids", "part"),
    [
        ([97], "expected ids in [0, 97), got 97 at position 0"),
        ([1, -1], "got -1 at position 1"),
        ([1, 2**40], "at position 1"),
        ([2**70], "flat sequence of integers"),
        ([1.0, 2.0], "flat sequence of integers"),
        ([True, False], "flat sequence of integers"),
        ([[1, 2]], "flat sequence of integers"),
        ([1, [2]], "sequence of integers"),
        (["1"], "flat sequence of integers"),
        ([None], "flat sequence of integers"),
        (7, "flat sequence of integers"),
        (None, "flat sequence of integers"),
        ({1: 2}, "flat sequence of integers"),
        ([1] * 65, "at most 64 tokens (the context), got 65"),
        ("a text", "no tokenizer there, so texts must be given as token ids; looked for"),
    ],
    ids=lambda value: str(value)[:20],
)
@pytest.mark.parametrize("task", ["logits", "generate", "stream", "trace"])
def test_bad_ids_are_refused(task, ids, part, model):
    refused(InputError, part, call=lambda: getattr(model, task)(ids))


@pytest.mark.parametrize("task", ["logits", "hidden", "trace"])
def test_no_ids_are_refused(task, model):
    refused(InputError, "at least one token", call=lambda: getattr(model, task)([]))


def test_ids_may_be_any_flat_integers(model):
    want = model.logits([1, 2, 3])
    for ids in ((1, 2, 3), range(1, 4), np.array([1, 2, 3], np.uint8), np.arange(7)[1:4]):
        assert np.array_equal(model.logits(ids), want)


# Engines


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"engine": "gpu"}, "expected one of reference, native, onnx, got 'gpu'"),
        ({"engine": None}, "expected one of"),
        ({"threads": 0}, "expected threads >= 1, got 0"),
        ({"threads": -2}, "expected threads >= 1, got -2"),
        ({"threads": "two"}, "expected threads"),
        ({"threads": 1.5}, "expected threads"),
    ],
)
def test_an_engine_that_cannot_be_made_is_refused(arguments, part, tiny):
    refused(EngineError, part, path_or_id=tiny("gpt2"), **arguments)


@pytest.mark.parametrize(
    ("found", "part"),
    [
        ({}, "pip install 'quatrain[cpu]'"),
        ({"onnxruntime": "1", "onnxruntime-gpu": "1"}, "pip uninstall -y onnxruntime"),
    ],
)
def test_a_wrong_onnxruntime_is_refused_with_the_remedy(found, part, tiny, monkeypatch):
    monkeypatch.setattr(runtime, "installed", lambda: found)
    refused(EngineError, part, path_or_id=tiny("gpt2"), engine="onnx")


@pytest.mark.parametrize("engine", ["reference", "native"])
def test_ids_are_checked_by_the_engine_too(engine, tiny):
    """A caller of ``Engine.run`` has no ``Model.check`` before it."""
    model = quatrain.load(tiny("gpt2"), engine=engine)
    for bad in (97, -1):
        with pytest.raises(InputError, match=f" {bad} "):
            model.engine.run(model.network, "logits", [np.array([1, bad])])
