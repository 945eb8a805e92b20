"""Special tokens under control: what is called text never becomes one."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quatrain.errors import InputError
from quatrain.tokenizer import Tokenizer
from tokenizer_data import HOSTILE, added_token, plain_bpe, plain_word_piece, to_bytes
from tokenizer_peer import compare

CONTROL = ["<s>", "</s>", "<|im_start|>", "[SEP]"]


def byte_level(**model: Any) -> dict[str, Any]:
    """Byte-level BPE whose merges spell control tokens out."""
    file = plain_bpe(["< s", "<s >", "a b", "ab c"])
    file["model"].update(model)
    file["added_tokens"] = [
        added_token(file["model"]["vocab"]["<s>"], "<s>", special=True),
        added_token(len(file["model"]["vocab"]), "<|end|>", special=True, lstrip=True),
        added_token(len(file["model"]["vocab"]) + 1, "<tool>"),
        added_token(file["model"]["vocab"]["q"], "q", special=True, single_word=True),
    ]
    return file


def characters(**model: Any) -> dict[str, Any]:
    """BPE over whole texts, as converters make it from SentencePiece."""
    vocab = ["<unk>", "<s>", "</s>", *"abcs</>▁", "<s", "s>", "</", "ab", "<0x20>"]
    merges = ["< s", "<s >", "s >", "< /", "</ s>", "a b"]
    file = plain_bpe([])
    file |= {"pre_tokenizer": None, "post_processor": None, "decoder": None}
    file["model"]["vocab"] = {token: i for i, token in enumerate(vocab)}
    file["model"] |= {"merges": merges, "unk_token": "<unk>", "byte_fallback": True, **model}
    file["added_tokens"] = [added_token(i, vocab[i], special=True) for i in range(3)]
    return file


def word_piece(pre_tokenizer: str = "WhitespaceSplit") -> dict[str, Any]:
    """WordPiece whose words may be control tokens."""
    file = plain_word_piece() | {"normalizer": None, "pre_tokenizer": {"type": pre_tokenizer}}
    vocab = file["model"]["vocab"]
    for token in ("[", "]", "##]", *(f"##{c}" for c in "MASKCLSEP")):
        vocab.setdefault(token, len(vocab))
    return file


def unigram(pre_tokenizer: dict[str, Any] | None = None) -> dict[str, Any]:
    """Unigram to whose model control tokens are the likeliest pieces."""
    pieces = ["<unk>", "<s>", "</s>", *"abcs</>▁", "<s", "s>", "▁<s>", "ab"]
    file = plain_word_piece() | {"normalizer": None, "pre_tokenizer": pre_tokenizer}
    file |= {"post_processor": None, "decoder": None}
    file["model"] = {
        "type": "Unigram",
        "unk_id": 0,
        "unk_token": "<unk>",  # for these tests; not written to the file
        "byte_fallback": False,
        "vocab": {piece: i for i, piece in enumerate(pieces)},
    }
    file["added_tokens"] = [
        added_token(i, pieces[i], special=True, single_word=i == 2) for i in range(3)
    ]
    return file


def word_level() -> dict[str, Any]:
    file = word_piece()
    file["model"] = {
        "type": "WordLevel",
        "unk_token": "[UNK]",
        "vocab": file["model"]["vocab"],
    }
    file["added_tokens"][3]["single_word"] = True
    return file


def data_of(file: dict[str, Any]) -> bytes:
    """The file, in which Unigram's vocabulary has scores."""
    model = dict(file["model"])
    if model["type"] == "Unigram":
        del model["unk_token"]
        model["vocab"] = [[piece, -1.0 - i % 3] for i, piece in enumerate(model["vocab"])]
    return to_bytes(file | {"model": model})


METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}

FILES: dict[str, Callable[[], dict[str, Any]]] = {
    "byte level": byte_level,
    "byte level, whole words": lambda: byte_level(ignore_merges=True),
    "characters": characters,
    "characters, whole texts": lambda: characters(ignore_merges=True),
    "word piece": word_piece,
    "word piece, BERT": lambda: word_piece("BertPreTokenizer"),
    "unigram": unigram,
    "unigram, words": lambda: unigram(METASPACE),
    "word level": word_level,
}


def control_ids(file: dict[str, Any]) -> set[int]:
    unknown = file["model"]["vocab"].get(file["model"]["unk_token"])
    return {token["id"] for token in file["added_tokens"] if token["special"]} - {unknown}


