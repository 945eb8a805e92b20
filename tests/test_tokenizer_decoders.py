"""Decoders: what streams, what each token stands for, and what the peer has no answer to."""

from __future__ import annotations

from typing import Any

import pytest

from quatrain.errors import InputError, TokenizerError
from quatrain.tokenizer import Tokenizer
from tokenizer_data import plain_bpe, to_bytes

LLAMA2 = {
    "type": "Sequence",
    "decoders": [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0},
    ],
}
METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
WORD_PIECE = {"type": "WordPiece", "prefix": "##", "cleanup": False}
CTC = {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": True}


def sequence(*decoders: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Sequence", "decoders": list(decoders)}


def replace(old: str, new: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": {"String": old}, "content": new}


def strip(content: str, start: int, stop: int) -> dict[str, Any]:
    return {"type": "Strip", "content": content, "start": start, "stop": stop}


def made(decoder: Any, tokens: list[str]) -> tuple[Tokenizer, list[int]]:
    """A tokenizer with these tokens, and their ids."""
    file = plain_bpe()
    vocab = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    file["model"] = {"type": "WordLevel", "vocab": vocab, "unk_token": "<unk>"}
    file["added_tokens"] = []
    file["decoder"] = decoder
    return Tokenizer(to_bytes(file)), [vocab[token] for token in tokens]


@pytest.mark.parametrize(
    ("decoder", "tokens", "pieces"),
    [
        (LLAMA2, ["▁the", "▁cat", "s"], ["the", " cat", "s", ""]),
        # A run of bytes is text, or not, as a whole: it waits for its end.
        (LLAMA2, ["▁", "<0xE5>", "<0x8F>", "<0xAB>", "!"], ["", "", "", "", "叫!", ""]),
        (LLAMA2, ["a", "<0xE5>", "<0x8F>"], ["a", "", "", "\ufffd\ufffd"]),
        (METASPACE, ["▁the", "▁cat", "s▁"], ["the", " cat", "s ", ""]),
        (WORD_PIECE, ["the", "cat", "##s"], ["the", " cat", "s", ""]),
        (CTC, ["a", "a", "<pad>", "a", "|", "|"], ["a", "", "", "a", " ", "", ""]),
        ({"type": "BPEDecoder", "suffix": "</w>"}, ["a", "b</w>", "c</w>"], ["a", "", "b ", "c"]),
        ({"type": "ByteLevel"}, ["Ġa", "Ã", "©"], [" a", "", "é", ""]),
        (sequence({"type": "Fuse"}, replace("ab", "x")), ["ca", "b", "a"], ["c", "x", "", "a"]),
        (sequence({"type": "Fuse"}, strip("a", 1, 2)), ["aab", "aaa", "a"], ["ab", "a", "a", ""]),
        (sequence(), ["a", "b"], ["a", "b", ""]),
        (None, ["a", "b"], ["a", " b", ""]),
    ],
)
def test_stream(decoder: Any, tokens: list[str], pieces: list[str]) -> None:
    tokenizer, ids = made(decoder, tokens)
    stream = tokenizer.stream_decoder()
    for _ in range(2):  # it may be used again
        assert [*map(stream.push, ids), stream.flush()] == pieces
    assert tokenizer.decode(ids) == "".join(pieces)


@pytest.mark.parametrize(
    ("decoder", "token", "expected"),
    [
        (LLAMA2, "▁the", b" the"),
        (LLAMA2, "<0xE5>", b"\xe5"),
        (METASPACE, "▁a▁", b" a "),
        (WORD_PIECE, "cat", b" cat"),
        (WORD_PIECE, "##s", b"s"),
        (CTC, "<pad>", b""),
        (CTC, "|", b" "),
        ({"type": "BPEDecoder", "suffix": "</w>"}, "a</w>", b"a "),
        ({"type": "ByteLevel"}, "Ġ中", "Ġ中".encode()),
        ({"type": "ByteLevel"}, "Ġå", b" \xe5"),
        (sequence({"type": "ByteLevel"}, replace("a", "b"), strip(" ", 1, 1)), "Ġa", b" b"),
        (None, "a", b"a"),
    ],
)
def test_token_bytes(decoder: Any, token: str, expected: bytes) -> None:
    tokenizer, (index,) = made(decoder, [token])
    assert tokenizer.token_bytes(index) == expected


@pytest.mark.oracle("tokenizers")
@pytest.mark.parametrize(
    ("tokens", "expected"),
    [(["aa", "ba"], "b"), (["a", "b"], "b"), (["b", ""], "b"), (["aaa"], "")],
)
def test_strip_where_the_peer_panics(tokens: list[str], expected: str) -> None:
    """It looks for what to strip in front of a token's begin."""
    import tokenizers

    decoder = tokenizers.decoders.Strip("a", 2, 2)
    with pytest.raises(BaseException, match=r"index out of bounds|begin <= end|slice index"):
        decoder.decode(tokens)
    tokenizer, ids = made(strip("a", 2, 2), tokens)
    assert tokenizer.decode(ids) == expected


def test_growth_is_bounded() -> None:
    twice = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
    file = plain_bpe()
    file["normalizer"] = {"type": "Sequence", "normalizers": [twice] * 60}
    file["decoder"] = sequence(*[twice] * 60)
    tokenizer = Tokenizer(to_bytes(file))
    with pytest.raises(InputError, match=r"bytes of a text of 1$"):
        tokenizer.encode("a")
    with pytest.raises(InputError, match="the decoder makes more than 67108864 bytes"):
        tokenizer.decode([tokenizer.token_to_id("a")])
    longer = replace("a", "b" * 40_000)
    ids = [tokenizer.token_to_id("a")] * 20_000
    for steps in ([longer], [longer, {"type": "Fuse"}, replace("x" * 100, "y")]):
        file["decoder"] = sequence(*steps)
        tokenizer = Tokenizer(to_bytes(file))
        assert tokenizer.decode(ids[:10]) == "b" * 400_000
        with pytest.raises(InputError, match=r"the decoder makes more than .* of tokens of \d+"):
            tokenizer.decode(ids)
    file["decoder"] = replace("a" * 2000, "b")
    with pytest.raises(TokenizerError, match="a literal of 2000 bytes, expected at most 1024"):
        Tokenizer(to_bytes(file))
