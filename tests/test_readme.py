"""The README's Python runs as it stands, from top to bottom, and does what the README says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import checkpoints
import quatrain
from conftest import data_folder
from quatrain import loader
from quatrain.folder import DEFAULT

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.M | re.S)
MINILM = "sentence-transformers/all-MiniLM-L6-v2"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """The hub without a network: MiniLM itself where the tests' material is, else a stand-in."""
    folder = data_folder("minilm") or stand_in(tmp_path / "minilm")

    def resolve(name, *options):
        assert name == MINILM
        return folder

    monkeypatch.setattr(loader, "resolve", resolve)
    return folder


def stand_in(folder: Path) -> Path:
    """A tiny encoder whose WordPiece vocabulary is the letters."""
    checkpoints.write(folder, "bert")
    letters = "abcdefghijklmnopqrstuvwxyz"
    tokens = ["[PAD]", "[UNK]", ".", *letters, *(f"##{letter}" for letter in letters)]
    model = {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": {token: i for i, token in enumerate(tokens)},
    }
    normalizer = {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": True,
        "strip_accents": None,
        "lowercase": True,
    }
    fields = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": normalizer,
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": None,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": model,
    }
    (folder / "tokenizer.json").write_text(json.dumps(fields))
    return folder


def test_every_example_runs(hub, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in BLOCKS:
        exec(compile(block, str(README), "exec"), names)

    assert capsys.readouterr().out.startswith(" wall")
    vectors = np.stack([names["cat"], names["kitten"], names["shares"]])
    assert np.isfinite(vectors).all()
    if hub == data_folder("minilm"):
        assert names["cat"] @ names["kitten"] > 0.5 > names["cat"] @ names["shares"]
    assert Path("exported/onnx/model.onnx").is_file()
    assert names["report"].passed


def test_the_newcomers_commands_are_the_first_thing_shown():
    commands = re.findall(r"^python3 -m venv .*$", README.read_text("utf-8"), re.M)
    assert [c.split("&&")[-1].strip() for c in commands] == [
        ".venv/bin/quatrain demo",
        ".venv/bin/pytest",
    ]


def test_what_the_readme_names_exists():
    text = README.read_text("utf-8")
    for link in re.findall(r"\]\(([^):]+)\)", text):
        assert (README.parent / link).exists(), link
    assert DEFAULT.is_dir()
    for name in re.findall(r"quatrain\.(\w+)\(", text):
        assert hasattr(quatrain, name), name
