"""Plans: a program recorded once and run in one call gives what its operations give, bit by bit."""

from __future__ import annotations

import re

import numpy as np
import pytest

from quatrain import _core
from quatrain.engines.native import Native
from quatrain.errors import InputError
from quatrain.folder import Folder
from quatrain.layers import Embedding, Linear
from quatrain.loader import load_on
from quatrain.models import EncoderDecoder
from quatrain.module import Module

FAMILIES = ("gpt2", "bert", "llama", "t5")
#: New tokens of three sentences in each pass: a ragged prefill, chunks, single tokens.
CHUNKS = ((9, 1, 20), (3, 7, 1), (1, 1, 1), (1, 1, 1), (2, 5, 1), (1, 1, 1))


class Eager(Native):
    """The native engine without plans."""

    def _plan(self, *arguments):
        return None


def passes(folder, engine):
    """The results of a script of passes, and the engine's caches after each."""
    network = load_on(Folder(folder), engine).network
    random = np.random.default_rng(5)
    found = []

    def run(program, lengths, state=None, **options):
        ids = [random.integers(0, network.vocab_size, n) for n in lengths]
        extra = {name: [np.arange(n) % 2 for n in lengths] for name in network.inputs}
        found.append(engine.run(network, program, ids, state, **options, **extra)[0])

    if not network.slots():
        for lengths in ((5,), (13, 1, 7), (1,), (2, 2), (5,)):
            for program in ("hidden", "embed"):
                run(program, lengths)
        return found
    state = engine.state(network.slots(), 3, 8)
    if isinstance(network, EncoderDecoder):
        run("encode", (7, 2, 11), state, source=True)
    else:
        run("logits", (4, 9))
    for lengths in CHUNKS:
        for program in ("hidden", "logits", "next_logits"):
            run(program, lengths, state)
        state.next()
    beams = state.fork([2, 0, 0, 1])
    run("next_logits", (1, 1, 1, 1), beams)
    for slot in beams.slots.values():
        found += [slot.keys, slot.values]
    return found


class Shared(Module):
    """One dense layer, gone through twice, and what no step of a plan does in between."""

    def __init__(self, between):
        self.table, self.dense, self.between = Embedding(11, 6), Linear(6, 6), between
        self.assign_paths()

    def hidden(self, op, ids, layout, state=None):
        x = self.dense(op, self.table(op, ids))
        return self.dense(op, self.between(op, x))


def bound(network, engine):
    """The network with random weights."""
    random = np.random.default_rng(5)
    for _, param, owner, attribute in list(network.params()):
        array = random.standard_normal(param.shape).astype(np.float32)
        setattr(owner, attribute, engine.parameter("", param, lambda array=array: array))
    return network


@pytest.mark.parametrize(
    ("reason", "between"),
    [
        ("concat", lambda op, x: op.concat(*op.split(x, (2, 4)))),
        ("unsupported operand", lambda op, x: op.mul(x, 0.5) * 2),
        ("no attribute 'mean'", lambda op, x: op.add(x, op.mean(x))),
        ("no attribute 'reshape'", lambda op, x: op.merge_heads(op.split_heads(x, 2))),
    ],
)
def test_what_cannot_be_recorded_is_counted_and_computed(reason, between):
    results = []
    for engine in (Native(1), Eager(1)):
        network = bound(Shared(between), engine)
        ids = [np.array([3, 1, 4]), np.array([10])]
        results += [engine.run(network, "hidden", ids)[0] for _ in range(2)]
        why = dict(engine.unplanned)
        assert len(why) == (0 if isinstance(engine, Eager) else 1)
        assert all(reason in text and count == 2 for text, count in why.items()), why
    assert len({x.tobytes() for x in results}) == 1


@pytest.mark.parametrize(
    "between",
    [
        lambda op, x: op.split(op.sigmoid(x), (6,))[0],
        lambda op, x: op.add(op.mul(x, 0.25), 1.5),
        lambda op, x: op.softmax(op.mul(x, x)),
        lambda op, x: op.gated(x, op.erf(x), activation="silu"),
        lambda op, x: op.gelu_tanh(op.add(x, op.tanh(x))),
    ],
)
def test_operations_that_no_family_calls_are_recorded(between):
    results = []
    for engine in (Native(1), Eager(1)):
        network = bound(Shared(between), engine)
        results.append(engine.run(network, "hidden", [np.array([3, 1, 4]), np.array([10])])[0])
        assert not engine.unplanned
    assert results[0].tobytes() == results[1].tobytes()


