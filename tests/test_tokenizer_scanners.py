"""Every pattern that has a scanner, against the regex engine of the ``tokenizers`` library."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from quatrain import _core
from quatrain.tokenizer.formats.expressions import CLIP, DEEP_SEEK3, QWEN2
from quatrain.tokenizer.formats.scanners import SCANNERS
from test_tokenizer_oracle import byte_model, check_every_character
from tokenizer_data import HOSTILE, gpt2, to_bytes
from tokenizer_peer import Both

pytestmark = pytest.mark.oracle("tokenizers")

_Behavior = _core.tokenizer.PreTokenizerSpec.Behavior

#: What the patterns tell apart, and what is easily taken for it.
PARTS = [
    *("a", "B", "\u00e9", "\u00c9", "\u01c5", "\u02b0", "\u4e2d", "\u0301", "\u0903", "\u20dd"),
    *("1", "\u0661", "\u00bd", "\u2167", " ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\x85"),
    *("'", "'s", "'S", "'ll", "'Re", "'\u017f", "'x", "\u2019", ".", "/", "//", "$", "\u20ac"),
    *("\u200d", "\u00ad", "\x00", "\U0001f600", "\u0378", "abcdefgh", "ABCDEFGH", "\u0416\u0436"),
]

#: What is scanned many bytes at a time, with a rare character that is not.
ASCII = ["a", "b", "A", "C", "1", "23", " ", " ", "  ", "\t", "\n", "\n", "\r\n", "'", "'s", "'S"]
ASCII += [
    "'t",
    "'ll",
    "'vE",
    "'re",
    ".",
    "(",
    "/",
    "/",
    "//",
    "\x00",
    "\x0b",
    "\x1c",
    "word",
    "Word",
]


def ascii_texts(rng: random.Random, count: int) -> list[str]:
    """Long texts of a few of the parts each, so that what is rare meets itself."""
    texts = []
    for _ in range(count):
        parts = rng.sample(ASCII, rng.randrange(2, 12)) + ["\u00e9"] * rng.randrange(2)
        texts.append("".join(rng.choices(parts, k=rng.randrange(20, 250))))
    return texts


@pytest.mark.parametrize(
    ("pattern", "behavior"),
    [
        *((pattern, "Isolated") for pattern in SCANNERS[_Behavior.ISOLATED, False]),
        (CLIP, "Removed"),
    ],
)
def test_scanner(pattern: str, behavior: str) -> None:
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior}
    both = byte_model([split | {"invert": behavior == "Removed"}])
    check_every_character(both, "a?1 ?'?A?a ??\n?")
    rng = random.Random(pattern)
    texts = ["".join(rng.choices(PARTS, k=rng.randrange(1, 40))) for _ in range(1500)]
    for text in HOSTILE + texts + ascii_texts(rng, 1500):
        ours, peer = both.ours.encode(text), both.peer.encode(text)
        assert ours.word_ids == peer.word_ids, text
        assert ours.offsets == peer.offsets, text
        assert both.ours.encode_ids(text) == peer.ids, text


def _split(pattern: str, behavior: str = "Isolated") -> dict[str, Any]:
    pattern_of = {"Regex": pattern}
    return {"type": "Split", "pattern": pattern_of, "behavior": behavior, "invert": False}


@pytest.mark.data("gpt2")
@pytest.mark.parametrize(
    ("before", "use_regex"),
    [
        ([{"type": "Digits", "individual_digits": True}], True),
        ([{"type": "Digits", "individual_digits": False}], True),
        ([{"type": "Punctuation", "behavior": "Contiguous"}, _split("[0-9][0-9][0-9]")], True),
        ([_split(r"\p{N}{1,3}"), _split("[\u4e00-\u9fa5]+"), _split(DEEP_SEEK3)], False),
        ([_split(r"\s+", "Removed"), _split(QWEN2)], False),
        ([_split(r"\s?\p{L}+"), _split(r"\s+$"), _split(QWEN2)], False),
    ],
)
def test_ids_of_words_in_pieces(
    test_data: Path, before: list[dict[str, Any]], use_regex: bool
) -> None:
    file = gpt2(test_data)
    last = file["pre_tokenizer"] | {"use_regex": use_regex, "add_prefix_space": False}
    file["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [*before, last]}
    both = Both(to_bytes(file))
    rng = random.Random(len(before))
    parts = [*PARTS, " the", "ing", "123", "\u4e2d\u6587", "don't", "  world"]
    for text in [*HOSTILE, *("".join(rng.choices(parts, k=rng.randrange(40))) for _ in range(500))]:
        assert both.ours.encode_ids(text) == both.peer.encode(text).ids, text
