"""The padded layout of graphs: ids ``[B, T]`` and a mask ``[B, S]``, S = P + T columns."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from quatrain.engines.onnx.graph import Graph, Value
from quatrain.errors import InputError
from quatrain.state import SlotSpec

END = np.iinfo(np.int64).max


class Padded:
    """Symbolic sizes, positions and masks of one pass, each built once when first asked for.

    ``mask`` int64 ``[B, S]``: 1 where a column holds a token; ``past``: whether the first P
    columns come from a cache. Positions count the ones of the mask, so gaps and both sides of
    padding are fine. ``stride``: how many of the pass's tokens a row stands for.
    """

    def __init__(
        self, graph: Graph, ids: Value, mask: Value, *, past: bool, stride: int = 1
    ) -> None:
        self.graph, self.ids, self.mask, self.past = graph, ids, mask, past
        self.stride = stride
        self._memo: dict[Hashable, Value] = {}

    def once(self, key: Hashable, build: Callable[[], Value]) -> Value:
        if key not in self._memo:
            scope, self.graph.scope = self.graph.scope, "layout"
            self._memo[key] = build()
            self.graph.scope = scope
        return self._memo[key]

    def every(self, stride: int) -> Padded:
        """The layout of every ``stride``-th row of each sentence, padded on the right."""

        def build() -> Value:
            g, one = self.graph, self.graph.constant([1])

            def part(value: Value) -> Value:
                more = g.emit("Add", value, g.constant(stride - 1), dtype="int64")
                return g.emit("Div", more, g.constant(stride), dtype="int64")

            width = g.emit("Squeeze", part(self.size(self.ids, 1)), dtype="int64")
            columns = g.emit("Range", g.constant(0), width, g.constant(1), dtype="int64")
            counts = part(g.emit("ReduceSum", self.mask, one, dtype="int64"))
            tokens = g.emit("Less", columns, counts, dtype="bool")
            return g.emit("Cast", tokens, dtype="int64", to=7)

        mask = self.once(("every", stride), build)
        return Padded(self.graph, mask, mask, past=False, stride=self.stride * stride)

    def columns(self) -> Value:
        """int64 ``[T]``: 0, 1, ..."""
        return self._range(self.ids)

    def first(self) -> Value:
        """int64 ``[B, 1]``: the column of each sentence's first token."""
        return self.once(
            "first", lambda: self.graph.emit("ArgMax", self.mask, dtype="int64", axis=1, keepdims=1)
        )

    def size(self, value: Value, axis: int) -> Value:
        """A dimension as an int64 vector of one element."""
        return self.once(
            ("size", value, axis),
            lambda: self.graph.emit("Shape", value, dtype="int64", start=axis, end=axis + 1),
        )

    def new_columns(self, value: Value) -> Value:
        """The last T columns of ``[B, S]``."""
        if not self.past:
            return value
        g, one = self.graph, self.graph.constant([1])
        start = self.past_length()
        return g.emit("Slice", value, start, g.constant([END]), one, dtype=value.dtype)

    def past_length(self) -> Value:
        """P, as a vector of one element."""
        return self.once(
            "P",
            lambda: self.graph.emit(
                "Sub", self.size(self.mask, 1), self.size(self.ids, 1), dtype="int64"
            ),
        )

    def key_positions(self) -> Value:
        """int64 ``[B, S]``: every column's position in its sentence (0 before its first token)."""

        def build() -> Value:
            g = self.graph
            count = g.emit("CumSum", self.mask, g.constant(1), dtype="int64")
            before = g.emit("Sub", count, g.constant(1), dtype="int64")
            return g.emit("Max", before, g.constant(0), dtype="int64")

        return self.once("key_positions", build)

    def positions(self) -> Value:
        """int64 ``[B, T]``: the new columns' positions."""
        return self.once("positions", lambda: self.new_columns(self.key_positions()))

    def lengths(self) -> Value:
        """int64 ``[B, 1]``: the tokens of each sentence, past ones included."""
        return self.once(
            "lengths",
            lambda: self.graph.emit(
                "ReduceSum", self.mask, self.graph.constant([1]), dtype="int64", keepdims=1
            ),
        )

    def tokens(self) -> Value:
        """bool ``[B, T]``: which new columns hold a token."""
        return self.once(
            "tokens",
            lambda: self.graph.emit("Cast", self.new_columns(self.mask), dtype="bool", to=9),
        )

    def distance(self) -> Value:
        """int64 ``[B, T, S]``: key position - query position."""

        def build() -> Value:
            g = self.graph
            keys = g.emit("Unsqueeze", self.key_positions(), g.constant([1]), dtype="int64")
            queries = g.emit("Unsqueeze", self.positions(), g.constant([2]), dtype="int64")
            return g.emit("Sub", keys, queries, dtype="int64")

        return self.once("distance", build)

    def sees(self, mask: Value, causal: bool, window: int | None) -> Value:
        """bool ``[B, 1, T, S]``: which keys a query may see; ``mask`` is the keys' ``[B, S]``."""
        return self.once(("sees", mask, causal, window), lambda: self._sees(mask, causal, window))

    def _sees(self, mask: Value, causal: bool, window: int | None) -> Value:
        g = self.graph
        tokens = g.emit("Cast", mask, dtype="bool", to=9)
        sees = g.emit("Unsqueeze", tokens, g.constant([1, 2]), dtype="bool")
        if causal:
            # By column, not position: it is the order in which the columns were filled.
            columns = self._range(mask)
            rows = g.emit("Add", self._range(self.ids), self.past_length(), dtype="int64")
            rows = g.emit("Unsqueeze", rows, g.constant([1]), dtype="int64")
            sees = g.emit(
                "And", sees, g.emit("LessOrEqual", columns, rows, dtype="bool"), dtype="bool"
            )
        if window is not None:
            away = g.emit("Abs", self.distance(), dtype="int64")
            near = g.emit("Less", away, g.constant(window), dtype="bool")
            near = g.emit("Unsqueeze", near, g.constant([1]), dtype="bool")
            sees = g.emit("And", sees, near, dtype="bool")
        if not causal and window is None:
            # onnxruntime's Attention refuses a mask whose query axis is 1.
            one = g.constant([1])
            shape = g.emit(
                "Concat",
                self.size(self.ids, 0), one, self.size(self.ids, 1), self.size(mask, 1),
                dtype="int64", axis=0,
            )  # fmt: skip
            sees = g.emit("Expand", sees, shape, dtype="bool")
        return sees

    def _range(self, value: Value) -> Value:
        """int64 ``[n]``: 0, 1, ... for axis 1 of ``value``."""
        g = self.graph

        def build() -> Value:
            n = g.emit("Squeeze", self.size(value, 1), dtype="int64")
            return g.emit("Range", g.constant(0), n, g.constant(1), dtype="int64")

        return self.once(("range", value), build)


@dataclass
class GraphSlot:
    """One cache in a graph: what comes in (None at an encoder pass) and what goes out.

    ``stride``: how many tokens of the source a row of what goes out stands for.
    """

    spec: SlotSpec
    past: tuple[Value, Value] | None
    mask: Value
    present: tuple[Value, Value] | None = None
    stride: int = 1


@dataclass
class GraphState:
    """The caches of a graph, by (block, part)."""

    slots: dict[tuple[int, str], GraphSlot]
    specs: list[SlotSpec]
    _taken: set[tuple[int, str]] = field(default_factory=set)

    def slot(self, index: int, part: str = "decoder") -> GraphSlot:
        if (index, part) in self._taken:
            raise InputError(f"[state] slot {(index, part)} was already used in this pass")
        self._taken.add((index, part))
        return self.slots[index, part]

    @property
    def stride(self) -> int:
        """How many tokens a row of the source that was kept stands for."""
        return max((slot.stride for slot in self.slots.values()), default=1)

    def outputs(self) -> list[tuple[SlotSpec, tuple[Value, Value]]]:
        """What this pass adds to the caches."""
        slots: list[Any] = [(spec, self.slots[spec.key].present) for spec in self.specs]
        return [(spec, present) for spec, present in slots if present is not None]