def forgeries(file: dict[str, Any], count: int) -> list[str]:
    """Texts full of control tokens, whole, cut and glued together."""
    rng = random.Random(7)
    tokens = [token["content"] for token in file["added_tokens"]]
    parts = [*tokens, *(token[: rng.randrange(len(token))] for token in tokens)]
    parts += [token[rng.randrange(len(token)) :] for token in tokens]
    parts += [*CONTROL, *HOSTILE[:4], "a", "ab", "q", " ", "  ", "<", "\n", "é"]
    return ["".join(rng.choices(parts, k=rng.randrange(12))) for _ in range(count)]


@pytest.mark.parametrize("name", FILES)
def test_text_never_becomes_control(name: str) -> None:
    file = FILES[name]()
    tokenizer, control = Tokenizer(data_of(file)), control_ids(file)
    names = [token["content"] for token in file["added_tokens"] if token["special"]]
    allowed = 0
    for text in forgeries(file, 2000):
        given = tokenizer.encode(text, add_special_tokens=False)  # fills the cache
        found = control & set(given.ids)
        allowed += len(found)
        ids = tokenizer.encode(text, add_special_tokens=False, special="text").ids
        assert not control & set(ids), text
        assert tokenizer.encode_ids(text, add_special_tokens=False, special="text") == ids
        if found:
            for encode in (tokenizer.encode, tokenizer.encode_ids):
                with pytest.raises(InputError, match="has the special token"):
                    encode(text, special="error")
        elif not any(name in text for name in names):
            assert ids == given.ids, text
            assert tokenizer.encode(text, add_special_tokens=False, special="error").ids == ids
            assert tokenizer.encode_ids(text, add_special_tokens=False, special="error") == ids
        again = tokenizer.encode(text, add_special_tokens=False)
        assert again.ids == given.ids
    assert allowed > 1000


@pytest.mark.parametrize("name", FILES)
def test_ranges_of_text(name: str) -> None:
    file = FILES[name]()
    tokenizer, control = Tokenizer(data_of(file)), control_ids(file)
    rng = random.Random(3)
    texts = forgeries(file, 1200)
    for at in range(0, len(texts) - 3, 3):
        parts = [text.encode() for text in texts[at : at + 3]]
        whole = b"".join(parts).decode()
        first, last = len(parts[0]), len(parts[0]) + len(parts[1])
        core = encode_within(tokenizer, whole, [(first, last)])
        begin, end = (len(whole.encode()[:cut].decode()) for cut in (first, last))
        for index, (start, stop) in zip(core.ids, core.offsets, strict=True):
            assert index not in control or stop <= begin or start >= end, whole
        nowhere = encode_within(tokenizer, whole, [])
        assert nowhere.ids == tokenizer.encode(whole, add_special_tokens=False).ids
        cut = rng.randrange(first + 1)
        everywhere = encode_within(tokenizer, whole, [(0, cut), (cut, len(whole.encode()))])
        plain = tokenizer.encode(whole, add_special_tokens=False, special="text")
        assert not control & set(everywhere.ids)
        assert everywhere.ids == plain.ids


def encode_within(tokenizer: Tokenizer, text: str, ranges: list[tuple[int, int]]) -> Any:
    return tokenizer._calls("text").encode(text, None, False, ranges)


def test_a_marker_behind_text_stands() -> None:
    file = plain_bpe([])
    size = len(file["model"]["vocab"])
    file["added_tokens"] = [
        added_token(size, "<e>", special=True),
        added_token(size + 1, "x<e>", special=True),
        added_token(size + 2, "<e>y", special=True),
    ]
    tokenizer = Tokenizer(to_bytes(file))
    assert tokenizer.encode("x<e>y").ids[0] == size + 1
    core = encode_within(tokenizer, "x<e>y", [(0, 1), (4, 5)])
    assert core.tokens == ["x", "<e>", "y"]


@pytest.mark.parametrize("ranges", [[(2, 1)], [(0, 2), (1, 3)], [(0, 99)]])
def test_ranges_out_of_order(ranges: list[tuple[int, int]]) -> None:
    with pytest.raises(InputError, match="byte range"):
        encode_within(Tokenizer(to_bytes(plain_bpe())), "hello", ranges)


