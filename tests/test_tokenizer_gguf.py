"""Vocabularies in GGUF files: llama.cpp's own vectors, and what is refused."""

from __future__ import annotations

import pickle
import random
import struct
import sys
from pathlib import Path
from typing import Any

import pytest

from gguf_bytes import string, write
from quatrain.errors import TokenizerError
from quatrain.tokenizer import Tokenizer
from quatrain.tokenizer.formats import gguf_file
from quatrain.tokenizer.formats.gguf_patterns import CUTS
from tokenizer_data import HOSTILE, plain_bpe

VOCABULARIES = (
    *("bert-bge", "command-r", "deepseek-coder", "deepseek-llm", "falcon", "gemma-4", "gpt-2"),
    *("llama-bpe", "llama-spm", "mpt", "phi-3", "qwen2", "qwen35", "refact", "starcoder"),
)
#: llama.cpp has no vectors for these; they open, and byte-level ones give back what they read.
OTHERS = ("aquila", "baichuan", "gpt-neox")
NEEDS_AN_ENGINE = {
    *("kimi-k2", "jais-2", "exaone-moe", "tiny_aya", "cohere2moe", "superbpe", "chameleon"),
}
SEPARATOR = "\n__ggml_vocab_test__\n"


@pytest.mark.data("llama.cpp")
@pytest.mark.parametrize("name", VOCABULARIES)
def test_vectors(test_data: Path, name: str) -> None:
    path = test_data / "llama.cpp" / f"ggml-vocab-{name}.gguf"
    tokenizer = Tokenizer.from_file(path)
    texts = Path(f"{path}.inp").read_bytes().decode().split(SEPARATOR)
    lines = Path(f"{path}.out").read_text(encoding="utf-8").split("\n")
    assert len(texts) >= 46
    for text, line in zip(texts, lines, strict=len(texts) == len(lines)):
        expected = [int(word) for word in line.split()]
        ours = tokenizer.encode(text, add_special_tokens=False, special="text").ids
        assert ours == expected, text
        if name != "bert-bge":
            assert tokenizer.decode(ours, skip_special_tokens=False) == text


@pytest.mark.data("llama.cpp")
@pytest.mark.parametrize("name", OTHERS)
def test_vocabularies_without_vectors(test_data: Path, name: str) -> None:
    tokenizer = Tokenizer.from_file(test_data / "llama.cpp" / f"ggml-vocab-{name}.gguf")
    for text in HOSTILE:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert tokenizer.decode(ids, skip_special_tokens=False) == text


@pytest.mark.data("llama.cpp", "tokenizers")
def test_equal_to_the_tokenizer_json(test_data: Path) -> None:
    ours = Tokenizer.from_file(test_data / "llama.cpp" / "ggml-vocab-llama-bpe.gguf")
    other = Tokenizer.from_file(test_data / "tokenizers" / "llama3_1.json")
    for text in [*HOSTILE, "<s>a</s> b", "<|begin_of_text|>x<|end_of_text|>"]:
        assert ours.encode(text).ids == other.encode(text).ids, text
        assert ours.decode(ours.encode(text).ids) == other.decode(other.encode(text).ids)


@pytest.mark.data("llama.cpp")
def test_saving_keeps_the_vocabulary_alone(test_data: Path, tmp_path: Path) -> None:
    source = test_data / "llama.cpp" / "ggml-vocab-gpt-2.gguf"
    tokenizer = Tokenizer.from_file(source)
    tokenizer.save(tmp_path)
    saved = tmp_path / source.name
    assert saved.stat().st_size <= source.stat().st_size
    for again in (Tokenizer.from_pretrained(tmp_path), pickle.loads(pickle.dumps(tokenizer))):
        assert again.encode("Hello, world").ids == tokenizer.encode("Hello, world").ids
    assert (tokenizer.bos_id, tokenizer.eos_id, tokenizer.pad_id) == (50256, 50256, None)


# Small files


def small() -> dict[str, Any]:
    model = plain_bpe()["model"]
    tokens = [*model["vocab"], "<|end|>", "<x>"]
    fields = {
        "model": "gpt2",
        "pre": "gpt-2",
        "tokens": tokens,
        "token_type": [1] * (len(tokens) - 2) + [3, 4],
        "merges": model["merges"],
        "eos_token_id": len(tokens) - 2,
        "bos_token_id": len(tokens) - 2,
        "add_bos_token": True,
    }
    return {
        "general.name": "left out",
        **{f"tokenizer.ggml.{name}": item for name, item in fields.items()},
        "tokenizer.chat_template": "{{ eos_token }}{{ messages[0].content }}",
        "tokenizer.chat_template.other": "O",
    }


