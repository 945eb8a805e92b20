"""Random networks, recorded as plans, replayed with other shapes, and computed eagerly.

Network number n is always the same. Its values stay near 1, so that the reference can judge them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator

from judge import difference
from quatrain.engines import DTYPES
from quatrain.engines.engine import Engine
from quatrain.engines.native import Native
from quatrain.engines.reference import Reference
from quatrain.layers import Embedding, LayerNorm, Linear, RMSNorm
from quatrain.module import Module, Param
from quatrain.ops import POOLINGS
from quatrain.state import SlotSpec
from quatrain.weights import Default

VOCAB, POSITIONS = 19, 200
HEAD_SIZES = (1, 4, 7, 16, 20)
#: What is drawn for a network, and what for the passes over it.
NETWORK, PASSES = 3, 4


class Eager(Native):
    """The native engine without plans."""

    def _plan(self, *arguments: Any) -> None:
        return None


class Step(Module):
    """Makes a value of ``columns`` for each token from those made before it."""

    columns: int

    def __init__(self, random: Generator, widths: list[int], network: Network) -> None:
        raise NotImplementedError

    def forward(self, op: Any, values: list[Any], layout: Any, state: Any) -> Any:
        raise NotImplementedError


def one_of(random: Generator, widths: list[int]) -> int:
    """The number of a value, most often of a late one."""
    return int(len(widths) * random.random() ** 0.3)


def pair_of(random: Generator, widths: list[int]) -> tuple[int, int]:
    """Two values of one width, perhaps one twice."""
    first = one_of(random, widths)
    return first, int(random.choice([i for i, w in enumerate(widths) if w == widths[first]]))


class Dense(Step):
    def __init__(self, random: Generator, widths: list[int], network: Network) -> None:
        self.x, self.columns = one_of(random, widths), int(random.choice([1, 5, 16, 24, 33]))
        self.dense = Linear(widths[self.x], self.columns, bias=random.random() < 0.5)
        self.map = str(random.choice(["", "gelu", "gelu_tanh", "relu", "silu", "tanh", "sigmoid"]))

    def forward(self, op: Any, values: list[Any], layout: Any, state: Any) -> Any:
        x = self.dense(op, values[self.x])
        return getattr(op, self.map)(x) if self.map else x


class Norm(Step):
    """A norm, perhaps of a sum that is used once more."""

    def __init__(self, random: Generator, widths: list[int], network: Network) -> None:
        self.x, self.y = pair_of(random, widths)
        self.columns, self.sums = widths[self.x], bool(random.integers(2))
        kind, self.heads = (LayerNorm if random.random() < 0.5 else RMSNorm), 1
        self.norm, self.again = kind(self.columns, 0.5), bool(random.integers(2))
        if kind is RMSNorm and self.columns % 3 == 0:
            self.heads, self.norm = 3, RMSNorm(self.columns // 3, 0.5)

    def forward(self, op: Any, values: list[Any], layout: Any, state: Any) -> Any:
        x = op.add(values[self.x], values[self.y]) if self.sums else values[self.x]
        normed = self.norm(op, x) if self.heads == 1 else self.norm(op, x, heads=self.heads)
        return op.tanh(op.add(x, normed)) if self.again else normed


class Pair(Step):
    def __init__(self, random: Generator, widths: list[int], network: Network) -> None:
        self.x, self.y = pair_of(random, widths)
        self.columns, self.kind = widths[self.x], int(random.integers(4))

    def forward(self, op: Any, values: list[Any], layout: Any, state: Any) -> Any:
        x, y = values[self.x], values[self.y]
        if self.kind == 0:
            return op.gated(op.tanh(x), y, activation="silu")
        if self.kind == 1:
            return op.mul(op.softmax(x), op.tanh(y))
        if self.kind == 2:
            return op.tanh(op.add(op.mul(x, -0.75), 0.5))
        return op.tanh(op.add(op.erf(x), y))


class Part(Step):
    def __init__(self, random: Generator, widths: list[int], network: Network) -> None:
        self.x = one_of(random, widths)
        whole = widths[self.x]
        first, last = np.sort(random.integers(0, whole + 1, 2))
        if first == last:
            first, last = 0, whole
        self.sizes = (int(first), int(last - first), int(whole - last))
        self.columns = self.sizes[1]

    def forward(self, op: Any, values: list[Any], layout: Any, state: Any) -> Any:
        return op.split(values[self.x], self.sizes)[1]


class Place(Step):
    """A value of each token's position."""

    def __init__(self, random: Generator, widths: list[int], network: Network) -> None:
        self.start, self.columns = int(random.integers(3)), int(random.choice([1, 5, 16]))
        self.table = Embedding(POSITIONS, self.columns)

    def forward(self, op: Any, values: list[Any], layout: Any, state: Any) -> Any:
        return self.table(op, op.positions(layout, start=self.start))


