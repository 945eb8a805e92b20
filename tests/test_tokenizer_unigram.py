"""The Unigram model: small cases made by hand, and equality with the ``tokenizers`` library."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from quatrain.errors import TokenizerError
from quatrain.tokenizer import Tokenizer
from tokenizer_data import to_bytes
from tokenizer_peer import Both


def unigram(
    pieces: list[tuple[str, float]], unk_id: int | None = 0, byte_fallback: bool = False
) -> dict[str, Any]:
    """A Unigram ``tokenizer.json`` that takes a text as one word."""
    parts = ("normalizer", "pre_tokenizer", "post_processor", "decoder", "truncation", "padding")
    return {
        "version": "1.0",
        **dict.fromkeys(parts),
        "added_tokens": [],
        "model": {
            "type": "Unigram",
            "unk_id": unk_id,
            "byte_fallback": byte_fallback,
            "vocab": [list(piece) for piece in pieces],
        },
    }


def tokens(text: str, pieces: list[tuple[str, float]], **options: Any) -> list[str]:
    tokenizer = Tokenizer(to_bytes(unigram(pieces, **options)))
    encoding = tokenizer.encode(text)
    return [text[begin:end] for begin, end in encoding.offsets]


UNK = ("<unk>", 0.0)
ABC = [UNK, ("a", -1.0), ("b", -1.0), ("c", -1.0), ("ab", -1.5), ("bc", -1.25), ("abc", -4.0)]


def test_the_largest_total_wins() -> None:
    assert tokens("abc", ABC) == ["a", "bc"]  # -2.25, against -2.5, -3 and -4
    assert tokens("ab", ABC) == ["ab"]
    assert tokens("", ABC) == []


def test_of_equal_totals_the_first_found_wins() -> None:
    pieces = [UNK, ("a", -1.0), ("aa", -2.0), ("aaa", -3.0)]
    assert tokens("aaaa", pieces) == ["a", "aaa"]


def test_unknown_characters_in_a_row_are_one_token() -> None:
    encoding = Tokenizer(to_bytes(unigram(ABC))).encode("aéébxc")
    assert encoding.ids == [1, 0, 2, 0, 3]
    assert encoding.offsets == [(0, 1), (1, 3), (3, 4), (4, 5), (5, 6)]


def test_unknown_characters_may_spell_a_piece() -> None:
    pieces = [UNK, ("a", 50.0), ("xy", 9.0), ("b", 25.0)]  # unknown costs 0 - 10, twice: -20
    assert tokens("axyb", pieces) == ["a", "xy", "b"]
    pieces = [("<unk>", 40.0), ("a", 50.0), ("xy", 40.0), ("b", 45.0)]  # unknown scores 30
    assert Tokenizer(to_bytes(unigram(pieces))).encode("axyb").ids == [1, 2, 3]


def test_byte_fallback() -> None:
    pieces = [UNK, ("a", -1.0), *((f"<0x{byte:02X}>", -9.0) for byte in range(256))]
    encoding = Tokenizer(to_bytes(unigram(pieces, byte_fallback=True))).encode("aé")
    assert encoding.ids == [1, 2 + 0xC3, 2 + 0xA9]
    assert encoding.offsets == [(0, 1), (1, 2), (1, 2)]


def test_the_unknown_token_is_no_byte() -> None:
    pieces = [("a", -1.0), *((f"<0x{byte:02X}>", -9.0) for byte in range(256))]
    file = unigram(pieces, byte_fallback=True)
    file["model"]["unk_id"] = 1 + 0xC3
    with pytest.raises(TokenizerError, match=r"unk_id\] found 196, the token '<0xC3>' of a byte"):
        Tokenizer(to_bytes(file))


def test_a_long_text_is_cut_where_every_path_passes() -> None:
    tokenizer = Tokenizer(to_bytes(unigram(ABC)))
    whole = tokenizer.encode("abcab" * 5000)
    assert whole.ids == tokenizer.encode("abcab").ids * 5000
    assert whole.offsets[-1] == (24998, 25000)
    assert tokenizer.encode("bc" * 50_000).ids == [5] * 50_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unk_id": 7}, r"\[model.unk_id\] found 7, expected 0 to 6"),
        ({"unk_id": -1}, "unk_id"),
        ({"vocab": [["a", "b"]]}, r"model.vocab: piece 0 is \[\"a\", \"b\"\]"),
        ({"vocab": [["a", 0.0, 1]]}, "model.vocab: piece 0"),
        ({"vocab": [["a", 1e300], ["a", 2.0]]}, "'a' appears twice"),
        ({"vocab": [["a", 10**400]]}, "model.vocab: an integer score is too large"),
        ({"vocab": {"a": 1}}, "model.vocab: found"),
        ({"scores": []}, "unknown field 'scores'"),
    ],
)
def test_refused(change: dict[str, Any], message: str) -> None:
    file = unigram(ABC)
    file["model"] |= change
    with pytest.raises(TokenizerError, match=message):
        Tokenizer(to_bytes(file))


def test_a_score_beyond_every_float_is_refused() -> None:
    data = to_bytes(unigram(ABC)).replace(b"-4.0", b"-1e999")
    with pytest.raises(TokenizerError, match="piece 'abc' has score -inf"):
        Tokenizer(data)


def test_without_an_unknown_token_unknown_text_is_an_error() -> None:
    tokenizer = Tokenizer(to_bytes(unigram(ABC[1:], unk_id=None)))
    assert tokenizer.encode("abc").ids == [0, 4]
    with pytest.raises(TokenizerError, match="'é' is unknown"):
        tokenizer.encode("abé")


@pytest.mark.oracle("tokenizers")
def test_scores_are_read_as_the_peer_reads_them() -> None:
    import tokenizers

    rng = random.Random(1)
    numbers = [repr(-20 * rng.random()) for _ in range(2000)]
    numbers += ["1e-5", "-1.5E+10", "-0.0", "1e-400", "4.9e-324", "1.7976931348623157e308"]
    numbers += ["0.1234567890123456789012345", "18446744073709551619.25", "1" * 30 + ".5e-40"]
    pieces = ",".join(f'["p{i}", {number}]' for i, number in enumerate(numbers))
    data = json.dumps(unigram([UNK])).replace('["<unk>", 0.0]', pieces)
    peer = json.loads(tokenizers.Tokenizer.from_str(data).to_str())["model"]["vocab"]
    from quatrain import _core

    assert [_core.json.read_decimal(number) for number in numbers] == [score for _, score in peer]


@pytest.mark.oracle("tokenizers")
@pytest.mark.parametrize("seed", range(40))
def test_random_models(seed: int) -> None:
    rng = random.Random(seed)
    alphabet = rng.choice(["ab", "abcd", "aé中👩", "a\u0301b\u2581", "a\0b"])

    def score() -> float:
        # Few values, so that there are ties, or many, so that sums are rounded.
        return rng.choice([-1.0, -2.0, -3.0, -1.5]) if seed % 2 else -20 * rng.random()

    found = {"".join(rng.choices(alphabet, k=rng.randint(1, 5))) for _ in range(rng.randint(1, 30))}
    pieces = [("<unk>", score()), *((piece, score()) for piece in sorted(found))]
    if rng.random() < 0.3:
        pieces += [(f"<0x{byte:02X}>", score()) for byte in range(256)]
    if rng.random() < 0.2:
        pieces = [(piece, 30 + value) for piece, value in pieces]
    both = Both(to_bytes(unigram(pieces, byte_fallback=rng.random() < 0.5)))
    for size in (1, 2, 3, 8, 30, 200, 6000):
        both.check("".join(rng.choices([*alphabet, "<unk>", "x"], k=size)))
