"""Checkpoints of tasks: the body is run, the head beside it is known by name and left out."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import quatrain
from checkpoints import write
from families import ENCODERS, FAMILIES
from judge import difference
from quatrain.errors import WeightError
from test_cli import run_json

WEIGHTS = "model.safetensors"
IDS = np.array([11, 17, 40, 9, 96, 33])  # none pads
TASKS = ("MaskedLM", "SequenceClassification", "TokenClassification", "QuestionAnswering")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A function: family and task -> transformers' folder, and its rows in float64."""
    import torch
    import transformers

    def make(family: str, task: str):
        folder = tmp_path_factory.mktemp("head")
        fields = {k: v for k, v in FAMILIES[family].config.items() if k != "architectures"}
        config = transformers.AutoConfig.for_model(**fields)
        model = getattr(transformers, f"AutoModelFor{task}").from_config(config).eval()
        model.save_pretrained(folder)
        # Norms ask for float32 by name, and rounding there is not ours.
        with torch.no_grad():
            rows = model.double().base_model(torch.tensor(IDS[None])).last_hidden_state[0]
        return folder, rows.numpy()

    return make


@pytest.mark.oracle("torch", "transformers")
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("family", ENCODERS)
def test_the_body_of_a_tasks_checkpoint_is_run(family, task, made):
    folder, want = made(family, task)
    model = quatrain.load(folder)
    assert difference(model.hidden(IDS), want) <= 1e-4
    told = run_json("info", folder)["left out"]
    names = {model.network.key(name).partition(".")[0] for name in load_file(folder / WEIGHTS)}
    assert told and set(told) <= names
    # Saved, it is the body alone.
    assert run_json("info", model.save(folder / "saved"))["left out"] == []


def test_what_is_no_head_of_the_family_is_refused(copied):
    folder = copied("bert")
    tensors = load_file(folder / WEIGHTS)
    save_file(tensors | {"lm_head.weight": np.zeros((3, 3), np.float32)}, folder / WEIGHTS)
    with pytest.raises(WeightError, match=r"unused lm_head.weight of shape \[3, 3\]"):
        quatrain.load(folder)


def test_a_head_is_no_decoder(tmp_path):
    """Of a decoder the head is what generates: one for another task cannot take its place."""
    folder = write(tmp_path / "model", "llama")
    tensors = load_file(folder / WEIGHTS)
    tensors["score.weight"] = tensors.pop("lm_head.weight")
    save_file(tensors, folder / WEIGHTS)
    with pytest.raises(WeightError, match=r"missing lm_head.weight of .*unused score.weight"):
        quatrain.load(folder)


@pytest.mark.parametrize("prefix", ["", "bert."])
def test_norms_of_old_files_are_called_gamma_and_beta(prefix, copied):
    folder = copied("bert")
    want = quatrain.load(folder).hidden(IDS)
    tensors = load_file(folder / WEIGHTS)
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    for new, name in old.items():
        tensors = {key.replace(new, name): x for key, x in tensors.items()}
    assert sum("gamma" in key for key in tensors) > 3
    save_file({prefix + key: x for key, x in tensors.items()}, folder / WEIGHTS)
    assert np.array_equal(quatrain.load(folder).hidden(IDS), want)
    name = prefix + "embeddings.LayerNorm.weight"
    save_file({prefix + key: x for key, x in tensors.items()} | {name: want[0]}, folder / WEIGHTS)
    with pytest.raises(WeightError, match="are one weight"):
        quatrain.load(folder)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_base_models_prefix_may_be_there_or_not(family, copied):
    """Of every family: a file of the base model alone has no prefix."""
    folder, prefix = copied(family), FAMILIES[family].prefix
    tensors = load_file(folder / WEIGHTS)
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == family
    want = run_json("info", folder)["parameters"]
    for other in quatrain.models.FAMILIES[family].prefixes:
        bare = {key.removeprefix(prefix): x for key, x in tensors.items()}
        heads = ("lm_head", "final_logits_bias", "proj_out")
        renamed = {k if k.startswith(heads) else other + k: x for k, x in bare.items()}
        for contents in (bare, renamed):
            save_file(contents, folder / WEIGHTS)
            assert run_json("info", folder)["parameters"] == want
            quatrain.load(folder, engine="reference")