class Attention(Step):
    """Among the rows of a pass, over a cache, or over a source."""

    def __init__(self, random: Generator, widths: list[int], network: Network) -> None:
        self.x = one_of(random, widths)
        self.kv_heads = int(random.integers(1, 4))
        self.heads = self.kv_heads * int(random.integers(1, 4))
        size, value_size = (int(n) for n in random.choice(HEAD_SIZES, 2))
        self.columns, self.scale = self.heads * value_size, size**-0.5
        self.q = Linear(widths[self.x], self.heads * size)
        self.part = network.next_slot(random)
        self.index = len(network.specs)
        if self.part is not None:
            network.specs.append(
                SlotSpec(self.index, self.kv_heads, size, value_size, self.part or None)
            )
        keys_from = network.source.columns if self.part == "encoder" else widths[self.x]
        self.k = Linear(keys_from, self.kv_heads * size)
        self.v = Linear(keys_from, self.kv_heads * value_size)
        self.options: dict[str, Any] = {
            "causal": bool(random.integers(2)),
            "window": None if random.random() < 0.6 else int(random.integers(1, 30)),
            "softcap": None if random.random() < 0.7 else 2.0,
        }
        self.turned = np.float32(random.random(int(random.integers(size // 2 + 1))))
        self.limit = None
        if random.random() < 0.3:
            self.turned = np.float32(
                random.random((int(random.integers(1, 9)), *self.turned.shape))
            )
            self.limit = int(random.integers(12))
        self.sinks: Any = Param((self.heads,)) if random.random() < 0.3 else None
        # A bias is of all keys that there are, also of those in a cache.
        whole = self.part == "decoder" or not (network.cached or network.crossed)
        biased = whole and random.random() < 0.3
        self.table: Any = Param((8, self.heads)) if biased else None

    def forward(self, op: Any, values: list[Any], layout: Any, state: Any) -> Any:
        q, options = self.q(op, values[self.x]), dict(self.options)
        slot = None if self.part is None else state.slot(self.index, self.part or "decoder")
        if self.table is not None:
            options["bias"] = op.relative_bias(
                self.table, layout, bidirectional=True, buckets=8, max_distance=9
            )
        k = v = None
        if self.part != "encoder":
            k, v = self.k(op, values[self.x]), self.v(op, values[self.x])
        if self.turned.shape[-1]:
            cosines, sines = op.rotary(layout, self.turned, limit=self.limit)
            q = op.rope(q, cosines, sines, heads=self.heads)
            if k is not None:
                k = op.rope(k, cosines, sines, heads=self.kv_heads, interleaved=False)
        return op.attention(
            q, k, v, layout, heads=self.heads, kv_heads=self.kv_heads, scale=self.scale,
            sinks=self.sinks, slot=slot, **options,
        )  # fmt: skip


class Network(Module):
    """A chain of steps behind an embedding; perhaps with caches, perhaps with a source."""

    def __init__(self, number: int) -> None:
        random = np.random.default_rng([number, NETWORK])
        self.specs: list[SlotSpec] = []
        self.cached, self.crossed = (bool(x) for x in random.random(2) < 0.5)
        self.source = Dense(random, [5], self)
        self.source_table, self.table = Embedding(VOCAB, 5), Embedding(VOCAB, 24)
        widths, self.steps = [24], []
        kinds = (Dense, Norm, Norm, Pair, Part, Place, Attention, Attention)
        for _ in range(random.integers(2, 12)):
            step = kinds[random.integers(len(kinds))](random, widths, self)
            self.steps.append(step)
            widths.append(step.columns)
        self.last = Linear(widths[-1], 7)
        self.pooling = str(random.choice(POOLINGS))
        self.assign_paths()

    def next_slot(self, random: Generator) -> str | None:
        """Where an attention finds keys: None, "" for a cache of its own, "encoder"."""
        if self.crossed and random.random() < 0.5:
            return "encoder"
        return "decoder" if self.cached else None

    def encode(self, op: Any, ids: Any, layout: Any, state: Any) -> None:
        source = self.source(op, [self.source_table(op, ids)], layout, state)
        for step in self.steps:
            if isinstance(step, Attention) and step.part == "encoder":
                slot = state.slot(step.index, "encoder")
                op.remember(step.k(op, source), step.v(op, source), layout, slot)
        return source

    def hidden(self, op: Any, ids: Any, layout: Any, state: Any = None) -> Any:
        values = [self.table(op, ids)]
        for step in self.steps:
            values.append(step(op, values, layout, state))
        return self.last(op, values[-1])

    def embed(self, op: Any, ids: Any, layout: Any, state: Any = None) -> Any:
        x = op.pool(self.hidden(op, ids, layout, state), layout, kind=self.pooling)
        return op.l2_normalize(op.add(x, 1.0))


def bound(number: int, engine: Engine) -> Network:
    """Network ``number`` with its weights on an engine."""
    network = Network(number)
    random = np.random.default_rng([number, NETWORK, 1])
    done: dict[int, Any] = {}
    for key, param, owner, attribute in list(network.params()):
        fan_in = param.shape[-1] if param.role == "linear" else 1
        array = np.float32(random.standard_normal(param.shape) * fan_in**-0.5)
        done[id(param)] = engine.parameter(key, param, Default(lambda array=array: array))
        setattr(owner, attribute, done[id(param)])
    return network


def passes(number: int, engine: Engine) -> list[np.ndarray]:
    """What a network gives in a script of passes of all shapes, and its caches in the end."""
    network = bound(number, engine)
    random = np.random.default_rng([number, PASSES])
    found: list[np.ndarray] = []
    batch = int(random.integers(1, 5))
    state = (
        engine.state(network.specs, batch, int(random.integers(1, 9))) if network.specs else None
    )

    def run(program: str, lengths: list[int], **options: Any) -> None:
        ids = [random.integers(0, VOCAB, n) for n in lengths]
        found.append(engine.run(network, program, ids, state, **options)[0])

    def some(count: int) -> list[int]:
        return [int(n) for n in random.choice([1, 1, 1, 2, 5, 9, 16, 17, 31], count)]

    if network.crossed and state is not None:
        run("encode", some(batch), source=True)
    for _ in range(int(random.integers(2, 5))):
        lengths = some(batch if state is not None else int(random.integers(4)))
        for program in random.choice(["hidden", "embed"], 2):
            run(str(program), lengths)
        if state is not None and random.random() < 0.8:
            state.next()
        if state is not None and random.random() < 0.2:
            index = random.integers(0, batch, int(random.integers(1, 5)))
            state, batch = state.fork(index), len(index)
    for slot in state.slots.values() if state is not None else ():
        if hasattr(slot, "reserve"):
            total = state.lengths
            found += [x[b, : total[b]] for x in (slot.keys, slot.values) for b in range(batch)]
    return found


def check_program(number: int) -> None:
    """A plan gives the bits of its operations on any threads, and the reference's numbers."""
    random = np.random.default_rng([number, PASSES, 1])
    dtype = str(random.choice(["float32", *DTYPES]))
    engine = Native(int(random.choice([1, 2, 5])), dtype)
    planned, eager = passes(number, engine), passes(number, Eager(1, dtype))
    assert not engine.unplanned, engine.unplanned
    assert len(planned) == len(eager)
    for a, b in zip(planned, eager, strict=True):
        assert a.shape == b.shape
        assert a.tobytes() == b.tobytes()
    if dtype == "float32":
        for a, b in zip(planned, passes(number, Reference(np.float64)), strict=True):
            far = difference(a, b)
            assert far <= 1e-4, (far, a.shape)
