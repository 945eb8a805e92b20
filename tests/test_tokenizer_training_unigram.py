"""Unigram training: at least as good a model as the ``tokenizers`` library's."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest

from quatrain import Tokenizer
from quatrain.errors import InputError
from quatrain.tokenizer.training import presets
from test_tokenizer_training import peer_of
from tokenizer_data import HOSTILE, texts

WORDS: dict[str, Any] = {"pre_tokenizer": {"type": "WhitespaceSplit"}}


def fields(tokenizer: Tokenizer) -> Any:
    return json.loads(tokenizer._source.own)


def quality(file: Any, lines: list[str]) -> tuple[float, float]:
    """On other texts: the logarithm of the best cut's probability, and tokens, per character."""
    import tokenizers

    peer = tokenizers.Tokenizer.from_str(json.dumps(file))
    scores = [score for _, score in file["model"]["vocab"]]
    unknown = file["model"]["unk_id"]
    scores[unknown] = min(scores) - 10
    ids = [i for line in lines for i in peer.encode(line, add_special_tokens=False).ids]
    size = sum(map(len, lines))
    return sum(scores[i] for i in ids) / size, len(ids) / size


@pytest.mark.oracle("tokenizers")
@pytest.mark.data("text")
def test_as_likely_and_as_short_as_the_peers(test_data: Path, tmp_path: Path) -> None:
    import tokenizers

    lines = texts(test_data, 1200)
    held_out = [line for i, line in enumerate(lines) if i % 4 == 0]
    lines = [line for i, line in enumerate(lines) if i % 4]
    like = presets.preset("t5")
    special = [token["content"] for token in like["added_tokens"]]
    ours = Tokenizer.train(iter(lines), "unigram", 4000, like=like)
    assert len(ours) == 4000
    peer = peer_of(like | {"post_processor": None}, "Unigram")
    trainer = tokenizers.trainers.UnigramTrainer(
        vocab_size=4000, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    peer.train_from_iterator(lines, trainer)
    likelihood, length = quality(fields(ours), held_out)
    peers_likelihood, peers_length = quality(json.loads(peer.to_str()), held_out)
    assert likelihood >= peers_likelihood
    assert length <= peers_length

    ours.save(tmp_path)
    loaded = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for text in HOSTILE + held_out[:100]:
        assert loaded.encode(text).ids == ours.encode(text).ids
        assert loaded.decode(loaded.encode(text).ids) == ours.decode(ours.encode(text).ids)


def test_probabilities_are_those_of_the_text() -> None:
    """No piece but characters: their probabilities are their frequencies, but for the prior."""
    text = "".join(random.Random(3).choices("abcd", [1, 2, 3, 4], k=20000))
    lines = [text[i : i + 10] for i in range(0, 20000, 10)]
    ours = Tokenizer.train(iter(lines), "unigram", 5, like=WORDS, special_tokens=["<s>"])
    pieces = dict(fields(ours)["model"]["vocab"])
    assert pieces.pop("<s>") == 0
    for letter, score in pieces.items():
        assert math.exp(score) == pytest.approx(text.count(letter) / 20000, abs=1e-3)
    assert list(pieces) == sorted(pieces, key=lambda letter: -pieces[letter])


def test_a_word_of_any_length() -> None:
    """One word of many characters: probabilities far below those that a double can hold."""
    pick = random.Random(5)
    syllables = ["".join(pick.choices("abcdefgh", k=4)) for _ in range(30)]
    text = "".join(pick.choices(syllables, k=20000))
    ours = Tokenizer.train(iter([text]), "unigram", 100, like={}, max_piece_length=6)
    # Not more: nothing else is ever needed.
    assert {ours.id_to_token(i) for i in range(len(ours))} == {*syllables, *"abcdefgh"}
    total = sum(math.exp(score) for _, score in fields(ours)["model"]["vocab"])
    assert total == pytest.approx(1, abs=0.01)


def test_threads_change_nothing() -> None:
    lines = [f"the {i} hundred and {i * i}th line" for i in range(3000)]
    made = [
        Tokenizer.train(iter(lines), "unigram", 300, threads=threads)._source.own
        for threads in (1, 4)
    ]
    assert made[0] == made[1]


def test_settings() -> None:
    text = "abab abab abab bcbc bcbc aaaa xyz"

    def pieces(**options: Any) -> list[str]:
        options = {"like": WORDS, **options}
        ours = Tokenizer.train(iter([text] * 9), "unigram", 40, **options)
        return [ours.id_to_token(i) for i in range(len(ours))]

    assert "abab" in pieces()
    assert max(map(len, pieces(max_piece_length=3))) == 3
    assert max(map(len, pieces(seed_size=0))) == 1
    assert "\u4e00" in pieces(initial_alphabet="a\u4e00")
    assert pieces(special_tokens=["abab", "<unk>"])[:2] == ["abab", "<unk>"]
    assert pieces(special_tokens=["abab", "<unk>"]).count("abab") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shrinking_factor": 1.0}, "shrinking_factor is 1.0, expected a float between 0 and 1"),
        ({"sub_iterations": 0}, "sub_iterations is 0, expected an int from 1"),
        ({"max_piece_length": 256}, "max_piece_length is 256, expected an int from 1 to 255"),
        ({"seed_size": -1}, "seed_size is -1"),
        ({"min_frequency": 2}, "min_frequency means nothing to 'unigram', which knows initial_alp"),
        ({"vocab_size": 4}, "the text has 10 characters, and vocab_size has room for 1 beside"),
        ({"unk_token": "?"}, "unknown token '\\?' is not among the special tokens"),
    ],
)
def test_bad_settings(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Tokenizer.train(iter(["some few letters"]), "unigram", **{"vocab_size": 30, **options})
