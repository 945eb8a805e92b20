"""Plans: a program recorded once and run in one call gives what its operations give, bit by bit."""

from __future__ import annotations

import re
import threading

import numpy as np
import pytest

from families import FAMILIES
from quatrain import _core
from quatrain.engines.native import Native
from quatrain.errors import InputError
from quatrain.folder import Folder
from quatrain.layers import Embedding, Linear
from quatrain.loader import load_on
from quatrain.models import EncoderDecoder
from quatrain.module import Module
from quatrain.weights import Default

PLANNED = ("gpt2", "bert", "llama", "t5", "whisper")
#: New tokens of three sentences in each pass: a ragged prefill, chunks, single tokens.
CHUNKS = ((9, 1, 20), (3, 7, 1), (1, 1, 1), (1, 1, 1), (2, 5, 1), (1, 1, 1))


class Eager(Native):
    """The native engine without plans."""

    def _plan(self, *arguments):
        return None


def passes(family, folder, engine):
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
        sources = FAMILIES[family].sources(random, 7, 2, 11)
        found.append(engine.run(network, "encode", sources, state, source=True)[0])
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
        setattr(owner, attribute, engine.parameter("", param, Default(lambda array=array: array)))
    return network


@pytest.mark.parametrize(
    ("reason", "between"),
    [
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
        lambda op, x: op.concat(*reversed(op.split(op.tanh(x), (2, 1, 3)))),
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
    ids, angles = plan.ids(), plan.rotary(np.ones((1, 2), np.float32), 1.0)
    x = plan.embedding(ids, np.zeros((5, 4), np.float32))
    k = plan.attention(plan.cache(), x, x, x, heads=2, kv_heads=2, scale=1.0, causal=True)
    assert plan.result(plan.rope(k, *angles, 1, False)) == 0
    lengths, past, one = np.array([2]), np.array([1]), np.array([3, 4])
    table, cache = np.zeros((2, 2), np.float32), np.zeros((1, 3, 4), np.float32)
    good = [lengths, past, [one], [(cache, cache)], [], []]
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
        "0 lists of rows, got 1": (5, [table]),
    }
    for message, (which, value) in bad.items():
        given = list(good)
        given[which] = value
        with pytest.raises(InputError, match=re.escape(message)):
            plan.run(arena, *given)


def test_a_plan_checks_the_rows_that_a_pass_gives_it():
    plan, arena = _core.Plan(), _core.Arena()
    rows = plan.rows(4)
    with pytest.raises(InputError, match="whole of what an operation made"):
        plan.result(rows)
    with pytest.raises(InputError, match="stride of at least 1"):
        plan.positions(0, 0)
    plan.result(plan.windows(rows, 3, 2))
    lengths, none = np.array([5, 2]), np.array([0, 0])
    x = np.arange(28, dtype=np.float32).reshape(7, 4)
    (made,) = plan.run(arena, lengths, none, [], [], [], [x])
    assert made.tobytes() == _core.windows(x, np.array([0, 5, 7]), 3, 2).tobytes()
    for message, past, given in (
        ("expected 7 rows of 4 columns, got 7 rows of 3", none, [x[:, :3].copy()]),
        ("expected 7 rows of 4 columns, got 6 rows of 4", none, [x[1:]]),
        ("expected C-contiguous rows", none, [x[:, ::-1][:, ::-1][::-1][::-1][:, :3]]),
        ("1 lists of rows, got 0", none, []),
        ("sentences that begin in this pass", np.array([0, 1]), [x]),
    ):
        with pytest.raises(InputError, match=message):
            plan.run(arena, lengths, past, [], [], [], given)


def test_what_cannot_fit_together_is_refused_when_it_is_recorded():
    plan = _core.Plan()
    x = plan.embedding(plan.ids(), np.zeros((5, 4), np.float32))
    y = plan.embedding(plan.ids(), np.zeros((5, 6), np.float32))
    weight = _core.pack(np.zeros((3, 7), np.float32))
    vector, options = np.zeros(5, np.float32), {"heads": 2, "kv_heads": 2, "scale": 1.0}
    angles = plan.rotary(vector[None, :1], 1.0)
    bias = plan.relative_bias(np.zeros((3, 7), np.float32))
    ones, none = np.ones((2, 2), np.float32), np.ones((0, 2), np.float32)

    def strided(x):
        return plan.attention(x, x, x, bias=bias, **options)

    for message, call in {
        "linear] expected x with 7 columns, got 4": lambda: plan.linear(x, weight),
        "add] expected two values of one shape": lambda: plan.add(x, y),
        "weight of shape (4,)": lambda: plan.rms_norm(x, vector, 1e-5),
        "rms_norm] expected x of heads = 3": lambda: plan.rms_norm(x, vector, 1e-5, 3),
        "rotary] expected one row of inv_freq": lambda: plan.rotary(none, 1.0, 0),
        "rotary] expected a limit of at most": lambda: plan.rotary(ones, 1.0, 2**62),
        "outside the value's 4": lambda: plan.columns(x, 3, 2),
        "rope] expected 3 heads": lambda: plan.rope(x, *angles, 3, False),
        "bias of 2 heads, got 3": lambda: plan.attention(x, x, x, bias=bias, **options),
        "from -M to M, got 4": lambda: plan.relative_bias(np.zeros((3, 4), np.float32)),
        "whole of what an operation made": lambda: plan.result(plan.columns(x, 0, 2)),
        "a row for each token": lambda: plan.pool(plan.pool(x, "mean"), "mean"),
        "windows] expected a row for each": lambda: plan.windows(plan.pool(x, "mean"), 3, 1),
        "windows] expected an odd size": lambda: plan.windows(x, 4, 1),
        "windows] expected a stride": lambda: plan.windows(x, 3, 0),
        "a key for each query": lambda: plan.attention(plan.windows(x, 1, 2), x, x, **options),
        "a bias of strided rows": lambda: strided(plan.windows(x, 1, 2)),
    }.items():
        with pytest.raises(InputError, match=re.escape(message)):
            call()


def test_what_another_plan_made_is_refused():
    plan, other = _core.Plan(), _core.Plan()
    table, options = np.zeros((5, 4), np.float32), {"heads": 2, "kv_heads": 2, "scale": 1.0}
    x, y = (made.embedding(made.ids(), table) for made in (plan, other))
    for call in (
        lambda: plan.embedding(other.ids(), table),
        lambda: plan.embedding(other.positions(), _core.pack(table)),
        lambda: plan.add(x, y),
        lambda: plan.relu(plan.columns(y, 0, 2)),
        lambda: plan.attention(x, x, x, bias=other.relative_bias(table[:1, :3]), **options),
        lambda: plan.attention(other.cache(), x, x, x, **options),
        lambda: plan.attention(other.source(), x, 4, **options),
        lambda: plan.result(y),
    ):
        with pytest.raises(InputError, match="expected what this plan made"):
            call()


def test_a_bias_of_more_keys_than_there_are_is_refused():
    """Those of an attention without a cache are the pass's own, whatever came before it."""
    plan, arena = _core.Plan(), _core.Arena()
    x = plan.embedding(plan.positions(), np.ones((9, 4), np.float32))
    bias = plan.relative_bias(np.zeros((2, 3), np.float32))
    plan.result(plan.attention(x, x, x, heads=2, kv_heads=2, scale=1.0, bias=bias))
    lengths = np.array([2])
    assert plan.run(arena, lengths, np.array([0]), [], [], [])[0].shape == (2, 4)
    with pytest.raises(InputError, match="expected a bias of this pass's keys alone"):
        plan.run(arena, lengths, np.array([1]), [], [], [])


def test_sizes_that_no_memory_holds_are_refused():
    plan, arena = _core.Plan(), _core.Arena()
    x = plan.embedding(plan.positions(), np.zeros((5, 4), np.float32))
    with pytest.raises(InputError, match="of kv_heads = 2 columns, got -8"):
        plan.attention(plan.source(), x, -8, heads=2, kv_heads=2, scale=1.0)
    with pytest.raises(InputError, match="expected a start of at most"):
        plan.positions(2**63 - 1)
    for sizes in ((2**62, 1), (-1, 1)):
        with pytest.raises(InputError, match="expected values that memory can hold"):
            plan.nbytes(*sizes)
    long = np.full(2**23, 2**40)  # their sum is 2^63
    with pytest.raises(InputError, match="expected at most 1099511627776 tokens"):
        plan.run(arena, long, np.zeros_like(long), [], [], [])


def test_a_plan_that_has_run_does_not_change():
    plan, arena = _core.Plan(), _core.Arena()
    x = plan.embedding(plan.positions(), np.ones((5, 4), np.float32))
    plan.result(x)
    given = [np.array([2]), np.array([0]), [], [], []]
    assert plan.run(arena, *given)[0].shape == (2, 4)
    for call in (
        plan.ids, plan.positions, plan.cache, plan.source,
        lambda: plan.relative_bias(np.zeros((2, 3), np.float32)),
        lambda: plan.rotary(np.ones((1, 2), np.float32), 1.0),
        lambda: plan.relu(x), lambda: plan.result(x),
    ):  # fmt: skip
        with pytest.raises(InputError, match="expected a plan that has not run yet"):
            call()
    assert plan.run(arena, *given)[0].shape == (2, 4)


class Fresh:
    """A sequence that makes its elements when it is asked for them, and does not keep them."""

    def __init__(self, *values):
        self.values = values

    def __len__(self):
        return len(self.values)

    def __getitem__(self, index):
        value = self.values[index]
        return Fresh(*value) if isinstance(value, tuple) else value.copy()


def test_what_a_pass_is_given_lives_until_it_ends():
    plan, arena = _core.Plan(), _core.Arena()
    x = plan.embedding(plan.ids(), np.eye(5, 4, dtype=np.float32))
    options = {"heads": 2, "kv_heads": 2, "scale": 1.0}
    y = plan.attention(plan.cache(), x, x, x, **options)
    plan.result(plan.attention(plan.source(), y, 4, **options))
    cache, source = np.zeros((1, 2, 4), np.float32), np.ones((3, 4), np.float32)
    given = (
        (np.array([3, 4]),), ((cache, cache),), ((source, source, np.array([0]), np.array([3])),),
    )  # fmt: skip
    lengths, past = np.array([2]), np.array([0])
    want = plan.run(arena, lengths, past, *given)[0]
    for _ in range(20):
        found = plan.run(arena, lengths, past, *(Fresh(*values) for values in given))[0]
        assert found.tobytes() == want.tobytes()


def test_an_arena_is_for_one_pass_at_a_time():
    plan, arena = _core.Plan(), _core.Arena()
    x = plan.embedding(plan.positions(), np.ones((64, 64), np.float32))
    weight = _core.pack(np.full((64, 64), 1 / 64, np.float32))
    for _ in range(50):
        x = plan.linear(x, weight)
    plan.result(x)
    done, refused = [], []

    def passes(tokens):
        for _ in range(100):
            try:
                given = np.array([tokens]), np.array([0])
                done.append(plan.run(arena, *given, [], [], [])[0])
            except InputError as error:
                refused.append(str(error))

    callers = [threading.Thread(target=passes, args=(tokens,)) for tokens in (3, 50, 7, 64)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=60)
    assert len(done) + len(refused) == 400
    assert all((array == 1).all() for array in done)
    assert set(refused) <= {"[plan] expected an arena of its own, got one that is in use"}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("family", PLANNED)
def test_a_plan_gives_the_bits_of_its_operations(family, threads, tiny):
    engine = Native(threads)
    planned, eager = (
        passes(family, tiny(family), engine),
        passes(family, tiny(family), Eager(threads)),
    )
    assert not engine.unplanned
    assert len(planned) == len(eager)
    for a, b in zip(planned, eager, strict=True):
        assert a.shape == b.shape
        assert a.tobytes() == b.tobytes()
