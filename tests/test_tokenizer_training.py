# ruff: noqa: RUF001 (ambiguous characters are what these texts are for)
"""Training equals the ``tokenizers`` library's, file for file."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from quatrain import Tokenizer
from quatrain.tokenizer.training import presets
from tokenizer_data import HOSTILE, texts

pytestmark = pytest.mark.oracle("tokenizers")


def peer_of(fields: dict[str, Any], kind: str = "BPE") -> Any:
    """An untrained tokenizer of the peer's with these surroundings, but no tokens yet."""
    import tokenizers

    model: dict[str, Any] = {"type": kind, "vocab": {}}
    if kind == "BPE":
        model["merges"] = []
    elif kind == "Unigram":
        model |= {"unk_id": None, "vocab": []}
    else:
        model |= {
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
        }
    names = ("normalizer", "pre_tokenizer", "post_processor", "decoder")
    file = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": []}
    file |= {name: fields.get(name) for name in names} | {"model": model}
    return tokenizers.Tokenizer.from_str(json.dumps(file))


def saved(tokenizer: Tokenizer, folder: Path) -> str:
    tokenizer.save(folder)
    return (folder / "tokenizer.json").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def corpus(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of several languages, without a line feed at its end."""
    path = tmp_path_factory.mktemp("corpus") / "text.txt"
    path.write_text("\n".join([*texts(test_data, 1500), *HOSTILE]), encoding="utf-8")
    return path


# Real text


@pytest.mark.data("text")
@pytest.mark.parametrize("name", ["gpt2", "llama3"])
@pytest.mark.parametrize("options", [{}, {"min_frequency": 40}, {"max_token_length": 5}], ids=str)
def test_bpe(corpus: Path, tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    import tokenizers

    fields = presets.preset(name)
    special = [token["content"] for token in fields["added_tokens"]]
    peer = peer_of(fields)
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    peer.train(
        [str(corpus)],
        tokenizers.trainers.BpeTrainer(
            vocab_size=3000,
            special_tokens=special,
            initial_alphabet=alphabet,
            show_progress=False,
            **options,
        ),
    )
    ours = Tokenizer.train(corpus, "bpe", 3000, like=name, **options)
    text = saved(ours, tmp_path)
    assert text == peer.to_str(pretty=True)
    loaded = tokenizers.Tokenizer.from_str(text)
    for each in HOSTILE:
        assert loaded.encode(each).ids == ours.encode(each).ids


@pytest.mark.data("text")
@pytest.mark.parametrize("name", ["bert-uncased", "bert-cased"])
def test_word_piece(corpus: Path, tmp_path: Path, name: str) -> None:
    import tokenizers

    fields = presets.preset(name)
    special = [token["content"] for token in fields["added_tokens"]]
    # The peer numbers "##a" and its like in the order of a hash table, and settles ties by number:
    # to compare, both take them as special tokens.
    ours = Tokenizer.train(corpus, "wordpiece", 6000, like=name)
    forms = [t for i in range(6000) if len(t := ours.id_to_token(i)) == 3 and t.startswith("##")]
    assert forms == sorted(forms) and len(forms) > 100
    ours = Tokenizer.train(corpus, "wordpiece", 6000, like=name, special_tokens=special + forms)
    peer = peer_of(fields | {"post_processor": None}, "WordPiece")
    peer.train(
        [str(corpus)],
        tokenizers.trainers.WordPieceTrainer(
            vocab_size=6000, special_tokens=special + forms, show_progress=False
        ),
    )
    assert ours.vocab_size == 6000
    assert [ours.id_to_token(i) for i in range(6000)] == [peer.id_to_token(i) for i in range(6000)]
    loaded = tokenizers.Tokenizer.from_str(saved(ours, tmp_path))
    for each in HOSTILE:
        assert loaded.encode(each).ids == ours.encode(each).ids


# Every setting, on words full of ties and of tokens that arise in two ways


#: Every character of the cases below, and those that spell its bytes.
LETTERS = "abcdefghé𝕏_# \u0301ĠÃ©ÌģðĿķı"


#: Seeds of the cases in which the peer queues a pair twice with one count: its heap decides which
#: comes first, with us the earlier one.
UNDEFINED = {66}


def random_case(seed: int) -> tuple[list[str], dict[str, Any], dict[str, Any]]:
    """Texts, surroundings, and settings under which the peer's order is defined."""
    pick = random.Random(seed)
    letters = pick.choice(["ab", "aab", "abc", "aé𝕏b", "ab_#", "a_", "abcdefgh"])
    longest = pick.choice([3, 12, 60])
    words = ["".join(pick.choices(letters, k=pick.randint(1, longest))) for _ in range(60)]
    lines = [" ".join(pick.choices(words, k=pick.randint(0, 12))) for _ in range(30)]
    fields = {
        "normalizer": pick.choice([None, {"type": "NFD"}, {"type": "Lowercase"}]),
        "pre_tokenizer": pick.choice(
            [
                None,
                {"type": "Whitespace"},
                {"type": "WhitespaceSplit"},
                presets.preset("gpt2")["pre_tokenizer"],
            ]
        ),
    }
    settings: dict[str, Any] = {
        "vocab_size": pick.choice([40, 60, 150, 1000]),
        "min_frequency": pick.choice([0, 0, 2, 5]),
        "special_tokens": pick.choice([[], ["<s>", "ab", "a"], ["aa", "</s>"]]),
        "initial_alphabet": pick.choice([[], ["z", "a", "ß"]]),
    }
    if pick.random() < 0.3:
        prefix = pick.choice(["##", "#"])
        settings["continuing_subword_prefix"] = prefix
        settings["special_tokens"] = [prefix + c for c in LETTERS]
    elif pick.random() < 0.3:
        suffix = pick.choice(["</w>", "_", "b"])
        settings["end_of_word_suffix"] = suffix
        settings["special_tokens"] = [c + suffix for c in LETTERS]
    elif pick.random() < 0.5:
        settings["max_token_length"] = pick.randint(0, 8)
    return lines, fields, settings


def test_every_setting() -> None:
    import tokenizers

    doubled = 0
    for seed in set(range(200)) - UNDEFINED:
        lines, fields, settings = random_case(seed)
        peer = peer_of(fields)
        trainer = tokenizers.trainers.BpeTrainer(**settings, show_progress=False)
        peer.train_from_iterator(lines, trainer)
        expected = json.loads(peer.to_str())
        ours = Tokenizer.train(
            iter(lines), "bpe", like={**fields, "added_tokens": []}, **settings, threads=1
        )
        found = json.loads(ours._source.own)
        assert found == expected, seed
        # A merge may make a token that was there from the start, as "a_" with the suffix "_".
        known = set(settings["special_tokens"])
        prefix = settings.get("continuing_subword_prefix", "")
        merges = expected["model"]["merges"]
        doubled += any(left + right.removeprefix(prefix) in known for left, right in merges)
    assert doubled > 10


def test_limited_alphabet() -> None:
    import tokenizers

    text = "".join(letter * (i + 1) + " " for i, letter in enumerate("zyxwvutsrqponm"))
    peer = peer_of({"pre_tokenizer": {"type": "Whitespace"}})
    settings = {"vocab_size": 30, "limit_alphabet": 6}
    peer.train_from_iterator(
        [text, "zmnxyn"], tokenizers.trainers.BpeTrainer(**settings, show_progress=False)
    )
    like = {"pre_tokenizer": {"type": "Whitespace"}}
    ours = Tokenizer.train(iter([text, "zmnxyn"]), "bpe", like=like, **settings)
    assert json.loads(ours._source.own)["model"] == json.loads(peer.to_str())["model"]
    # Where the peer's choice among equals is a hash table's, ours is the lower code point.
    ours = Tokenizer.train(iter(["d c b a"]), "bpe", 9, like=like, limit_alphabet=2)
    assert [ours.id_to_token(i) for i in range(len(ours))] == ["a", "b"]


def test_threads_and_blocks_change_nothing(tmp_path: Path) -> None:
    lines = [f"the {i} hundred and {i * i}th line\n" for i in range(2000)]
    (tmp_path / "a").write_text("".join(lines[:1100]))
    (tmp_path / "b").write_text("".join(lines[1100:]))
    ours = [
        Tokenizer.train(source, "bpe", 600, threads=threads)
        for threads in (1, 3)
        for source in ([tmp_path / "a", str(tmp_path / "b")], iter(lines))
    ]
    assert len({tokenizer._source.own for tokenizer in ours}) == 1
