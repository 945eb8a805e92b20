"""Tokenizer files: those that are refused, and those of old versions."""

from __future__ import annotations

from typing import Any

import pytest

from quatrain.errors import TokenizerError
from quatrain.tokenizer import Tokenizer
from tokenizer_data import added_token, plain_bpe, plain_word_piece, to_bytes
from tokenizer_peer import Both

LONE_SURROGATE = "\ud800"


# Bad files


def edited(file: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    *parents, name = path.split(".")
    node = file
    for parent in parents:
        node = node[parent]
    node[name] = value
    return file


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("normalizer", {"type": "X"}, "normalizer.type: 'X' is not supported"),
        ("pre_tokenizer", {"type": "Metaspace"}, "field 'replacement' is missing"),
        (
            "pre_tokenizer",
            {"type": "Metaspace", "replacement": "__"},
            'replacement: found "__", expected one character',
        ),
        (
            "pre_tokenizer",
            {"type": "Metaspace", "replacement": "_", "add_prefix_space": False},
            "add_prefix_space is false, but prepend_scheme is not 'never'",
        ),
        ("pre_tokenizer", {"type": "FixedLength", "length": 0}, "length: found 0, expected 1 to"),
        ("pre_tokenizer", {"type": "Other"}, "'Other' is not supported; supported: ByteLevel, "),
        ("decoder", {"type": "CTC"}, "decoder: field 'pad_token' is missing"),
        ("decoder", {"type": "X"}, "decoder.type: 'X' is not supported"),
        ("post_processor", {"type": "X"}, "post_processor.type: 'X' is not supported"),
        ("model.type", "Unknown", "model.type: 'Unknown' is not supported; supported: BPE, Word"),
        ("model", {"vocab": {}}, "field 'type' is missing"),
        (
            "normalizer",
            {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Mnt"}]},
            r"normalizer.normalizers\[1\].type: 'Mnt' is not supported",
        ),
        ("surprise", 1, "unknown field 'surprise'"),
        ("version", "2.0", "version: '2.0' is not supported; supported: 1.0"),
        ("pre_tokenizer.use_regex", "yes", 'found "yes", expected a boolean'),
        ("pre_tokenizer.more", 1, "unknown field 'more'"),
        (
            "pre_tokenizer",
            {
                "type": "Split",
                "pattern": {"Regex": "a", "String": "a"},
                "behavior": "Isolated",
                "invert": False,
            },
            "pre_tokenizer.pattern: found both a String and a Regex",
        ),
        ("added_tokens", [{"id": 265}], "field 'content' is missing"),
        ("added_tokens", [added_token(265, "")], "token of id 265 is empty"),
        ("added_tokens", [added_token(265, "x" * 3), added_token(266, "xxx")], "appears twice"),
        ("added_tokens", [added_token(-1, "<x>")], "found -1, expected 0 to"),
        ("added_tokens", [added_token(265, LONE_SURROGATE)], "lone surrogate"),
        ("model.dropout", 0.1, "random merges are not supported"),
        ("model.vocab", {}, "model.merges. merge 0 needs the token 'h'"),
        ("model.vocab", {"a": 0, "b": 0}, "id 0 belongs to both 'a' and 'b'"),
        ("model.vocab", {"a": -1}, "'a' has id -1, expected 0 to"),
        ("model.vocab", {"a": 2**40}, "'a' has id 1099511627776, expected 0 to"),
        ("model.vocab", {"a": 2**80}, "expected an integer"),
        ("model.vocab", {"a": 1.0}, "token 'a' has id 1.0, expected an integer"),
        ("model.vocab", {"a": True}, "token 'a' has id true, expected an integer"),
        ("model.vocab", {LONE_SURROGATE: 1}, "lone surrogate"),
        ("model.vocab", ["a"], r'found \["a"\], expected an object'),
        ("model.merges", ["a b c"], 'merge 0 is "a b c", expected two tokens'),
        ("model.merges", [["a"]], "merge 0 is"),
        ("model.merges", [["a", "nothing"]], "merge 0 needs the token 'nothing'"),
        ("model.merges", [["a", "b"]], "merge 0 needs the token 'ab'"),
        ("model.merges", "a b", 'found "a b", expected a list'),
        ("model.continuing_subword_prefix", "##", "shorter than the continuing prefix"),
        ("truncation", {"max_length": 4, "strategy": "Best", "stride": 0}, "'Best' is not supp"),
        ("truncation", {"max_length": -4}, "field 'stride' is missing"),
        (
            "padding",
            {"strategy": {"Fixed": 2**30}, "pad_id": 0},
            "Fixed: found 1073741824, expected",
        ),
        ("padding", {"strategy": {"Longest": 3}}, "unknown field 'Longest'"),
        ("post_processor", [], r"found \[\], expected an object"),
        (
            "post_processor",
            {"type": "BertProcessing", "sep": ["[SEP]", 9999], "cls": ["a", 0]},
            "special token '.SEP.' has id 9999, which no token has",
        ),
        (
            "post_processor",
            {
                "type": "Sequence",
                "processors": [
                    {
                        "type": "TemplateProcessing",
                        "single": [{"Sequence": {"id": "A", "type_id": 0}}] * 3,
                        "pair": [{"Sequence": {"id": "A", "type_id": 0}}],
                        "special_tokens": {},
                    }
                ]
                * 2,
            },
            "a template is given 3 sequences by the step before, expected 1 or 2",
        ),
        (
            "post_processor",
            {
                "type": "TemplateProcessing",
                "single": [{"Sequence": {"id": "B", "type_id": 0}}],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}],
                "special_tokens": {},
            },
            "the template for one text must not hold sequence B",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:.*but is read as")  # where a vocabulary is too short
def test_bad_files(path: str, value: Any, message: str) -> None:
    data = to_bytes(edited(plain_bpe(), path, value))
    with pytest.raises(TokenizerError, match=message) as caught:
        Tokenizer(data, name="some/tokenizer.json")
    assert str(caught.value).startswith("some/tokenizer.json: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("model.unk_token", "nothing", "'nothing' is not in the vocabulary"),
        ("model.max_input_chars_per_word", -1, "found -1, expected 0 to"),
        ("model.vocab", {}, "'.UNK.' is not in the vocabulary"),
        ("post_processor.special_tokens", {}, r"field '\[CLS\]' is missing"),
        ("post_processor.single", [], "must hold sequence A"),
        ("normalizer.lowercase", None, "expected a boolean"),
        ("added_tokens", [added_token(72, "\u0301", normalized=True)], "is normalized to nothing"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*but is read as")
def test_bad_word_piece_files(path: str, value: Any, message: str) -> None:
    with pytest.raises(TokenizerError, match=message):
        Tokenizer(to_bytes(edited(plain_word_piece(), path, value)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"[]", r"found \[\], expected an object"),
        (b"null", "found null, expected an object"),
        (b"{}", "field 'model' is missing"),
        (b'{"model": NaN}', "NaN is not a JSON number"),
        (b'{"model": 1, "model": 2}', "key 'model' appears twice"),
        (b'{"model": {"vocab": {"a": 1, "a": 2}}}', "key 'a' appears twice"),
        (b"\xff\xfe", "not UTF-8 at byte 0"),
        (b"[" * 100_000, "not valid JSON"),
    ],
)
def test_bad_json(data: bytes, message: str) -> None:
    with pytest.raises(TokenizerError, match=message):
        Tokenizer(data)


def test_every_truncation_of_a_file_is_refused() -> None:
    data = to_bytes(plain_word_piece())
    for size in range(0, len(data), 17):
        with pytest.raises(TokenizerError):
            Tokenizer(data[:size])


def test_added_tokens_are_numbered_on() -> None:
    file = plain_bpe()
    tokens = [added_token(999, "<x>", special=True), added_token(3, "<y>"), added_token(9, "A")]
    file["added_tokens"] = tokens
    message = (
        r"^some.json: added_tokens\[0\].id: token '<x>' has id 999, but is read as 265, as "
        r"tokenizers reads it \(and 2 more\)$"
    )
    with pytest.warns(UserWarning, match=message):
        tokenizer = Tokenizer(to_bytes(file), name="some.json")
    assert tokenizer.encode("<x><y>A").ids == [265, 266, 32]
    assert tokenizer.special_ids == {265}
    file["model"]["vocab"]["hole"] = 300  # the 266 tokens of the vocabulary leave 265 free
    file["model"]["vocab"]["z"] = 266
    with (
        pytest.warns(UserWarning, match="is read as"),
        pytest.raises(TokenizerError, match="'<x>' has id 266, which the vocabulary gives to 'z'"),
    ):
        Tokenizer(to_bytes(file))


def test_deep_sequences_are_refused() -> None:
    for part, name in (("normalizer", "normalizers"), ("decoder", "decoders")):
        node: dict[str, Any] = {"type": "Sequence", name: []}
        for _ in range(300):
            node = {"type": "Sequence", name: [node]}
        with pytest.raises(TokenizerError, match=rf"{part}.{name}.* nested deeper than 32"):
            Tokenizer(to_bytes(plain_bpe() | {part: node}))


def test_old_merges() -> None:
    file = plain_bpe()
    expected = Tokenizer(to_bytes(file)).encode("hello world").ids
    file["model"]["merges"].insert(0, "#version: 0.2 - Trained")
    assert Tokenizer(to_bytes(file)).encode("hello world").ids == expected


@pytest.mark.oracle("tokenizers")
@pytest.mark.parametrize(
    ("part", "component"),
    [
        ("normalizer", {"strip_left": True, "strip_right": False}),
        ("normalizer", {"prepend": "a"}),
        ("normalizer", {"pattern": {"String": "a"}, "content": "b"}),
        ("post_processor", {"sep": ["a", 64], "cls": ["b", 65]}),
        (
            "post_processor",
            {"sep": ["a", 64], "cls": ["b", 65], "trim_offsets": True, "add_prefix_space": True},
        ),
        ("decoder", {"suffix": "o"}),
        ("decoder", {"prefix": "w", "cleanup": True}),
        ("decoder", {"pad_token": "l", "word_delimiter_token": "o", "cleanup": True}),
        ("decoder", {"pattern": {"String": "a"}, "content": "b"}),
        ("decoder", {"content": "h", "start": 1, "stop": 0}),
    ],
)
def test_old_components_without_a_type(part: str, component: dict[str, Any]) -> None:
    Both(to_bytes(plain_bpe() | {part: component})).check(" a hello hhall", "to world")


def test_old_files_without_a_type() -> None:
    for file in (plain_bpe(), plain_word_piece()):
        expected = Tokenizer(to_bytes(file)).encode("hello world").ids
        del file["model"]["type"]
        assert Tokenizer(to_bytes(file)).encode("hello world").ids == expected
