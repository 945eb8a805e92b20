"""Choosing the next token: which may be chosen, how likely, and from which random numbers."""

from __future__ import annotations

import numpy as np
import pytest

from quatrain.tasks.sampling import candidates, choose, penalise, uniform

SETTINGS = [
    {"temperature": 1.0, "top_k": 0, "top_p": 1.0},
    {"temperature": 0.6, "top_k": 0, "top_p": 1.0},
    {"temperature": 1.7, "top_k": 5, "top_p": 1.0},
    {"temperature": 1.0, "top_k": 0, "top_p": 0.7},
    {"temperature": 0.8, "top_k": 20, "top_p": 0.9},
    {"temperature": 1.0, "top_k": 1, "top_p": 0.01},
    {"temperature": 1.0, "top_k": 5000, "top_p": 0.999},
]
PENALTIES = [1.0, 1.3, 0.8]


def scores(seed: int = 0, size: int = 200) -> np.ndarray:
    return 3 * np.random.default_rng(seed).standard_normal(size)


def chances(logits: np.ndarray, seen: list[int], penalty: float, **settings) -> np.ndarray:
    ids, weights = candidates(penalise(logits, seen, penalty), **settings)
    p = np.zeros(len(logits))
    p[ids] = weights / weights.sum()
    return p


@pytest.mark.oracle("torch", "transformers")
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_order_is_that_of_transformers(settings, penalty):
    """Repetition penalty, temperature, top-k, top-p: the same tokens, equally likely."""
    import torch
    from transformers.generation import logits_process as hf

    logits, seen = scores(), [3, 7, 7, 150]
    steps = [
        hf.RepetitionPenaltyLogitsProcessor(penalty),
        hf.TemperatureLogitsWarper(settings["temperature"]),
    ]
    if settings["top_k"]:
        steps.append(hf.TopKLogitsWarper(settings["top_k"]))
    if settings["top_p"] < 1:
        steps.append(hf.TopPLogitsWarper(settings["top_p"]))
    rows = torch.tensor(logits)[None]
    for step in steps:
        rows = step(torch.tensor([seen]), rows)
    want = torch.softmax(rows, -1)[0].numpy()
    assert np.allclose(chances(logits, seen, penalty, **settings), want, rtol=1e-9, atol=0)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_tokens_come_as_often_as_they_are_likely(settings):
    logits = scores(size=12)
    want = chances(logits, [], 1.0, **settings)
    draws = [choose(logits, **settings, seed=1, step=step) for step in range(4000)]
    got = np.bincount(draws, minlength=len(logits)) / len(draws)
    assert got[want == 0].sum() == 0
    # Four standard deviations of a binomial share.
    assert (np.abs(got - want) <= 4 * np.sqrt(want * (1 - want) / len(draws)) + 1e-12).all()


def test_greedy_takes_the_largest_and_the_lowest_of_equals():
    logits = np.array([1.0, 5.0, 5.0, 2.0], np.float32)
    assert choose(logits, temperature=0, top_k=0, top_p=1, seed=9, step=9) == 1


def test_random_numbers_depend_on_seed_and_step_alone():
    numbers = [uniform(seed, step) for seed in (0, 1, 2**127) for step in (0, 1, 10**6)]
    assert len(set(numbers)) == len(numbers)
    assert all(0 <= number < 1 for number in numbers)


def philox(counter: int, key: int) -> int:
    """The first word of Philox 4x64-10 (Salmon et al. 2011, section 4.3)."""
    mask = 2**64 - 1
    c = [counter >> 64 * i & mask for i in range(4)]
    k = [key & mask, key >> 64]
    for _ in range(10):
        a, b = 0xD2E7470EE14C6C93 * c[0], 0xCA5A826395121157 * c[2]
        c = [b >> 64 ^ c[1] ^ k[0], b & mask, a >> 64 ^ c[3] ^ k[1], a & mask]
        k = [k[0] + 0x9E3779B97F4A7C15 & mask, k[1] + 0xBB67AE8584CAA73B & mask]
    return c[0]


@pytest.mark.parametrize(("seed", "step"), [(0, 0), (0, 1), (7, 3), (2**100, 5)])
def test_random_numbers_are_those_of_the_published_generator(seed, step):
    assert philox(0, 0) == 0x16554D9ECA36314C  # the authors' own known answer
    assert uniform(seed, step) == (philox(step + 1, seed) >> 11) * 2.0**-53


def test_a_penalty_leaves_the_given_logits_alone():
    logits = scores()
    before = logits.copy()
    penalised = penalise(logits, [1, 2], 1.5)
    assert np.array_equal(logits, before)
    assert penalised[1] != logits[1] and np.array_equal(penalised[3:], logits[3:])
