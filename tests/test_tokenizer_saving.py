"""A tokenizer's files: what is read beside them, and that saving gives the same tokenizer back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quatrain.errors import InputError
from quatrain.tokenizer import Tokenizer
from tokenizer_data import plain_bpe, plain_word_piece, to_bytes

CONFIG = "tokenizer_config.json"


@pytest.fixture
def vocab(tmp_path: Path) -> Path:
    path = tmp_path / "read" / "vocab.txt"
    path.parent.mkdir()
    path.write_text("\n".join(plain_word_piece()["model"]["vocab"]), encoding="utf-8")
    return path


def test_a_file_is_read_with_those_beside_it(vocab: Path) -> None:
    (vocab.parent / CONFIG).write_text(json.dumps({"do_lower_case": False}))
    (vocab.parent / "chat_template.jinja").write_text("T")
    ours = Tokenizer.from_file(vocab)
    assert ours.encode("Hello").tokens == ["[CLS]", "[UNK]", "[SEP]"]
    assert ours.chat_templates == {"default": "T"}
    own = vocab.parent / "tokenizer.json"
    own.write_bytes(to_bytes(plain_word_piece()))
    (vocab.parent / "special_tokens_map.json").write_text(json.dumps({"eos_token": "[SEP]"}))
    assert Tokenizer.from_file(own).eos_id == 3


@pytest.mark.parametrize(
    "name",
    [
        *("tokenizer.json", "my-vocab.txt", "tokenizer_options.json", "special_tokens_map.json"),
        *("chat_template.jinja", "additional_chat_templates/rag.jinja"),
    ],
)
def test_saving_refuses_what_would_be_read_too(vocab: Path, tmp_path: Path, name: str) -> None:
    old = tmp_path / "old" / name
    old.parent.mkdir(parents=True)
    old.write_bytes(b"old")
    with pytest.raises(InputError, match=f"old: holds {name}, which would be read too"):
        Tokenizer.from_file(vocab).save(tmp_path / "old")
    assert [path for path in (tmp_path / "old").rglob("*") if path.is_file()] == [old]
    assert old.read_bytes() == b"old"


def test_saving_again_replaces_the_same_files(vocab: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "model.safetensors").write_bytes(b"")
    for lower in (True, False):
        ours = Tokenizer.from_file(vocab, do_lower_case=lower)
        ours.save(tmp_path / "new")
        again = Tokenizer.from_pretrained(tmp_path / "new")
        assert again.encode("Hello").ids == ours.encode("Hello").ids


@pytest.mark.data("llama.cpp")
def test_saving_never_replaces_a_model(test_data: Path, tmp_path: Path) -> None:
    data = (test_data / "llama.cpp" / "ggml-vocab-gpt-2.gguf").read_bytes()
    model = tmp_path / "model.gguf"
    model.write_bytes(data + bytes(64))
    with pytest.raises(InputError, match="exists already, and holds more than this vocabulary"):
        Tokenizer.from_file(model).save(tmp_path)
    assert model.read_bytes() == data + bytes(64)


def test_saving_where_no_folder_can_be(vocab: Path) -> None:
    for folder in (vocab, vocab / "under"):
        with pytest.raises(InputError, match="could not be written"):
            Tokenizer.from_file(vocab).save(folder)


@pytest.mark.parametrize(
    "name",
    [
        *("../evil.txt", "/evil", "evil.txt", "tokenizer.json", "additional_chat_templates/.."),
        *("additional_chat_templates/../../x.jinja", "additional_chat_templates/a\0.jinja"),
    ],
)
def test_side_files_have_known_names(name: str) -> None:
    with pytest.raises(InputError, match=r"side_files has .*, expected tokenizer_config\.json"):
        Tokenizer(to_bytes(plain_bpe()), {name: b"{}"})


def test_files_are_bytes() -> None:
    with pytest.raises(InputError, match="data is str, expected bytes"):
        Tokenizer("{}")  # type: ignore[arg-type]  # wrong
    with pytest.raises(InputError, match=r"tokenizer_config\.json is dict, expected bytes"):
        Tokenizer(to_bytes(plain_bpe()), {CONFIG: {}})  # type: ignore[dict-item]  # wrong
