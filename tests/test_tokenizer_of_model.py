"""The tokenizer of a model's folder: what ``transformers`` would give the model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import quatrain
from quatrain.errors import TokenizerError
from quatrain.tokenizer import Tokenizer
from quatrain.tokenizer.formats.sentencepiece_proto import parse
from tokenizer_data import plain_bpe, plain_word_piece, to_bytes

Copied = Callable[[str], Path]
SPECIAL = {"t5": (b"<pad>", b"</s>", b"<unk>"), "llama": (b"<unk>", b"<s>", b"</s>")}


def sentencepiece(family: str) -> bytes:
    model = parse(b"")
    for piece in SPECIAL[family]:
        model.pieces.add(piece=piece, score=0.0, type=2 if piece == b"<unk>" else 3)
    for piece in ("\u2581", "a", "\u2581a"):
        model.pieces.add(piece=piece.encode(), score=-float(len(piece)), type=1)
    model.trainer_spec.model_type = 1 if family == "t5" else 2
    return bytes(model.SerializeToString())


def test_sentencepiece(copied: Copied) -> None:
    folder = copied("t5")
    (folder / "spiece.model").write_bytes(sentencepiece("t5"))
    ours = quatrain.load(folder).tokenizer
    assert ours.encode("a a<extra_id_1>").ids == [5, 5, 104, 1]
    assert len(ours) == 106
    folder = copied("llama")
    (folder / "tokenizer.model").write_bytes(sentencepiece("llama"))
    (folder / "tokenizer_config.json").write_text('{"add_bos_token": true}')
    assert quatrain.load(folder).tokenizer.encode("a a").tokens == ["<s>", "▁a", "▁a"]


def test_the_command_has_the_same_tokenizer(copied: Copied) -> None:
    from quatrain.commands.tokenize import opened

    folder = copied("t5")
    (folder / "spiece.model").write_bytes(sentencepiece("t5"))
    assert opened(str(folder), {}).encode("a").tokens == ["▁a", "</s>"]
    assert opened(str(folder), {"behavior": "sentencepiece"}).encode("a").tokens == ["▁a"]
    (folder / "config.json").write_text('{"model_type": "unknown"}')
    assert opened(str(folder), {}).encode("a").tokens == ["▁a"]


def test_an_export_has_the_tokenizer(copied: Copied, tmp_path: Path) -> None:
    folder = copied("llama")
    (folder / "spm.model").write_bytes(sentencepiece("llama"))
    (folder / "chat_template.json").write_text('{"chat_template": "{{ messages }}"}')
    model = quatrain.load(folder)
    out = model.export(tmp_path / "out")
    ours = Tokenizer.from_pretrained(out)
    assert ours.encode("a a").ids == model.tokenizer.encode("a a").ids
    assert ours.chat_templates == model.tokenizer.chat_templates


def test_vocabularies(copied: Copied) -> None:
    folder = copied("bert")
    words = plain_word_piece()
    (folder / "vocab.txt").write_text("\n".join(words["model"]["vocab"]), encoding="utf-8")
    ours = quatrain.load(folder).tokenizer
    assert ours.encode("hello").ids == Tokenizer(to_bytes(words)).encode("hello").ids
    folder = copied("gpt2")
    model = plain_bpe()["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]), encoding="utf-8")
    with pytest.raises(TokenizerError, match=r"merges\.txt: no such file"):
        quatrain.load(folder)
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    (folder / "merges.txt").write_text("\n".join(merges), encoding="utf-8")
    ours = quatrain.load(folder).tokenizer
    assert ours.encode("hello").ids == Tokenizer(to_bytes(plain_bpe())).encode("hello").ids


def test_the_class_that_is_named(copied: Copied) -> None:
    folder = copied("t5")
    (folder / "spiece.model").write_bytes(sentencepiece("t5"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"tokenizer_class": "ByT5Tokenizer"}))
    with pytest.raises(TokenizerError, match="option tokenizer_class: 'ByT5Tokenizer' is not sup"):
        quatrain.load(folder)
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "T5Tokenizer"}')
    assert quatrain.load(folder).tokenizer.encode("a").ids == [5, 1]
    (folder / "tokenizer.json").write_bytes(to_bytes(plain_bpe()))
    assert quatrain.load(folder).tokenizer.encode("a").ids == [64]


def test_info_names_the_format(copied: Copied) -> None:
    from quatrain.commands.info import describe
    from quatrain.folder import Folder

    folder = copied("t5")
    assert describe(Folder(folder))["tokenizer"] is None
    (folder / "spiece.model").write_bytes(sentencepiece("t5"))
    assert describe(Folder(folder))["tokenizer"] == "sentencepiece"
