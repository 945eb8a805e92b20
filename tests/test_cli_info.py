"""``quatrain info``: what it says of a model, whatever its files are."""

from __future__ import annotations

import shutil

import pytest

import quatrain
from families import FAMILIES
from test_cli import run, run_json
from test_weights_hostile import WEIGHTS, split


@pytest.mark.parametrize("family", FAMILIES)
def test_info(family, tiny):
    got = run_json("info", tiny(family))
    assert (got["family"], got["format"]) == (family, "safetensors")
    config = FAMILIES[family].config
    sizes = config.get("text_config", config)
    assert got["vocabulary"] == sizes["vocab_size"]
    assert all(got[name] in sizes.values() for name in ("layers", "width", "heads"))
    assert got["dtypes"] == ["F32"] and got["tokenizer"] is None
    assert got["parameters"] > got["vocabulary"] * got["width"]
    assert set(got["engines"]) == {"reference", "native", "onnx"}
    assert got["files"][WEIGHTS] >= 4 * got["parameters"]
    assert f"{got['parameters']:,}" in run("info", tiny(family)).stdout


def test_info_names_the_tokenizer_and_a_missing_engine(decoder, monkeypatch):
    monkeypatch.setattr("quatrain.engines.onnx.runtime.installed", dict)
    text = run("info", decoder).stdout
    assert "BPE" in text
    assert "not available: [onnx] onnxruntime is not installed" in text


@pytest.mark.parametrize("family", FAMILIES)
def test_info_names_the_format(family, tiny, tmp_path):
    """Of all that a model can be saved as; what it counts stays the same."""
    whole = run_json("info", tiny(family))
    folder = shutil.copytree(tiny(family), tmp_path / "sharded")
    split(folder)
    got = run_json("info", folder)
    assert got["format"] == "safetensors in 2 files"
    saved = quatrain.load(tiny(family), dtype="int8").save(tmp_path / "saved")
    packed = run_json("info", saved)
    assert (packed["format"], packed["dtypes"]) == ("quatrain", ["int8"])
    assert got["parameters"] == whole["parameters"] == packed["parameters"]
