"""Random SentencePiece models: equality with the ``sentencepiece`` library on random texts."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from quatrain.tokenizer.formats.sentencepiece_proto import _model_class
from sentencepiece_peer import SentencePieceBoth
from tokenizer_charsmap import charsmap

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
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

    def add(piece: str, kind: int) -> None:
        score = rng.choice([-1.0, -2.0, -3.0]) if few else -20 * rng.random()
        model.pieces.add(piece=piece.encode(), score=score, type=kind)

    add("<unk>", UNKNOWN)
    for name in ("<s>", "</s>"):
        add(name, CONTROL)
    if model.trainer_spec.byte_fallback:
        for byte in range(256):
            add(f"<0x{byte:02X}>", BYTE)
    letters = alphabet.replace(" ", "\u2581")
    found = {"".join(rng.choices(letters, k=rng.choice([1, 1, 2, 2, 3, 5]))) for _ in range(30)}
    for piece in sorted(found):
        kinds: Any = [NORMAL] * 12 + [USER_DEFINED, UNUSED]
        add(piece, rng.choice(kinds))
    return model.SerializeToString(), alphabet


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