def opened(folder: Path, fields: dict[str, Any]) -> Tokenizer:
    path = folder / "model.gguf"
    path.write_bytes(write(fields))
    return Tokenizer.from_file(path)


def test_a_small_file(tmp_path: Path) -> None:
    tokenizer = opened(tmp_path, small())
    assert tokenizer.encode("hello<x><|end|>").tokens == ["<|end|>", "hello", "<x>", "<|end|>"]
    assert tokenizer.special_ids == {tokenizer.token_to_id("<|end|>")} == {tokenizer.eos_id}
    chat = tokenizer.apply_chat_template([{"role": "user", "content": "<|end|>"}])
    assert chat.text == "<|end|><|end|>"
    assert chat.from_content == [False] + [True] * (len(chat) - 1)
    assert tokenizer.chat_templates.keys() == {"default", "other"}
    assert b"left out" not in next(iter(tokenizer._source.files.values()))
    old = tmp_path / "old.gguf"
    old.write_bytes(write(small(), version=2))
    assert Tokenizer.from_file(old).encode("hello").ids == tokenizer.encode("hello").ids


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.oracle("onigurumacffi"))
        if name in NEEDS_AN_ENGINE
        else name
        for name in CUTS
    ],
)
def test_every_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    if name in NEEDS_AN_ENGINE:
        with monkeypatch.context() as without:
            without.setitem(sys.modules, "onigurumacffi", None)
            with pytest.raises(TokenizerError, match="needs a regex engine: pip install"):
                opened(tmp_path, small() | {"tokenizer.ggml.pre": name})
    else:
        monkeypatch.setitem(sys.modules, "onigurumacffi", None)
    tokenizer = opened(tmp_path, small() | {"tokenizer.ggml.pre": name})
    for text in HOSTILE:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert tokenizer.decode(ids, skip_special_tokens=False) == text


@pytest.mark.oracle("onigurumacffi")
@pytest.mark.parametrize(
    ("name", "text", "pieces"),
    [
        ("kimi-k2", "中文English混合 DON'T 1234", "中文|English|混合| DON'T| |123|4"),
        ("tiny_aya", "1234567 12ab 1234x", "1|234|567| |12|ab| |123|4|x"),
        ("superbpe", "a b 1234567, x", "a b |1|234|567|, x"),
        ("exaone-moe", "one two, 12", "one two|,| |1|2"),
        ("jais-2", "a" + " " * 7 + "b 12", "a|    |  | b| |12"),
        ("chameleon", "a,<sentinel:12>  b1", "a|,|<|sentinel|:|1|2|>|  |b|1"),
    ],
)
def test_where_texts_are_cut(tmp_path: Path, name: str, text: str, pieces: str) -> None:
    tokenizer = opened(tmp_path, small() | {"tokenizer.ggml.pre": name})
    encoding = tokenizer.encode(text, add_special_tokens=False)
    words: list[list[int]] = [[] for _ in range(1 + max(encoding.word_ids))]
    for word, (start, end) in zip(encoding.word_ids, encoding.offsets, strict=True):
        words[word] += [start, end]
    assert [text[min(word) : max(word)] for word in words] == pieces.split("|")


def scored() -> dict[str, Any]:
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    types = [2, 3, 3] + [6] * 256
    pieces = ["\u2581", "a", "b", "\u2581a", "ab", "\u2581ab"]
    scores = [0.0] * len(tokens) + [-9.0, -9.0, -9.0, -2.0, -1.0, -3.0]
    fields = {
        "model": "llama",
        "tokens": tokens + pieces,
        "token_type": types + [1] * len(pieces),
        "scores": scores,
        "bos_token_id": 1,
        "unknown_token_id": 0,
    }
    return {f"tokenizer.ggml.{name}": item for name, item in fields.items()}


def test_scores_order_merges(tmp_path: Path) -> None:
    tokenizer = opened(tmp_path, scored())
    assert tokenizer.encode("ab a\u00e9").tokens == [
        *("<s>", "\u2581ab", "\u2581a", "<0xC3>", "<0xA9>"),
    ]
    bare = opened(tmp_path, {**scored(), "tokenizer.ggml.add_space_prefix": False})
    assert bare.encode("ab ab").tokens == ["<s>", "ab", "\u2581ab"]
    assert bare.decode(bare.encode("ab ab").ids) == "ab ab"