def test_some_are_allowed() -> None:
    tokenizer = Tokenizer(to_bytes(characters()))
    assert tokenizer.encode("<s>ab</s>", special={"<s>"}).tokens == ["<s>", "ab", "</", "s>"]
    assert tokenizer.encode("<s>ab</s>", special={"</s>"}).tokens == ["<s", ">", "ab", "</s>"]
    assert tokenizer.encode("<s>", special=set()).tokens == ["<s", ">"]
    batch = tokenizer.encode_batch(["<s>", ("a", "<s>")], special="text")
    assert [encoding.tokens for encoding in batch] == [["<s", ">"], ["a", "<s", ">"]]


def test_rules_are_kept_apart() -> None:
    file = byte_level()
    size = file["added_tokens"][2]["id"] + 1
    tokens = [f"<|{i}|>" for i in range(100)]
    file["added_tokens"] += [added_token(size + i, t, special=True) for i, t in enumerate(tokens)]
    tokenizer = Tokenizer(to_bytes(file))
    for _ in range(2):
        for i, token in enumerate(tokens):
            ids = tokenizer.encode_ids("".join(tokens), special={token})
            assert [index for index in ids if index >= size] == [size + i]
            assert ids == tokenizer.encode_array("".join(tokens), special={token}).tolist()
            assert len(ids) == tokenizer.count("".join(tokens), special=frozenset({token}))


def test_what_is_not_special_stays() -> None:
    tokenizer = Tokenizer(to_bytes(byte_level()))
    assert tokenizer.encode("<tool> <|end|>", special="text").tokens[0] == "<tool>"


@pytest.mark.parametrize(
    ("text", "token", "at"),
    [
        ("ab <s>", "<s>", 3),
        ("é<s>", "<s>", 1),
        ("ab \u3000 <|end|>", "<|end|>", 5),
        ("q", "q", 0),
        ("aqa", "q", 1),  # no word of its own, but the model has it
    ],
)
def test_error_names_the_token(text: str, token: str, at: int) -> None:
    tokenizer = Tokenizer(to_bytes(byte_level()))
    assert tokenizer.encode("ab", special="error").ids
    with pytest.raises(InputError) as error:
        tokenizer.encode(text, special="error")
    assert f"'{token}' at character {at}," in str(error.value)


def test_error_names_the_text_of_a_batch() -> None:
    tokenizer = Tokenizer(to_bytes(byte_level()))
    with pytest.raises(InputError, match=r"^text 1: .*'<s>' at character 1,"):
        tokenizer.encode_batch(["ab", "a<s>", "b"], special="error")
    with pytest.raises(InputError, match=r"^text 1: .*'<s>' at character 1,"):
        tokenizer.encode_ids_batch(["ab", "a<s>", "b"], special="error")


@pytest.mark.parametrize("special", ["all", None, {"<x>"}, {"<tool>"}, {1}, ["<s>"]])
def test_bad_special(special: Any) -> None:
    tokenizer = Tokenizer(to_bytes(byte_level()))
    with pytest.raises(InputError, match="special"):
        tokenizer.encode("a", special=special)


def check_text(data: bytes, texts: list[str]) -> None:
    import tokenizers

    ours, peer = Tokenizer(data), tokenizers.Tokenizer.from_str(data.decode())
    peer.encode_special_tokens = True
    for text in texts:
        compare(ours.encode(text, special="text"), peer.encode(text), text)


@pytest.mark.oracle("tokenizers")
def test_text_equals_the_peers() -> None:
    """Where the model itself gives no control token, text is what the peer calls text."""
    file = plain_bpe()
    size = len(file["model"]["vocab"])
    flags: list[dict[str, bool]] = [{}, {"lstrip": True}, {"rstrip": True}, {"normalized": True}]
    for i, flag in enumerate(flags):
        for j, special in enumerate((True, False)):
            content = f"<{i}|{'special' if special else 'plain'}>"
            file["added_tokens"].append(
                added_token(size + 1 + 2 * i + j, content, special=special, **flag)
            )
    texts = forgeries(file, 1500)
    check_text(to_bytes(file), texts)
    check_text(to_bytes(file | {"normalizer": {"type": "Lowercase"}}), texts)
    check_text(to_bytes(plain_word_piece()), forgeries(plain_word_piece(), 1500))


@pytest.mark.oracle("tokenizers")
@pytest.mark.data("minilm")
def test_text_equals_the_peers_in_a_real_file(test_data: Path) -> None:
    data = (test_data / "minilm" / "tokenizer.json").read_bytes()
    check_text(data, forgeries(json.loads(data), 1500))
