"""Which format a file is of: by its name and contents, or because the caller says so."""

from __future__ import annotations

import base64
import json
import pickle
from pathlib import Path

import pytest

from quatrain.errors import InputError, TokenizerError
from quatrain.tokenizer import Tokenizer
from tokenizer_data import GPT2_PATTERN, plain_bpe, plain_word_piece, to_bytes

RANKS = b"\n".join(base64.b64encode(bytes([byte])) + b" %d" % byte for byte in range(256))
PATTERN = {"pattern": GPT2_PATTERN, "special_tokens": {"<|end|>": 256}}


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_a_file_of_any_name(tmp_path: Path) -> None:
    word_piece = plain_word_piece()
    vocab = "\n".join(word_piece["model"]["vocab"]).encode()
    files = {
        "tokenizer.json": to_bytes(word_piece),
        "vocab.txt": vocab,
        "tiktoken": RANKS,  # tiktoken's own cache names files by hashes
    }
    for number, (format, data) in enumerate(files.items()):
        path = write(tmp_path / str(number) / "9b5ad71b2ce5302211f9c61530b329a4922fc6a4", data)
        with pytest.raises(TokenizerError, match=r"no format goes by that file name; name it"):
            Tokenizer.from_file(path)
        options = PATTERN if format == "tiktoken" else {}
        ours = Tokenizer.from_file(path, format=format, **options)
        ours.save(tmp_path / "saved" / format)
        for again in (
            Tokenizer.from_pretrained(tmp_path / "saved" / format),
            pickle.loads(pickle.dumps(ours)),
        ):
            assert again.encode("hello").ids == ours.encode("hello").ids


def test_merges_beside_a_vocabulary_of_any_name(tmp_path: Path) -> None:
    model = plain_bpe()["model"]
    path = write(tmp_path / "encoder.json", json.dumps(model["vocab"]).encode())
    with pytest.raises(TokenizerError, match=r"merges\.txt: no such file"):
        Tokenizer.from_file(path, format="vocab.json")
    merges = "\n".join(m if isinstance(m, str) else " ".join(m) for m in model["merges"])
    write(tmp_path / "merges.txt", merges.encode())
    ours = Tokenizer.from_file(path, format="vocab.json")
    assert ours.encode("hello").ids == Tokenizer(to_bytes(plain_bpe())).encode("hello").ids
    ours.save(tmp_path / "saved")
    names = {file.name for file in (tmp_path / "saved").iterdir()}
    assert names == {"vocab.json", "merges.txt", "tokenizer_options.json"}


def test_a_folder_of_several(tmp_path: Path) -> None:
    write(tmp_path / "tokenizer.json", to_bytes(plain_bpe()))
    write(tmp_path / "vocab.txt", "\n".join(plain_word_piece()["model"]["vocab"]).encode())
    assert Tokenizer.from_pretrained(tmp_path).token_to_id("[CLS]") is None
    ours = Tokenizer.from_pretrained(tmp_path, format="vocab.txt")
    assert ours.token_to_id("[CLS]") is not None
    with pytest.raises(TokenizerError, match=r"no tokenizer there; looked for gguf \(\*\.gguf\)$"):
        Tokenizer.from_pretrained(tmp_path, format="gguf")


def test_wrong_formats(tmp_path: Path) -> None:
    path = write(tmp_path / "tokenizer.json", to_bytes(plain_bpe()))
    for format in ("json", "", 3):
        with pytest.raises(InputError, match=r"expected one of tokenizer\.json, senten"):
            Tokenizer.from_file(path, format=format)  # type: ignore[arg-type]  # wrong
        with pytest.raises(InputError, match="format is"):
            Tokenizer.from_pretrained(tmp_path, format=format)  # type: ignore[arg-type]  # wrong
    for format, message in {
        "sentencepiece": "not a SentencePiece model",
        "tiktoken": "line 1: found",
        "vocab.json": r"merges\.txt: no such file",
        "vocab.txt": "is not in the vocabulary",
        "gguf": "begins with",
    }.items():
        options = PATTERN if format == "tiktoken" else {}
        with pytest.raises(TokenizerError, match=message):
            Tokenizer.from_file(path, format=format, **options)
    with pytest.raises(TokenizerError, match="empty: empty, expected a GGUF file"):
        Tokenizer.from_file(write(tmp_path / "empty", b""), format="gguf")
    with pytest.raises(InputError, match="tiktoken has no option 'behavior'; known: encoding, "):
        Tokenizer.from_file(path, format="tiktoken", behavior="tokenizers")


def test_a_saved_format_is_one(tmp_path: Path) -> None:
    write(tmp_path / "tokenizer.json", to_bytes(plain_bpe()))
    for saved, message in {
        b'{"format": ["gguf"]}': r'format: found \["gguf"\], expected a string',
        b'{"format": "ggfu"}': "format: 'ggfu' is not supported; supported: tokenizer.json, ",
        b'{"format": null}': "format: found null, expected a string",
        b'{"pattern": "."}': r"tokenizer\.json has no option 'pattern'; known: none",
    }.items():
        write(tmp_path / "tokenizer_options.json", saved)
        for call in (
            lambda: Tokenizer.from_pretrained(tmp_path),
            lambda: Tokenizer.from_file(tmp_path / "tokenizer.json"),
        ):
            with pytest.raises(TokenizerError, match=rf"/tokenizer_options\.json: {message}"):
                call()


def test_a_complaint_names_where_an_option_is_from(tmp_path: Path) -> None:
    path = write(tmp_path / "vocab.txt", b"[UNK]\n[SEP]\n[CLS]\n[PAD]\n[MASK]\na")
    write(tmp_path / "tokenizer_config.json", b'{"do_lower_case": 1}')
    with pytest.raises(TokenizerError, match=r"tokenizer_config\.json: do_lower_case: found 1"):
        Tokenizer.from_file(path)
    with pytest.raises(TokenizerError, match=r"vocab\.txt: option do_lower_case: found 2"):
        Tokenizer.from_file(path, do_lower_case=2)
    write(tmp_path / "tokenizer_options.json", b'{"do_lower_case": 3}')
    with pytest.raises(TokenizerError, match=r"tokenizer_options\.json: do_lower_case: found 3"):
        Tokenizer.from_file(path)
    assert Tokenizer.from_file(path, do_lower_case=True).encode("A").tokens[1] == "a"