def test_an_arena_is_kept_between_passes(tiny):
    """Nothing is asked for while tokens are decoded."""
    engine = Native(1)
    network = load_on(Folder(tiny("gpt2")), engine).network
    state = engine.state(network.slots(), 2, 64)
    engine.run(network, "next_logits", [np.arange(9), np.arange(3)], state)
    state.next()
    (arena,) = engine._arenas
    held = arena.nbytes
    assert held > 0
    for _ in range(5):
        engine.run(network, "next_logits", [np.array([1]), np.array([2])], state)
        state.next()
        assert engine._arenas == [arena]
        assert arena.nbytes == held


def test_a_plan_checks_what_a_pass_gives_it():
    plan, arena = _core.Plan(), _core.Arena()
    ids, angles = plan.ids(), plan.rotary(np.ones(2, np.float32), 1.0)
    x = plan.embedding(ids, np.zeros((5, 4), np.float32))
    k = plan.attention(plan.cache(), x, x, x, heads=2, kv_heads=2, scale=1.0, causal=True)
    assert plan.result(plan.rope(k, *angles, 1, False)) == 0
    lengths, past, one = np.array([2]), np.array([1]), np.array([3, 4])
    table, cache = np.zeros((2, 2), np.float32), np.zeros((1, 3, 4), np.float32)
    good = [lengths, past, [one], [(cache, cache)], []]
    assert plan.run(arena, *good)[0].shape == (2, 4)
    bad = {
        "past of shape (2,), got (1,)": (0, np.array([1, 1])),
        "lengths >= 0, got -2": (0, np.array([-2])),
        "got 4611686018427387904": (0, np.array([2**62])),
        "past of shape": (1, np.array([1, 1])),
        "past >= 0": (1, np.array([-1])),
        "capacity of 3": (1, np.array([2])),
        "1 lists of ids, got 0": (2, []),
        "ids of shape": (2, [np.array([1])]),
        "id 5 at position 1 is outside a vocabulary of 5": (2, [np.array([1, 5])]),
        "1 caches, got 0": (3, []),
        "cache of 4 and 4 columns": (3, [(cache[:, :, :2].copy(),) * 2]),
        "C-contiguous": (3, [(cache[:, :, ::2],) * 2]),
        "one capacity": (3, [(cache, cache[:, :2].copy())]),
        "0 sources, got 1": (4, [(table, table, past, past)]),
    }
    for message, (which, value) in bad.items():
        given = list(good)
        given[which] = value
        with pytest.raises(InputError, match=re.escape(message)):
            plan.run(arena, *given)


def test_what_cannot_fit_together_is_refused_when_it_is_recorded():
    plan = _core.Plan()
    x = plan.embedding(plan.ids(), np.zeros((5, 4), np.float32))
    y = plan.embedding(plan.ids(), np.zeros((5, 6), np.float32))
    weight = _core.pack(np.zeros((3, 7), np.float32))
    vector, options = np.zeros(5, np.float32), {"heads": 2, "kv_heads": 2, "scale": 1.0}
    angles, bias = plan.rotary(vector[:1], 1.0), plan.relative_bias(np.zeros((3, 7), np.float32))
    for message, call in {
        "linear] expected x with 7 columns, got 4": lambda: plan.linear(x, weight),
        "add] expected two values of one shape": lambda: plan.add(x, y),
        "weight of shape (4,)": lambda: plan.rms_norm(x, vector, 1e-5),
        "outside the value's 4": lambda: plan.columns(x, 3, 2),
        "rope] expected 3 heads": lambda: plan.rope(x, *angles, 3, False),
        "bias of 2 heads, got 3": lambda: plan.attention(x, x, x, bias=bias, **options),
        "from -M to M, got 4": lambda: plan.relative_bias(np.zeros((3, 4), np.float32)),
        "whole of what an operation made": lambda: plan.result(plan.columns(x, 0, 2)),
        "a row for each token": lambda: plan.pool(plan.pool(x, "mean"), "mean"),
    }.items():
        with pytest.raises(InputError, match=re.escape(message)):
            call()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_plan_gives_the_bits_of_its_operations(family, threads, tiny):
    engine = Native(threads)
    planned, eager = passes(tiny(family), engine), passes(tiny(family), Eager(threads))
    assert not engine.unplanned
    assert len(planned) == len(eager)
    for a, b in zip(planned, eager, strict=True):
        assert a.shape == b.shape
        assert a.tobytes() == b.tobytes()
