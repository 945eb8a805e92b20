"""Charsmaps: what they rewrite, equality with ``tokenizers``, and damaged ones."""

from __future__ import annotations

import base64
import os
import random
import struct
from typing import Any

import pytest

from quatrain.errors import TokenizerError
from quatrain.tokenizer import Tokenizer
from test_tokenizer_unigram import unigram
from tokenizer_charsmap import charsmap, with_array
from tokenizer_data import HOSTILE, to_bytes
from tokenizer_peer import Both

RULES = {
    "a": "X",
    "ab": "YY",
    "\u0301": "!",
    "\r": " ",
    "中": "",
    "愛": "XY",
    "ﬁ": "fi",
    "\u0915": "K",
}


def precompiled(data: bytes, pieces: list[tuple[str, float]] | None = None) -> dict[str, Any]:
    """A Unigram file that rewrites with the charsmap."""
    file = unigram(pieces or [("<unk>", 0.0)])
    text = base64.b64encode(data).decode()
    file["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": text}
    return file


def rewritten(text: str, rules: dict[str, str]) -> str:
    """The text that the model sees: nothing is known to it, so its one token shows it."""
    return "".join(Tokenizer(to_bytes(precompiled(charsmap(rules)))).encode(text).tokens)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("xyz", "xyz"),
        ("abc", "Xbc"),  # the shortest rule
        ("a\u0301b", "Xb"),  # a whole grapheme
        ("x\u0301", "x!"),
        ("a\u0301\u0301\u0301", "X!!!"),  # too long to be taken as a whole
        ("\r\nx", " x"),
        ("中", ""),
        ("ﬁn", "fin"),
        ("\u0915\u094d\u0915\u0301", "K\u094dK!"),  # a conjunct is one grapheme
        ("\u00a9\u200da", "\u00a9\u200dX"),
    ],
)
def test_rewriting(text: str, expected: str) -> None:
    assert rewritten(text, RULES) == expected


def test_offsets() -> None:
    pieces = [("<unk>", 0.0), *((c, -1.0) for c in "xfin"), ("fi", -1.5)]
    encoding = Tokenizer(to_bytes(precompiled(charsmap(RULES), pieces))).encode("xxn")
    assert encoding.offsets == [(0, 1), (1, 2), (2, 3)]


@pytest.mark.oracle("tokenizers")
def test_offsets_equal_the_peers() -> None:
    pieces = [("<unk>", 0.0), *((c, -1.0) for c in "XYKfinb! é"), ("fi", -1.5)]
    both = Both(to_bytes(precompiled(charsmap(RULES), pieces)))
    rng = random.Random(0)
    parts = [
        *RULES,
        *"xbn",
        "é",
        "\u0301",
        "\n",
        "\u200d",
        "\u094d",
        "\u00a9",
        "\u0600",
        "한",
        "🇺",
        "国",
        "慈",
    ]
    for _ in range(2000):
        both.check("".join(rng.choices(parts, k=rng.randint(0, 12))))
    for text in HOSTILE:
        both.check(text)


def characters() -> list[str]:
    """All of them, or most: of the ideographs and of private use a sample will do."""
    exhaustive = "QUATRAIN_EXHAUSTIVE" in os.environ
    blocks = [range(0x3500, 0x4D80), range(0x4E80, 0x9F80), range(0xAC80, 0xD700)]
    blocks += [range(0xD800, 0xF880), range(0x20100, 0x2F700), range(0x2FB00, 0x10FF00)]
    skipped = {c for block in blocks for c in block if c % 61 and not exhaustive}
    return [chr(c) for c in range(1, 0x110000) if not 0xD800 <= c < 0xE000 and c not in skipped]


@pytest.mark.oracle("tokenizers")
@pytest.mark.parametrize(
    "template", ["a?", "?b\u0301", "\u00a9\u200d?", "क?क\u0301", "क\u094d?\u0301", "ᄀ?\u0301", "?"]
)
def test_every_character_in_graphemes(template: str) -> None:
    import tokenizers

    rules = {"a": "X", "b": "Y", "\u00a9": "C", "\u0915": "K", "\u0924": "T", "가": "G", "각": "H"}
    data = charsmap(rules)
    ours = Tokenizer(to_bytes(precompiled(data)))
    peer = tokenizers.normalizers.Precompiled(data)
    # Between controls, which end a grapheme, so that many can be asked at once.
    every = [template.replace("?", c) for c in characters()]
    for start in range(0, len(every), 4096):
        text = "\u0001".join(every[start : start + 4096])
        mine, theirs = "".join(ours.encode(text).tokens), peer.normalize_str(text)
        assert mine == theirs, f"of the 4096 characters from {every[start]!r}"


GOOD = charsmap({"a": "x", "é": "yy"})
UNITS = list(struct.unpack_from(f"<{struct.unpack_from('<I', GOOD)[0] // 4}I", GOOD, 4))
TEXTS = GOOD[4 + 4 * len(UNITS) :]


def damaged(change: Any) -> bytes:
    units = list(UNITS)
    change(units)
    return with_array(units, TEXTS)


def point_at_the_root(units: list[int]) -> None:
    first = next(i for i in range(256) if units[i] & 0x800000FF == ord("a"))
    units[first] = ord("a") | (first ^ units[0] >> 10) << 10


def point_beyond(units: list[int]) -> None:
    units[0] = 1 << 30


def point_beyond_the_texts(units: list[int]) -> None:
    value = next(i for i, unit in enumerate(units) if unit > 1 << 31)
    units[value] = 1 << 31 | len(TEXTS)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "found 0 bytes"),
        (b"\0\0\0\0", "found 4 bytes"),
        (GOOD[:-1], "expected a NUL"),
        (GOOD[:700], "found an array of"),
        (b"\xff\xff\xff\xff" + GOOD[4:], "found an array of 4294967295 bytes"),
        (with_array([], b"x\0"), "found an array of 0 bytes"),
        (with_array(UNITS[:200], TEXTS), "found an array of 800 bytes"),
        (with_array(UNITS, b"\xff\0"), "not valid UTF-8"),
        (damaged(point_at_the_root), "leads back to unit"),
        (damaged(point_beyond), "beyond the"),
        (damaged(point_beyond_the_texts), "no place of a replacement"),
        (charsmap({"a" * 300: "b"}), "more than 256 bytes"),
    ],
)
def test_damaged(data: bytes, message: str) -> None:
    with pytest.raises(TokenizerError, match=f"normalizer.precompiled_charsmap: .*{message}"):
        Tokenizer(to_bytes(precompiled(data)))


def test_not_base64() -> None:
    file = precompiled(GOOD)
    file["normalizer"]["precompiled_charsmap"] = "a*b"
    with pytest.raises(TokenizerError, match="precompiled_charsmap: not base64"):
        Tokenizer(to_bytes(file))


def test_random_damage_is_refused_or_harmless() -> None:
    rng = random.Random(0)
    text = " ".join([*HOSTILE, *RULES, "aé" * 50])
    for _ in range(400):
        data = bytearray(charsmap(RULES))
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            tokenizer = Tokenizer(to_bytes(precompiled(bytes(data))))
        except TokenizerError:
            continue
        tokenizer.encode(text)


def test_long_replacements_are_refused() -> None:
    assert rewritten("a", {"a": "b" * 256}) == "b" * 256
    with pytest.raises(TokenizerError, match="replacement at byte 0 has more than 256 bytes"):
        rewritten("a", {"a": "b" * 257})