KEY = "tokenizer.ggml."


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model": "plamo2"}, "model: 'plamo2' is not supported; supported: gpt2, llama"),
        ({"model": 3}, "expected a string"),
        ({"pre": "unheard-of"}, "pre: 'unheard-of' is not supported; supported: default, "),
        ({"tokens": ["a", "b", "a"]}, "token 'a' appears twice"),
        ({"tokens": [1, 2]}, "element 0 is 1, expected a string"),
        ({"token_type": [1, 2]}, "found 2 types of"),
        ({"token_type": "x"}, "expected a list"),
        ({"merges": ["h e", "hell"]}, "merge 1 is 'hell', expected two tokens"),
        ({"merges": ["h e", "e q"]}, "merge 1 needs the token 'eq'"),
        ({"eos_token_id": 9999}, "eos_token_id: found 9999, expected 0 to"),
        ({"add_bos_token": 1}, "expected a boolean"),
    ],
)
def test_bad_fields(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(TokenizerError, match=message) as caught:
        opened(tmp_path, small() | {KEY + name: item for name, item in changed.items()})
    assert str(caught.value).startswith(str(tmp_path / "model.gguf"))


def test_default_roles_are_tokens(tmp_path: Path) -> None:
    fields = {f"{KEY}model": "bert", f"{KEY}tokens": ["[UNK]", "a"]}
    with pytest.raises(TokenizerError, match=r"tokens: found 2 and no \w+, expected token 10"):
        opened(tmp_path, fields)


def test_bad_scores(tmp_path: Path) -> None:
    scores = scored()[KEY + "scores"]
    for bad, message in (
        (scores[:-1], "found 264 scores of 265 tokens"),
        ([*scores[:-1], float("nan")], "element 264 is nan, expected a finite number"),
    ):
        with pytest.raises(TokenizerError, match=message):
            opened(tmp_path, scored() | {KEY + "scores": bad})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"GGUX" + bytes(20), "begins with"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "GGUF version 1 is not supported"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "is not supported; supported: 2, 3 .little"),
        (b"GGUF", "ends within the header"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**63), "ends within the name of a field"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + string("a\nb"), r"ends within 'a\\nb'"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 0), "field 'tokenizer.ggml.tokens' is missing"),
    ],
)
def test_bad_containers(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    with pytest.raises(TokenizerError, match=message):
        Tokenizer.from_file(path)


@pytest.mark.parametrize(
    "field",
    [
        struct.pack("<IIQ", 9, 8, 2**60),  # strings
        struct.pack("<IIQ", 9, 5, 2**62),  # integers
        struct.pack("<IIQ", 9, 9, 2),  # arrays of arrays
        struct.pack("<IIQQ", 9, 8, 1, 2**63) + b"x",
        struct.pack("<IQ", 8, 2**64 - 1),
        struct.pack("<IQ", 8, 2) + b"\xff\xfe",
        struct.pack("<I", 77),
    ],
)
def test_absurd_values(tmp_path: Path, field: bytes) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + string("tokenizer.x") + field)
    with pytest.raises(TokenizerError, match=r"tokenizer\.x"):
        Tokenizer.from_file(path)


def test_every_truncation_and_damage_is_refused_or_harmless(tmp_path: Path) -> None:
    whole = write(small())
    path = tmp_path / "model.gguf"
    for size in range(0, len(whole), 97):
        path.write_bytes(whole[:size])
        with pytest.raises(TokenizerError):
            Tokenizer.from_file(path)
    rng = random.Random(6)
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(rng.choice((1, 4, 40))):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged)
        try:
            Tokenizer.from_file(path).encode("hello w")
        except TokenizerError as error:
            assert str(path) in str(error) or "[" in str(error)  # noqa: PT017


@pytest.mark.oracle("gguf")
def test_the_container_reads_as_in_gguf(tmp_path: Path) -> None:
    import gguf

    path = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["a", "\u00e9", ""])
    writer.add_token_scores([0.5, -1.0, 3.0])
    writer.add_token_types([1, 3, 4])
    writer.add_add_bos_token(True)
    writer.add_bos_token_id(2)
    writer.add_float64("tokenizer.x", 0.1)
    writer.add_int8("tokenizer.y", -3)
    writer.add_string("other", "left out")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    fields = gguf_file.fields(gguf_file.load(path), "it").value
    expected = {name: field.contents() for name, field in gguf.GGUFReader(path).fields.items()}
    kept = {name: item for name, item in expected.items() if name.startswith("tokenizer.")}
    assert fields == {"general.architecture": "llama", **kept}
