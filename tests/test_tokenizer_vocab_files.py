"""``vocab.json`` with ``merges.txt``, and ``vocab.txt``: equal to what transformers makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from quatrain.errors import TokenizerError
from quatrain.tokenizer import Tokenizer
from tokenizer_data import HOSTILE, gpt2, plain_bpe, plain_word_piece, texts
from tokenizer_peer import compare

WITH_MARKERS = ["a<|endoftext|> b", "<s>x</s> <mask> y<mask>", "[MASK]a[SEP] [UNK]", "<new> x<new>"]


def write(folder: Path, vocab: Any, merges: list[str], config: dict[str, Any] | None) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
    text = "#version: 0.2\n" + "\n".join(merges) + "\n"
    (folder / "merges.txt").write_text(text, encoding="utf-8")
    if config is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def check(folder: Path, peer: Any, samples: list[str]) -> None:
    """One folder in both libraries."""
    ours = Tokenizer.from_pretrained(folder)
    backend = peer.backend_tokenizer
    assert len(ours) == len(peer)
    for text in samples:
        compare(ours.encode(text), backend.encode(text), text)
        compare(ours.encode(text, "a b"), backend.encode(text, "a b"), text)
        compare(
            ours.encode(text, None, False), backend.encode(text, add_special_tokens=False), text
        )


GPT2_CONFIGS: list[dict[str, Any] | None] = [
    None,
    {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True},
    {"tokenizer_class": "GPT2TokenizerFast", "add_bos_token": True},
    {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": True, "add_eos_token": True},
    {"tokenizer_class": "GPT2Tokenizer", "pad_token": "<pad>", "bos_token": "<s>"},
    {"additional_special_tokens": ["<new>", "<s>"], "pad_token": "<pad>"},
    {"extra_special_tokens": {"image_token": "<new>"}},
    {
        "additional_special_tokens": [{"__type": "AddedToken", "content": "<new>"}],
        "added_tokens_decoder": {"50257": {"content": "<new>", "special": True}},
    },
    {
        "tokenizer_class": "GPT2Tokenizer",
        "pad_token": {"__type": "AddedToken", "content": "<new>", "lstrip": True},
        "added_tokens_decoder": {
            "50257": {"content": "<new>", "lstrip": True, "rstrip": False, "special": True},
            "50258": {"content": " x", "normalized": True, "special": False},
        },
    },
]


@pytest.mark.oracle("transformers")
@pytest.mark.data("gpt2", "text")
@pytest.mark.parametrize("config", GPT2_CONFIGS)
def test_gpt2(test_data: Path, tmp_path: Path, config: dict[str, Any] | None) -> None:
    from transformers import GPT2Tokenizer

    model = gpt2(test_data)["model"]
    vocab = {**model["vocab"], "<|endoftext|>": 50256}
    folder = write(tmp_path / "gpt2", vocab, model["merges"], config)
    peer = GPT2Tokenizer.from_pretrained(folder)
    check(folder, peer, HOSTILE + WITH_MARKERS + texts(test_data, 20))


@pytest.mark.oracle("transformers")
@pytest.mark.parametrize(
    "config",
    [
        {"tokenizer_class": "RobertaTokenizer"},
        {"tokenizer_class": "RobertaTokenizerFast", "add_prefix_space": True},
        {"tokenizer_class": "RobertaTokenizer", "trim_offsets": False},
        {
            "tokenizer_class": "RobertaTokenizer",
            "mask_token": {"__type": "AddedToken", "content": "<mask>", "lstrip": True},
        },
        {"tokenizer_class": "BartTokenizer", "cls_token": "<mask>"},
    ],
)
def test_roberta(tmp_path: Path, config: dict[str, Any]) -> None:
    from transformers import RobertaTokenizer

    model = plain_bpe()["model"]
    vocab = dict(model["vocab"])
    for token in ("<s>", "<pad>", "</s>", "<unk>", "<mask>"):
        vocab[token] = len(vocab)
    folder = write(tmp_path / "roberta", vocab, model["merges"], config)
    peer = RobertaTokenizer.from_pretrained(folder)
    check(folder, peer, HOSTILE + WITH_MARKERS)


@pytest.mark.oracle("transformers")
def test_qwen2(tmp_path: Path) -> None:
    from transformers import Qwen2Tokenizer

    model = plain_bpe()["model"]
    vocab = {**model["vocab"], "<|endoftext|>": len(model["vocab"])}
    config = {"tokenizer_class": "Qwen2Tokenizer", "bos_token": None}
    folder = write(tmp_path / "qwen2", vocab, model["merges"], config)
    check(folder, Qwen2Tokenizer.from_pretrained(folder), HOSTILE + WITH_MARKERS)


BERT_CONFIGS: list[dict[str, Any]] = [
    {},
    {"do_lower_case": True},
    {"do_lower_case": False},
    {"do_lower_case": False, "tokenize_chinese_chars": False},
    {"do_lower_case": False, "strip_accents": True},
    {"do_lower_case": True, "strip_accents": False, "tokenizer_class": "DistilBertTokenizer"},
    {"cls_token": "[MASK]", "sep_token": "[PAD]", "tokenizer_class": "BertTokenizerFast"},
]


@pytest.mark.oracle("transformers")
@pytest.mark.data("minilm", "tokenizers", "text")
@pytest.mark.parametrize("config", BERT_CONFIGS)
@pytest.mark.parametrize("file", ["minilm/vocab.txt", "tokenizers/bert-chinese.txt"])
def test_bert(test_data: Path, tmp_path: Path, file: str, config: dict[str, Any]) -> None:
    from transformers import BertTokenizer

    (tmp_path / "vocab.txt").write_bytes((test_data / file).read_bytes())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    peer = BertTokenizer.from_pretrained(tmp_path)
    check(tmp_path, peer, HOSTILE + WITH_MARKERS + texts(test_data, 20))


# By themselves


def test_listed_objects_are_refused(tmp_path: Path) -> None:
    model = plain_bpe()["model"]
    vocab = {**model["vocab"], "<|endoftext|>": len(model["vocab"])}
    config = {"additional_special_tokens": [{"content": "<new>"}]}
    folder = write(tmp_path / "gpt2", vocab, model["merges"], config)
    with pytest.raises(TokenizerError, match=r"tokens\[0\]: found an object, expected a text, or "):
        Tokenizer.from_pretrained(folder)


def test_options_and_saving(tmp_path: Path) -> None:
    words = list(plain_word_piece()["model"]["vocab"])
    path = tmp_path / "my-vocab.txt"
    path.write_text("\r\n".join(words), encoding="utf-8", newline="")
    assert Tokenizer.from_file(path).encode("Hello world").tokens == [
        *("[CLS]", "hello", "world", "[SEP]"),
    ]
    cased = Tokenizer.from_file(path, do_lower_case=False)
    assert cased.encode("Hello world").tokens == ["[CLS]", "[UNK]", "world", "[SEP]"]
    cased.save(tmp_path / "saved")
    again = Tokenizer.from_pretrained(tmp_path / "saved")
    assert again.encode("Hello world").ids == cased.encode("Hello world").ids
    assert again.pad_id == 0


def test_merges_stand_beside_their_vocabulary(tmp_path: Path) -> None:
    model = plain_bpe()["model"]
    folder = write(tmp_path / "x", model["vocab"], model["merges"], None)
    (folder / "vocab.json").rename(folder / "my-vocab.json")
    with pytest.raises(TokenizerError, match=r"my-merges\.txt: no such file"):
        Tokenizer.from_file(folder / "my-vocab.json")
    (folder / "merges.txt").rename(folder / "my-merges.txt")
    assert Tokenizer.from_file(folder / "my-vocab.json").encode("hello").tokens == ["hello"]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("merges.txt", b"h e\nl l l\n", r"merges\.txt: line 2: found 'l l l', expected two tokens"),
        ("merges.txt", b"h e\nl\n", "line 2: found 'l', expected two tokens"),
        ("merges.txt", b"h e\nl \n", "expected two tokens"),
        ("merges.txt", b"h e\nq q\n", "merge 1 needs the token 'qq', which is not in the"),
        ("merges.txt", b"\xff", r"merges\.txt: not UTF-8 at byte 0"),
        ("vocab.json", b"{", "not valid JSON"),
        ("vocab.json", b'{"a": "b"}', "token 'a' has id \"b\", expected an integer"),
        ("vocab.json", b'{"a": -1}', "-1"),
        ("vocab.json", b'{"a": 1, "b": 1}', "1"),
        ("vocab.json", b"[]", "begins with"),
        (
            "tokenizer_config.json",
            b'{"tokenizer_class": "XTokenizer"}',
            "'XTokenizer' is not supported; sup",
        ),
        ("tokenizer_config.json", b'{"add_prefix_space": 1}', "expected a boolean"),
        ("tokenizer_config.json", b'{"added_tokens_decoder": {"x": {"content": "y"}}}', "no id"),
        ("tokenizer_config.json", b'{"added_tokens_decoder": {"7": {"content": "y"}}}', "has id 7"),
        ("tokenizer_config.json", b"[]", "expected an object"),
        ("added_tokens.json", b'{"<y>": 99999}', "has id 99999, but the next new token must"),
    ],
)
def test_bad_byte_level_files(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    model = plain_bpe()["model"]
    folder = write(tmp_path / "x", model["vocab"], model["merges"], None)
    (folder / name).write_bytes(data)
    with pytest.raises(TokenizerError, match=message) as caught:
        Tokenizer.from_pretrained(folder)
    assert str(caught.value).startswith(str(folder))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a\nb\na\n", r"vocab\.txt: line 3: 'a' appears twice"),
        (b"a\xff\n", "not UTF-8 at byte 1"),
        (b"", "begins with b''"),
        (b"a\0b", "begins with"),
    ],
)
def test_bad_vocab_txt(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "vocab.txt").write_bytes(data)
    with pytest.raises(TokenizerError, match=message):
        Tokenizer.from_pretrained(tmp_path)
