"""Every pattern that has a scanner, against the regex engine of the ``tokenizers`` library."""

from __future__ import annotations

import random

import pytest

from quatrain import _core
from quatrain.tokenizer.formats.expressions import CLIP
from quatrain.tokenizer.formats.scanners import SCANNERS
from test_tokenizer_oracle import byte_model, check_every_character
from tokenizer_data import HOSTILE

pytestmark = pytest.mark.oracle("tokenizers")

_Behavior = _core.tokenizer.PreTokenizerSpec.Behavior

#: What the patterns tell apart, and what is easily taken for it.
PARTS = [
    *("a", "B", "\u00e9", "\u00c9", "\u01c5", "\u02b0", "\u4e2d", "\u0301", "\u0903", "\u20dd"),
    *("1", "\u0661", "\u00bd", "\u2167", " ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\x85"),
    *("'", "'s", "'S", "'ll", "'Re", "'\u017f", "'x", "\u2019", ".", "/", "//", "$", "\u20ac"),
    *("\u200d", "\u00ad", "\x00", "\U0001f600", "\u0378", "abcdefgh", "ABCDEFGH", "\u0416\u0436"),
]


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
    for text in HOSTILE + texts:
        ours, peer = both.ours.encode(text), both.peer.encode(text)
        assert ours.word_ids == peer.word_ids, text
        assert ours.offsets == peer.offsets, text
        assert both.ours.encode_ids(text) == peer.ids, text
