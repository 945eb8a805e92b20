"""Choosing the next token: which may be chosen, how likely, and from which random numbers."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from quatrain import _core
from quatrain.errors import InputError
from quatrain.tasks.sampling import candidates, choose, likelihood, penalise, uniform

SETTINGS = [
    {},
    {"temperature": 0.6},
    {"temperature": 1.7, "top_k": 5},
    {"top_p": 0.7},
    {"min_p": 0.1},
    {"temperature": 0.8, "top_k": 20, "top_p": 0.9},
    {"temperature": 1.2, "top_k": 90, "top_p": 0.95, "min_p": 0.02},
    {"top_k": 1, "top_p": 0.01},
    {"top_k": 5000, "top_p": 0.999},
    {"min_p": 1.0},
]
PENALTIES = [1.0, 1.3, 0.8]
UNITS = 2.0**-42


def scores(seed: int = 0, size: int = 200) -> np.ndarray:
    return 3 * np.random.default_rng(seed).standard_normal(size)


def chances(logits: np.ndarray, **settings) -> np.ndarray:
    ids, weights = candidates(logits, **settings)
    p = np.zeros(len(logits))
    p[ids] = weights / weights.sum()
    return p


@pytest.mark.oracle("torch", "transformers")
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_order_is_that_of_transformers(settings, penalty):
    """Repetition penalty, temperature, top-k, top-p, min-p: the same tokens, equally likely."""
    import torch
    from transformers.generation import logits_process as hf

    logits, seen = scores(), [3, 7, 7, 150]
    steps = [
        hf.RepetitionPenaltyLogitsProcessor(penalty),
        hf.TemperatureLogitsWarper(settings.get("temperature", 1.0)),
    ]
    if "top_k" in settings:
        steps.append(hf.TopKLogitsWarper(settings["top_k"]))
    if "top_p" in settings:
        steps.append(hf.TopPLogitsWarper(settings["top_p"]))
    if "min_p" in settings:
        steps.append(hf.MinPLogitsWarper(settings["min_p"]))
    rows = torch.tensor(logits)[None]
    for step in steps:
        rows = step(torch.tensor([seen]), rows)
    want = torch.softmax(rows, -1)[0].numpy()
    got = chances(penalise(logits, seen, [], repetition_penalty=penalty), **settings)
    # Weights are whole numbers.
    assert np.allclose(got, want, rtol=1e-9, atol=UNITS)
    assert np.array_equal(got > 0, want > 0)


def test_penalties_are_those_of_openai():
    logits = scores()
    asked = {"presence_penalty": 0.5, "frequency_penalty": -0.25}
    penalised = penalise(logits, [1, 2], [2, 9, 9], **asked)
    want = logits.copy()
    want[2] -= 0.5 - 0.25
    want[9] -= 0.5 - 2 * 0.25
    assert np.array_equal(penalised, want)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_tokens_come_as_often_as_they_are_likely(settings):
    logits = scores(size=12)
    want = chances(logits, **settings)
    draws = [choose(logits, uniform(1, step), **settings) for step in range(4000)]
    got = np.bincount(draws, minlength=len(logits)) / len(draws)
    assert got[want == 0].sum() == 0
    # Four standard deviations of a binomial share.
    assert (np.abs(got - want) <= 4 * np.sqrt(want * (1 - want) / len(draws)) + 1e-12).all()


# The core, beside the specification


def adversarial() -> dict[str, np.ndarray]:
    random = np.random.default_rng(3)
    ties = random.integers(-3, 3, 1000)
    one = np.full(700, -np.inf)
    one[321] = -7
    masked = scores(5, 3000)
    masked[random.random(3000) < 0.9] = -np.inf
    zeros = np.where(random.random(130) < 0.5, 0.0, -0.0)
    wide = scores(6, 500) * 1e37
    fields = {
        "one token": np.zeros(1),
        "random": scores(1, 5000),
        "block and one": scores(2, 65),
        "flat": scores(4, 20_000) / 1000,
        "ties": ties,
        "all equal": np.full(5000, 2.5),
        "zeros of both signs": zeros,
        "one finite": one,
        "masked": masked,
        "rising": np.arange(3000) / 100,
        "falling": -np.arange(3000) / 100,
        "wide": wide,
        "many, likely": np.sort(scores(7, 40_000))[::-1] - 20 * (np.arange(40_000) % 7 > 0),
    }
    return {name: logits.astype(np.float32) for name, logits in fields.items()}


HARSH = [
    *SETTINGS,
    {"temperature": 0.0},
    {"temperature": 1e-308, "top_p": 0.5},
    {"temperature": 1e300},
    {"temperature": 100.0, "top_p": 0.999999},
    {"top_p": 1e-300},
    {"top_p": 0.5},
    {"top_p": np.nextafter(1, 0)},
    {"min_p": 1e-13, "temperature": 3.0},
    {"min_p": 1e-6},
    {"top_k": 64},
    {"top_k": 65, "min_p": 1e-9},
]


@pytest.mark.parametrize("settings", HARSH, ids=str)
@pytest.mark.parametrize("name", adversarial())
def test_the_core_chooses_what_the_specification_says(name, settings):
    logits = adversarial()[name]
    sampler = _core.Sampler(**settings)
    numbers = [0.0, 0.25, 0.5, 1 - 2**-53, *np.random.default_rng(8).random(6)]
    for number in map(float, numbers):
        assert sampler.choose(logits, number) == choose(logits, number, **settings)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_core_draws_each_candidate_between_its_bounds(settings):
    """Numbers just below and just above every bound, but for what rounding may move."""
    logits = scores(9, 300).astype(np.float32)
    ids, weights = candidates(logits, **settings)
    sampler = _core.Sampler(**settings)
    total = np.cumsum(weights)
    for at in range(min(len(ids), 40)):
        if weights[at] * 1e-6 < 1000:
            break
        low, high = (total[at] - weights[at] + 1000) / total[-1], (total[at] - 1000) / total[-1]
        assert sampler.choose(logits, float(low)) == ids[at]
        assert sampler.choose(logits, float(high)) == ids[at]


def test_the_core_penalises_as_the_specification_says():
    random = np.random.default_rng(10)
    asked = {"repetition_penalty": 1.3, "presence_penalty": 0.7, "frequency_penalty": 0.2}
    sampler = _core.Sampler(temperature=0.9, top_p=0.8, **asked)
    read, wrote = random.integers(0, 500, 40), []
    sampler.read(read)
    for step in range(60):
        logits = scores(step, 500).astype(np.float32)
        before = logits.copy()
        number = uniform(4, step)
        id = sampler.choose(logits, number)
        penalised = penalise(logits, read, wrote, **asked)
        assert id == choose(penalised, number, temperature=0.9, top_p=0.8)
        assert np.array_equal(logits, before)
        sampler.wrote(id)
        wrote.append(id)


def test_a_vocabulary_of_real_size():
    logits = scores(11, 151_936).astype(np.float32)
    logits[::2] -= 9
    for settings in SETTINGS:
        sampler = _core.Sampler(**settings)
        for number in (0.0, 0.3, 0.9, 0.999999):
            assert sampler.choose(logits, number) == choose(logits, number, **settings)


@pytest.mark.parametrize("name", adversarial())
def test_the_core_knows_the_likeliest(name):
    logits = adversarial()[name]
    id = len(logits) // 2
    for settings in ({}, {"temperature": 0.0}, {"temperature": 9.0, "repetition_penalty": 2.0}):
        sampler = _core.Sampler(**settings)
        sampler.read(np.arange(3))
        for top in (0, 1, 7, 65, len(logits), 2**40):
            logprob, best = sampler.likelihood(logits, id, top)
            wanted, wanted_best = likelihood(logits, id, top)
            assert logprob == pytest.approx(wanted, rel=1e-6, abs=1e-6)
            assert [id for id, _ in best] == [id for id, _ in wanted_best]
            found, exact = ([p for _, p in pairs] for pairs in (best, wanted_best))
            assert np.allclose(found, exact, rtol=1e-6, atol=1e-6)


def test_strides_do_not_matter():
    logits = scores(12, 400).astype(np.float32)
    sampler = _core.Sampler(top_p=0.9)
    for view in (logits[::2], logits[::-1], logits[::-3]):
        assert sampler.choose(view, 0.7) == choose(view, 0.7, top_p=0.9)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, "[sampler] expected finite logits or -inf, got nan for token 70"),
        (np.inf, "[sampler] expected finite logits or -inf, got inf for token 70"),
    ],
)
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_the_core_refuses_what_has_no_largest_logit(value, message, temperature):
    logits = scores(size=100).astype(np.float32)
    logits[70] = value
    with pytest.raises(InputError) as caught:
        _core.Sampler(temperature=temperature).choose(logits, 0.5)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.choose(np.full(9, -np.inf, np.float32), 0.5), "above -inf, got none"),
        (lambda s: s.choose(np.zeros(0, np.float32), 0.5), "more than 0 and fewer than 2^21"),
        (lambda s: s.choose(np.zeros(2**21, np.float32), 0.5), "fewer than 2^21 logits, got 2097"),
        (lambda s: s.choose(np.zeros((1, 9), np.float32), 0.5), "shape (V,), got (1, 9)"),
        (lambda s: s.choose(np.zeros(9), 0.5), "float32, got dtype float64"),
        (lambda s: s.choose(np.zeros(9, np.float32), 1.0), "uniform in [0, 1), got 1"),
        (lambda s: s.choose(np.zeros(9, np.float32), np.nan), "uniform in [0, 1), got nan"),
        (lambda s: s.likelihood(np.zeros((1, 9), np.float32), 0, 1), "shape (V,), got (1, 9)"),
        (lambda s: s.likelihood(np.full(9, np.nan, np.float32), 0, 1), "-inf, got nan for token 0"),
        (lambda s: s.likelihood(np.zeros(9, np.float32), 9, 1), "an id below 9, got 9"),
        (lambda s: s.likelihood(np.zeros(9, np.float32), 0, -1), "top >= 0, got -1"),
        (lambda s: s.read(np.zeros(9)), "int64, got dtype float64"),
        (lambda s: _core.Sampler(temperature=-1.0), "finite temperature >= 0, got -1"),
        (lambda s: _core.Sampler(top_k=-1), "top_k >= 0, got -1"),
        (lambda s: _core.Sampler(top_p=0.0), "top_p in (0, 1], got 0"),
        (lambda s: _core.Sampler(min_p=np.nan), "min_p in [0, 1], got nan"),
        (lambda s: _core.Sampler(repetition_penalty=0.0), "repetition_penalty > 0, got 0"),
        (lambda s: _core.Sampler(presence_penalty=np.inf), "finite presence_penalty, got inf"),
        (lambda s: _core.Sampler(frequency_penalty=np.nan), "finite frequency_penalty, got nan"),
    ],
)
def test_bad_arguments_of_the_core_are_named(call, message):
    with pytest.raises(InputError) as caught:
        call(_core.Sampler())
    assert str(caught.value).startswith("[sampler] expected ") and message in str(caught.value)


@pytest.mark.parametrize("id", [-1, 9, 2**40])
def test_ids_beyond_the_vocabulary_are_refused(id):
    sampler = _core.Sampler(presence_penalty=1.0)
    sampler.wrote(id)
    with pytest.raises(InputError, match=f"id {id} is outside a vocabulary of 9"):
        sampler.choose(np.zeros(9, np.float32), 0.5)


def test_a_sampler_is_for_one_thread_at_a_time():
    logits = np.linspace(0, 3, 2**20, dtype=np.float32)
    sampler = _core.Sampler(top_p=0.9, frequency_penalty=0.1)
    want = _core.Sampler(top_p=0.9, frequency_penalty=0.1).choose(logits, 0.5)
    chosen, refused = [], []

    def choose_often():
        for _ in range(10):
            try:
                chosen.append(sampler.choose(logits, 0.5))
            except InputError as error:
                refused.append(str(error))

    callers = [threading.Thread(target=choose_often) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=60)
    assert len(chosen) + len(refused) == 30
    assert set(chosen) == {want}
    assert set(refused) <= {"[sampler] expected a sampler of its own, got one that is in use"}


# Greedy and random numbers


def test_greedy_takes_the_largest_and_the_lowest_of_equals():
    logits = np.array([1.0, 5.0, 5.0, 2.0], np.float32)
    assert choose(logits, 0.9, temperature=0) == 1
    assert _core.Sampler(temperature=0).choose(logits, 0.9) == 1


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
    assert _core.uniform((seed & 2**64 - 1, seed >> 64), step) == uniform(seed, step)


def test_a_penalty_leaves_the_given_logits_alone():
    logits = scores()
    before = logits.copy()
    penalised = penalise(logits, [1, 2], [], repetition_penalty=1.5)
    assert np.array_equal(logits, before)
    assert penalised[1] != logits[1] and np.array_equal(penalised[3:], logits[3:])
