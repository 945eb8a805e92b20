"""Vocabularies in GGUF files that are neither byte-level nor Llama's: Unigram, and RWKV's."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

import gguf_fields
from quatrain.errors import TokenizerError
from quatrain.tokenizer import Tokenizer
from quatrain.tokenizer.formats.gguf import unescaped
from quatrain.tokenizer.formats.sentencepiece_proto import parse
from test_tokenizer_gguf import opened
from tokenizer_data import HOSTILE, texts

NAME = "ggml-vocab-nomic-bert-moe.gguf"


@pytest.mark.oracle("sentencepiece")
@pytest.mark.data("llama.cpp", "text")
def test_unigram(test_data: Path, tmp_path: Path) -> None:
    import sentencepiece

    ours = Tokenizer.from_file(test_data / "llama.cpp" / NAME)
    known = gguf_fields.fields(test_data / "llama.cpp" / NAME)
    columns = (known[f"tokenizer.ggml.{name}"] for name in ("tokens", "scores", "token_type"))
    model = parse(b"")
    for token, score, kind in zip(*columns, strict=True):
        model.pieces.add(piece=token.encode(), score=score, type=kind)
    model.normalizer_spec.precompiled_charsmap = bytes(known["tokenizer.ggml.precompiled_charsmap"])
    model.trainer_spec.unk_id = 3
    (tmp_path / "x.model").write_bytes(model.SerializeToString())
    peer = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "x.model"))
    for text in [*HOSTILE, *texts(test_data, 40)]:
        ids = ours.encode(text, add_special_tokens=False, special="text").ids
        assert ids == peer.EncodeAsIds(text), text
    assert ours.encode("a b").tokens == ["<s>", "▁a", "▁b", "</s>"]
    assert ours.encode("a<mask>").ids[-2] == 250001
    assert ours.decode(ours.encode("What? Nothing.").ids) == "What? Nothing."
    assert (ours.bos_id, ours.eos_id, ours.pad_id) == (0, 2, 1)


@pytest.mark.parametrize(
    ("kind", "ids"),
    [({"model": "gemma4"}, [2]), ({"model": "gpt2", "pre": "granite-embed-multi-311m"}, [])],
)
def test_lines(tmp_path: Path, kind: dict[str, Any], ids: list[int]) -> None:
    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
    pieces = ["▁", "a", "\n", "▁a", "a▁", "a▁a", "\n\n"]
    types = [3, 3, 3, 2] + [6] * 256 + [1] * len(pieces)
    fields = {"tokens": tokens + pieces, "token_type": types, "bos_token_id": 2, **kind}
    fields |= {"unknown_token_id": 3, "merges": ["▁ a", "a ▁", "a ▁a", "\n \n"]}
    ours = opened(tmp_path, {f"tokenizer.ggml.{name}": value for name, value in fields.items()})
    encoding = ours.encode("a a\n\n aé")
    assert encoding.ids[: len(ids)] == ids
    assert encoding.tokens[len(ids) :] == ["a▁a", "\n\n", "▁a", "<0xC3>", "<0xA9>"]
    assert ours.decode(encoding.ids) == "a a\n\n aé"


def unigram(**changes: Any) -> dict[str, Any]:
    tokens = ["<pad>", "</s>", "<unk>", "▁", "a", "▁a", "<x>", "[PAD7]", "s", "k", "P", "d"]
    fields = {
        "model": "t5",
        "tokens": tokens,
        "scores": [0.0, 0.0, 0.0, -2.0, -3.0, -1.0, -50.0, -1000.0, *[-4.0] * 4],
        "token_type": [3, 3, 2, 1, 1, 1, 4, 5, *[1] * 4],
        "remove_extra_whitespaces": True,
        **changes,
    }
    return {f"tokenizer.ggml.{name}": value for name, value in fields.items() if value is not None}


def test_a_small_unigram(tmp_path: Path) -> None:
    ours = opened(tmp_path, unigram())
    assert ours.encode("  a  ax<x>a").ids == [5, 5, 2, 6, 5, 1]
    assert ours.decode(ours.encode("a a").ids) == "a a"
    bare = opened(tmp_path, unigram(add_space_prefix=False, add_eos_token=False))
    assert bare.encode("a a").tokens == ["a", "▁a"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": [0.0]}, "scores: found 1 scores of 12 tokens"),
        ({"scores": None}, "scores' is missing"),
        ({"remove_extra_whitespaces": False}, "is false, which is not supported"),
        ({"remove_extra_whitespaces": None}, "is false, which is not supported"),
        ({"precompiled_charsmap": [1, 2, 3]}, "precompiled_charsmap: .*charsmap"),
        ({"scores": [0.0] * 7 + [-9.0] * 5}, r"'\[PAD7\]' of type 5 might be found in texts"),
        (
            {"token_type": [3, 3, 2, 1, 3, 1, 4, 5, *[1] * 4]},
            "'a' of type 3 might be found in texts",
        ),
    ],
)
def test_unigrams_that_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TokenizerError, match=message):
        opened(tmp_path, unigram(**changes))


def escaped(token: bytes) -> str:
    try:
        return token.decode().replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    except UnicodeDecodeError:
        return "".join(f"\\x{byte:02x}" for byte in token)


def rwkv() -> list[bytes]:
    single = [bytes([byte]) for byte in range(256)]
    longer = ("the", "th", "the cat", " cat", "\n\n", "日本", "本", "é", "\\", "aa", "aaaa")
    parts = [b"\xe6\x97", b"\x97\xa5\xe6", b"\xff\xfe"]
    return [b"<s>", *dict.fromkeys([*single, *(word.encode() for word in longer), *parts])]


def longest_first(tokens: list[bytes], text: bytes) -> list[int]:
    ids = {token: index for index, token in enumerate(tokens)}
    found, at = [], 0
    while at < len(text):
        size = max(n for n in range(1, 10) if text[at : at + n] in ids)
        found.append(ids[text[at : at + size]])
        at += size
    return found


def test_rwkv(tmp_path: Path) -> None:
    tokens = rwkv()
    fields = {"model": "rwkv", "tokens": [escaped(token) for token in tokens]}
    fields["token_type"] = [3] + [1] * (len(tokens) - 1)
    ours = opened(tmp_path, {f"tokenizer.ggml.{name}": value for name, value in fields.items()})
    rng = random.Random(0)
    letters = [*"thecat \n日本é\\a", "the cat", "\u65e6"]
    samples = ["".join(rng.choices(letters, k=rng.randint(1, 30))) for _ in range(300)]
    for text in [*HOSTILE, *samples, "a" * 100_000]:
        ids = ours.encode(text, special="text").ids
        assert ids == longest_first(tokens, text.encode()), text
        assert ours.encode_ids(text, special="text") == ids
        assert ours.decode(ids, skip_special_tokens=False) == text
    assert ours.encode("a<s>").ids[-1] == 0
    assert [unescaped(t) for t in (r"\\n", r"\n", r"\x0a\xff", r"\'", "\\")] == [
        *(b"\\n", b"\n", b"\n\xff", b"'", b"\\")
    ]


def test_rwkv_needs_every_byte(tmp_path: Path) -> None:
    fields = {"model": "rwkv", "tokens": ["a", r"\x61"]}
    with pytest.raises(TokenizerError, match="two tokens stand for the same bytes"):
        opened(tmp_path, {f"tokenizer.ggml.{name}": value for name, value in fields.items()})
    fields["tokens"] = ["<s>", "a"]
    with pytest.raises(TokenizerError, match="byte 0 has no token, expected one for every byte"):
        opened(tmp_path, {f"tokenizer.ggml.{name}": value for name, value in fields.items()})
