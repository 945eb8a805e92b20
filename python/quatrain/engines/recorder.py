"""Recording a program as a plan: its forward is called once, on values without numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from quatrain import _core
from quatrain.engines.engine import PackedEngine
from quatrain.engines.kernels import Kernels, single
from quatrain.errors import InputError
from quatrain.layout import Packed
from quatrain.module import Module
from quatrain.ops import relative_buckets
from quatrain.state import Grown, Passes, Remembered, State

Array = np.ndarray
#: Which slot of a state.
Key = tuple[int, str]
#: What passes are given, the program's own first: its name, dtype and dimensions after the tokens'.
Kinds = tuple[tuple[str, tuple[str, tuple[int, ...]]], ...]


class UnrecordableError(Exception):
    """A program does what no step of a plan does. The message says what."""


@dataclass
class Plan:
    """A program's steps, and what each pass must give them, in the order of their numbers.

    ``remembered``: slots, which of the results are their keys and values, and how many tokens a row
    of these stands for. ``result``: which is the program's.
    """

    steps: _core.Plan = field(default_factory=_core.Plan)
    caches: list[Key] = field(default_factory=list)
    sources: list[Key] = field(default_factory=list)
    remembered: list[tuple[Key, int, int, int]] = field(default_factory=list)
    result: int = 0

    def run(
        self,
        engine: PackedEngine,
        arena: _core.Arena,
        layout: Packed,
        state: State | None,
        given: Sequence[Array],
    ) -> Array:
        """One pass; ``given``: the program's own ids or rows, and its extra inputs."""
        made = self.steps.run(
            arena,
            layout.lengths,
            layout.past,
            [array for array in given if array.dtype.kind != "f"],
            state.extended(self.caches, layout.longest) if state is not None else [],
            [source_of(state, key) for key in self.sources],
            [array for array in given if array.dtype.kind == "f"],
            engine.threads or 0,
        )
        for key, keys, values, stride in self.remembered:
            engine.remember(made[keys], made[values], layout.every(stride), slot_of(state, key))
        return made[self.result]


def slot_of(state: State | None, key: Key) -> Any:
    assert state is not None, "the plan was recorded with a state"
    return state.slot(*key)


def source_of(state: State | None, key: Key) -> tuple[Array, Array, Array, Array]:
    """A source's keys and values, where each sentence's begin, and how many there are."""
    slot = slot_of(state, key)
    keys, values, source = slot.source()
    return keys, values, source.starts[slot.index], source.lengths[slot.index]


@dataclass(frozen=True)
class Slot:
    """A slot of the state as a program that is recorded sees it."""

    key: Key
    held: Grown | Remembered


class Slots(Passes):
    """A state as a program that is recorded sees it."""

    def __init__(self, state: State) -> None:
        super().__init__(state.lengths)
        self._slots = state.slots

    def slot(self, index: int, part: str = "decoder") -> Slot:
        self.take((index, part))
        return Slot((index, part), self._slots[index, part])


@dataclass(frozen=True)
class Tokens:
    """The layout of passes to come: all that is known is how many tokens a row stands for."""

    stride: int = 1

    def every(self, stride: int) -> Tokens:
        return Tokens(self.stride * stride)


class Recorder(Kernels):
    """The vocabulary on values of a plan: every call adds a step."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._plan = plan

    def _call(self, name: str, *args: Any, **options: Any) -> Any:
        return getattr(self._plan.steps, name)(*args, **options)

    def _columns(self, x: Any, first: int, count: int) -> Any:
        return self._call("columns", x, first, count)

    def embedding(self, ids: Any, weight: Any) -> Any:
        return self._call("embedding", ids, weight)

    def concat(self, *parts: Any) -> Any:
        return self._call("concat", [self._value(part) for part in parts])

    def positions(self, layout: Any, *, start: int = 0) -> Any:
        return self._call("positions", start, layout.stride)

    def rotary(
        self, layout: Any, inv_freq: Array, *, scale: float = 1.0, limit: int | None = None
    ) -> tuple[Any, Any]:
        table = np.atleast_2d(single(inv_freq))
        return self._call("rotary", table, scale, limit or 0, layout.stride)

    def _windows(self, x: Any, layout: Any, size: int, stride: int) -> Any:
        return self._call("windows", x, size, stride)

    def relative_bias(self, table: Array, layout: Any, **options: Any) -> Any:
        return self._call("relative_bias", table[relative_buckets(**options)].T)

    def pool(self, x: Any, layout: Any, *, kind: str) -> Any:
        return self._call("pool", self._value(x), kind)

    def remember(self, k: Any, v: Any, layout: Any, slot: Any) -> None:
        kept = slot.key, self._result(k), self._result(v), layout.stride
        self._plan.remembered.append(kept)

    def attention(
        self,
        q: Any,
        k: Any,
        v: Any,
        layout: Any,
        *,
        heads: int,
        kv_heads: int | None = None,
        slot: Any = None,
        **options: Any,
    ) -> Any:
        q, k, v = self._value(q), self._value(k), self._value(v)
        values: tuple[Any, ...] = (q, k, v)
        if slot is not None and isinstance(slot.held, Remembered):
            if options.get("bias") is not None:
                raise UnrecordableError("attention to a source with a bias")
            self._plan.sources.append(slot.key)
            values = self._call("source"), q, slot.held.source()[1].shape[1]
        elif slot is not None:
            self._plan.caches.append(slot.key)
            values = self._call("cache"), q, k, v
        return self._call("attention", *values, heads=heads, kv_heads=kv_heads or heads, **options)

    def _result(self, x: Any) -> int:
        """Have each pass return a value; -> which of its results it is."""
        try:
            return self._call("result", self._value(x))
        except InputError as why:
            raise UnrecordableError(str(why)) from None


def record_plan(
    network: Module, program: str, state: State | None, inputs: Kinds
) -> tuple[Plan, Counter[str]]:
    """A program's plan, and which operations were fused in it.

    Raises UnrecordableError where the program does what a plan cannot, be it to ask a value for
    its numbers.
    """
    plan = Plan()
    op = Recorder(plan)
    slots = None if state is None else Slots(state)
    try:
        given = {
            name: plan.steps.rows(*shape) if dtype == "float32" else plan.steps.ids()
            for name, (dtype, shape) in inputs
        }
        ids = given.pop(inputs[0][0])
        value = getattr(network, program)(op, ids, Tokens(), slots, **given)
        plan.result = op._result(value)
    except (TypeError, AttributeError) as why:
        raise UnrecordableError(f"{program}: {why}") from why
    return plan, op.fused
