"""Beam search and constraints beside transformers': the same texts, scores and order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import oracle
from families import PAIRED, VOCAB
from oracle import Oracle
from quatrain.engines.native import Native
from quatrain.engines.reference import Reference
from quatrain.folder import Folder
from quatrain.loader import load_on

pytestmark = [
    pytest.mark.oracle("torch", "transformers"),
    pytest.mark.filterwarnings("ignore:Unfeasible length constraints"),
]

FAMILIES = ("gpt2", "llama", "t5", "bart", "marian")
#: How many random searches each family is judged on.
SEARCHES = 25


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A function: family -> (transformers in float64, ours in float64 and on native)."""
    root, known = tmp_path_factory.mktemp("beams"), {}

    def make(family: str):
        if family not in known:
            folder = oracle.write(root / family, family, "")
            ours = [load_on(Folder(folder), one) for one in (Reference(np.float64), Native(2))]
            known[family] = Oracle(folder, family), ours
        return known[family]

    return make


def search(random: np.random.Generator, start: int) -> dict[str, Any]:
    """Settings of a search that transformers takes too; ``start``: ids that are read first."""

    def ids(count: int) -> list[int]:
        return sorted({int(i) for i in random.integers(4, VOCAB, count)})

    beams = int(random.choice([2, 4, 7]))
    settings: dict[str, Any] = {
        "num_beams": beams,
        "num_return_sequences": int(random.integers(1, beams + 1)),
        "max_new_tokens": int(random.choice([1, 2, 8, 14])),
        "length_penalty": float(random.choice([-1.0, 0.0, 0.5, 1.0, 2.0])),
        "early_stopping": [True, False, "never"][random.integers(3)],
        "eos_token_id": [None, ids(1)[0], ids(5), ids(40)][random.integers(4)],
    }
    constraints: dict[str, Any] = {
        "no_repeat_ngram_size": int(random.integers(1, 4)),
        "bad_words_ids": [[id] for id in ids(5)] + [ids(2), ids(3)],
        "suppress_tokens": ids(9),
        "begin_suppress_tokens": ids(9),
        "forced_eos_token_id": 3,
        "repetition_penalty": float(random.choice([0.8, 1.3])),
        "min_new_tokens": int(random.choice([1, 5])),
        "min_length": int(random.choice([1, 5, start + 4])),
    }
    if start == 1:
        constraints["forced_bos_token_id"] = 1
    return settings | {name: x for name, x in constraints.items() if random.random() < 0.15}


@pytest.mark.parametrize("family", FAMILIES)
def test_searches(family, made):
    judge, ours = made(family)
    random = np.random.default_rng(len(family))
    early = 0
    for _ in range(SEARCHES):
        prompt = random.integers(0, VOCAB, random.choice([1, 2, 5, 11]))
        settings = search(random, 1 if family in PAIRED else len(prompt))
        want = judge.beams(prompt, **settings)
        ends = settings.pop("eos_token_id")
        known = [] if ends is None else [ends] if isinstance(ends, int) else ends
        first = settings.get("forced_bos_token_id")
        texts = [ids[ids[0] == first : len(ids) - (ids[-1] in known)] for ids, _ in want]
        scores = [score for _, score in want]
        for model in ours:
            model.folder.generation["eos_token_id"] = ends
            found = model.generate(prompt, **settings).beams
            assert [beam.ids for beam in found] == texts, settings
            assert [beam.score for beam in found] == pytest.approx(scores, 1e-4, 1e-6), settings
        early += sum(len(ids) < settings["max_new_tokens"] for ids, _ in want)
    assert early > 1
