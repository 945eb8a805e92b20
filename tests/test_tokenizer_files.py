"""Which file is which: by its name and by what it holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from quatrain.errors import InputError, TokenizerError
from quatrain.tokenizer import Tokenizer
from tokenizer_data import plain_bpe, plain_word_piece, to_bytes


def test_a_tokenizer_json_of_another_name(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_bytes(to_bytes(plain_bpe()))
    tokenizer = Tokenizer.from_file(tmp_path / "mine.json")
    tokenizer.save(tmp_path / "saved")
    again = Tokenizer.from_pretrained(tmp_path / "saved")
    assert again.encode("hello").ids == tokenizer.encode("hello").ids


@pytest.mark.parametrize("name", ["words.txt", "tokenizer", "model.bin", "merges.txt"])
def test_unknown_names_are_refused_with_the_known_ones(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(to_bytes(plain_bpe()))
    with pytest.raises(TokenizerError, match=r"no format goes by .*known: tokenizer\.json \("):
        Tokenizer.from_file(tmp_path / name)


def test_contents_that_belie_the_name(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(b"\x0a\x0e\x0a\x05<unk>")
    with pytest.raises(TokenizerError, match=r"begins with .*, not as tokenizer\.json does"):
        Tokenizer.from_file(path)
    with pytest.raises(TokenizerError, match=r"begins with .*, not as tokenizer\.json does"):
        Tokenizer.from_pretrained(tmp_path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match="no such file"):
        Tokenizer.from_file(tmp_path / "tokenizer.json")
    with pytest.raises(TokenizerError, match="a folder, expected a file"):
        Tokenizer.from_file(tmp_path)
    with pytest.raises(TokenizerError, match="no tokenizer there; known: "):
        Tokenizer.from_pretrained(tmp_path)


def test_unknown_options_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(to_bytes(plain_word_piece()))
    with pytest.raises(InputError, match=r"tokenizer\.json has no option 'colour'; known: none"):
        Tokenizer.from_file(path, colour="blue")
