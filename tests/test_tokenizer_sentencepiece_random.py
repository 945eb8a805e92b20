"""Random SentencePiece models: equality with the ``sentencepiece`` library on random texts."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quatrain.tokenizer.formats.sentencepiece_proto import _model_class
from sentencepiece_peer import SentencePieceBoth
from tokenizer_charsmap import charsmap

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
SPACE = "\u2581"
ALPHABETS = ["ab", "abcd \u2581", "aé中👩 ", "ab\u0301c\u2581", "abc\u3000\t "]
RULES = [{}, {"a": "b"}, {"a": "bc", "ab": "\u0301", "中": " "}, {"\t": " ", "b": "", "é": "aa"}]


def random_model(rng: random.Random) -> tuple[bytes, str]:
    """A model and the characters that its texts are of."""
    alphabet = rng.choice(ALPHABETS)
    model = _model_class()()
    model.trainer_spec.model_type = rng.choice([1, 2])
    model.trainer_spec.treat_whitespace_as_suffix = rng.random() < 0.2
    model.trainer_spec.byte_fallback = rng.random() < 0.3
    normalizer = model.normalizer_spec
    normalizer.add_dummy_prefix = rng.random() < 0.7
    normalizer.remove_extra_whitespaces = rng.random() < 0.5
    normalizer.escape_whitespaces = rng.random() < 0.9
    for spec in (normalizer, model.denormalizer_spec):
        if (rules := rng.choice(RULES)) and rng.random() < 0.5:
            spec.precompiled_charsmap = charsmap(rules)
    few = rng.random() < 0.5  # values, so that there are ties
    letters = alphabet.replace(" ", SPACE)
    found = {"".join(rng.choices(letters, k=rng.choice([1, 1, 2, 2, 3, 5]))) for _ in range(30)}
    kinds = [NORMAL] * 12 + [USER_DEFINED, UNUSED]
    add_pieces(model, [
        (piece, rng.choice([-1.0, -2.0, -3.0]) if few else -20 * rng.random(), rng.choice(kinds))
        for piece in sorted(found)
    ])  # fmt: skip
    return model.SerializeToString(), alphabet


def add_pieces(model: Any, pieces: list[tuple[str, float, int]]) -> None:
    """Those that every model has, then these."""
    first = [("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), ("</s>", 0.0, CONTROL)]
    if model.trainer_spec.byte_fallback:
        first += [(f"<0x{byte:02X}>", 0.0, BYTE) for byte in range(256)]
    for piece, score, kind in first + pieces:
        model.pieces.add(piece=piece.encode(), score=score, type=kind)


@pytest.mark.oracle("sentencepiece")
@pytest.mark.parametrize("seed", range(150))
def test_random(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    data, alphabet = random_model(rng)
    path = tmp_path / "random.model"
    path.write_bytes(data)
    both = SentencePieceBoth(path)
    parts = [*alphabet, *alphabet, *alphabet, " ", "x", "<s>", "<unk>", "<0x41>", "👩"]
    for size in (0, 1, 1, 2, 2, 3, 3, 5, 5, 8, 8, 20, 20, 60, 300):
        both.check("".join(rng.choices(parts, k=size)))
        both.check_decode_any(rng)


# Rules that take, drop or make what words are cut at.
SPACE_RULES = {
    "\t": " ", "\u3000": " ", "\r\n": " ", " \u0301": "'", "e\u0301": "é", "\u0301a": "x",
    "\n": "", "ﬁ": "fi", "…": "...", "\uff21": "a", "b\u0301": "e\u0301", "c": SPACE, "d": " d",
    "é": "e\u0301", "👩👩": "a", "a\u0301\u0301": "b",
}  # fmt: skip
#: By what a score may depend on. Many ways to spell a word have the same sum but for its rounding,
#: or sums so large that the library starts again from zero.
SCORES: list[Callable[[random.Random, str], float]] = [
    lambda rng, piece: -1.1 * len(piece),
    lambda rng, piece: -1.1 * len(piece) - rng.choice([0, 1e-3, 1e-2, 0.1]),
    lambda rng, piece: -20 * rng.random(),
    lambda rng, piece: rng.choice([-1.0, -2.0, -3.0]),
    lambda rng, piece: rng.choice([-30000, 30000, -2000, -3.3]) * rng.random(),
    lambda rng, piece: -900.7 * len(piece),
]


def model_of_parts(rng: random.Random) -> tuple[bytes, list[str]]:
    """A model whose texts fall into parts, and what they are made of."""
    model = _model_class()()
    model.trainer_spec.model_type = rng.choice([1, 1, 2])
    model.trainer_spec.byte_fallback = rng.random() < 0.2
    normalizer = model.normalizer_spec
    normalizer.add_dummy_prefix = rng.random() < 0.7
    normalizer.remove_extra_whitespaces = rng.random() < 0.6
    rules = {a: b for a, b in SPACE_RULES.items() if rng.random() < 0.3}
    if rules and rng.random() < 0.7:
        normalizer.precompiled_charsmap = charsmap(rules)
    letters = rng.sample("abcdefé'中文的ж👩.\u0301", k=9)
    words = ["".join(rng.choices(letters, k=rng.choice([1, 2, 2, 3, 4]))) for _ in range(12)]
    found = {word[:at] for word in words for at in range(1, 5)} | {word[1:] for word in words}
    found |= {SPACE, *(SPACE + word[:at] for word in words for at in (1, 2, 9))}
    if rng.random() < 0.3:
        found |= {SPACE * 2, SPACE * 4, "a" + SPACE}
    known = [piece for piece in sorted(found) if piece and rng.random() < 0.8]
    score = rng.choice(SCORES)
    kinds = [NORMAL] * 12 + [rng.choice([NORMAL, UNUSED])]
    add_pieces(model, [(piece, score(rng, piece), rng.choice(kinds)) for piece in known])
    others = [
        *letters,
        *"\t\n\r\u3000…\uff21xﬁ",
        SPACE,
        "\r\n",
        "<s>",
        "  ",
        "    ",
        "a" * 70,
        "中" * 60,
    ]
    return model.SerializeToString(), words * 4 + [" "] * 24 + others


@pytest.mark.oracle("sentencepiece")
@pytest.mark.parametrize("seed", range(150))
def test_parts(seed: int, tmp_path: Path) -> None:
    """Ids alone are read part by part, and parts that come again are remembered."""
    rng = random.Random(seed)
    data, parts = model_of_parts(rng)
    path = tmp_path / "parts.model"
    path.write_bytes(data)
    both = SentencePieceBoth(path)
    for size in (0, 1, 1, 2, 2, 3, 3, 5, 5, 8, 8, 20, 20, 60, 300, 3000):
        both.check("".join(rng.choices(parts, k=size)))


@pytest.mark.oracle("sentencepiece")
@pytest.mark.parametrize("seed", range(80))
def test_long_words(seed: int, tmp_path: Path) -> None:
    """Long words are merged block after block, if no two pieces are equally good."""
    rng = random.Random(seed)
    model = _model_class()()
    model.trainer_spec.model_type = 2
    model.trainer_spec.byte_fallback = rng.random() < 0.3
    letters = rng.choice(["ab", "abc", "aé中", "ab" + SPACE, "a"])
    grown = list(letters)
    while len(grown) < 40:
        piece = rng.choice(grown) + rng.choice(grown)
        grown.append(piece[: rng.choice([2, 3, 16, 40])])
    pieces = [piece for piece in dict.fromkeys(grown) if rng.random() < 0.9]
    scores = [-float(i) for i in range(len(pieces))]
    if rng.random() < 0.5:
        rng.shuffle(scores)
    if rng.random() < 0.2:
        scores[-1] = scores[0]
    add_pieces(model, [(p, s, NORMAL) for p, s in zip(pieces, scores, strict=True)])
    path = tmp_path / "long.model"
    path.write_bytes(model.SerializeToString())
    both = SentencePieceBoth(path)
    parts = [*letters, *pieces, *rng.choices("xyé", k=rng.choice([0, 0, 1]))]
    for size in (5000, 1500):
        both.check("".join(rng.choices(parts, k=size)))
        both.check(rng.choice(parts) * size)
