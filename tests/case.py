"""A case: an operation, what it is given, and how close every engine must come.

A case makes its inputs from its own name, runs on any engine through ``Engine.run``, and is
judged by the reference in float64.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from quatrain.engines.engine import Engine
from quatrain.engines.native import Native
from quatrain.engines.onnx import Onnx
from quatrain.engines.reference import Reference
from quatrain.module import Module, Param
from quatrain.ops import Ops
from quatrain.state import SlotSpec
from quatrain.weights import Default

#: Every engine that a case runs on, by name.
ENGINES: dict[str, Callable[[], Engine]] = {
    "reference": Reference,
    "native": lambda: Native(1),
    "native, 2 threads": lambda: Native(2),
    "onnx": lambda: Onnx(1),
    "onnx, padded left": lambda: Onnx(1, padding="left"),
}
VOCAB = 11

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
#: (op, arguments) -> result. The arguments have the inputs and weights of the case as attributes,
#: and ``ids``, ``layout`` and ``state``.
Program = Callable[[Any, SimpleNamespace], Any]


def normal(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return random.standard_normal(shape)


def positive(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return random.uniform(0.01, 9.0, shape)


def huge(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return 1e15 * normal(random, shape)


def tiny(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return 1e-30 * normal(random, shape)


def poisoned(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """NaN and infinity, but only in a sentence of more than eight rows: the others stay clean."""
    x = normal(random, shape)
    if shape[0] > 8:
        x[0, 0], x[1, -1] = np.nan, np.inf
    return x


@dataclass(frozen=True, eq=False)
class Case:
    """One operation on one kind of input.

    ``passes``: the new rows of each sentence, pass by pass; several passes go through a state.
    ``source``: the rows of each sentence of an encoder pass before them. ``strided`` cuts the
    inputs out of wider rows, so that engines meet memory that is not contiguous.
    """

    op: str
    label: str
    program: Program
    inputs: dict[str, int] = field(default_factory=dict)
    weights: dict[str, Param] = field(default_factory=dict)
    passes: tuple[tuple[int, ...], ...] = ((5, 1, 9),)
    slots: tuple[SlotSpec, ...] = ()
    source: tuple[int, ...] = ()
    remember: Program | None = None
    draw: Draw = normal
    strided: bool = False
    tolerance: float = 1e-6

    def __str__(self) -> str:
        return f"{self.op}-{self.label}"

    @property
    def has_body(self) -> bool:
        """Whether the vocabulary itself has a body for the operation, in primitives."""
        return not hasattr(getattr(Ops, self.op), "required")

    def on(self, engine: Engine, *, body: bool = False) -> Bound:
        """The case on an engine; ``body`` runs the operation's body instead of the override."""
        return Bound(self, engine, body)


class Bound(Module):
    """A case with its inputs and its weights on one engine: a small network."""

    def __init__(self, case: Case, engine: Engine, body: bool) -> None:
        self.case, self.engine, self.body = case, engine, body
        self.random = np.random.default_rng(zlib.crc32(str(case).encode()))
        self.dtype = getattr(engine, "dtype", np.dtype(np.float32))
        self.tensors = {
            name: self._weight(f"weights.{name}", param) for name, param in case.weights.items()
        }
        self.source = self._sentences(case.source)
        self.passes = [self._sentences(lengths) for lengths in case.passes]

    def run(self, *, record: bool = False) -> dict[str, list[np.ndarray]]:
        """Every pass: its result, and with ``record`` all that was recorded, by name."""
        case, state, seen = self.case, None, {}
        if case.slots:
            state = self.engine.state(case.slots, len(case.passes[0]))
        if case.source:
            ids, inputs = self.source
            self.engine.run(self, "remember", ids, state, source=True, **inputs)
        for i, (ids, inputs) in enumerate(self.passes):
            result, found = self.engine.run(self, "forward", ids, state, record=record, **inputs)
            seen[f"pass {i}"] = [result]
            seen |= {f"pass {i} {name}": arrays for name, arrays in found.items()}
            if state is not None:
                state.next()
        return seen

    def forward(self, op: Any, ids: Any, layout: Any, state: Any, **inputs: Any) -> Any:
        op = Body(op, self.case.op) if self.body else op
        return self.case.program(op, self._arguments(op, ids, layout, state, inputs))

    def remember(self, op: Any, ids: Any, layout: Any, state: Any, **inputs: Any) -> Any:
        assert self.case.remember is not None
        return self.case.remember(op, self._arguments(op, ids, layout, state, inputs))

    def _arguments(self, op, ids, layout, state, inputs) -> SimpleNamespace:
        widths = self.case.inputs
        if not inputs:  # An empty batch has no rows that could say how wide they are.
            inputs = {name: op.embedding(ids, self.tensors[f"no {name}"]) for name in widths}
        elif self.case.strided:
            inputs = {name: op.split(x, (3, widths[name], 2))[1] for name, x in inputs.items()}
        return SimpleNamespace(ids=ids, layout=layout, state=state, **inputs, **self.tensors)

    def _weight(self, key: str, param: Param) -> Any:
        array = self.random.standard_normal(param.shape).astype(np.float32)
        return self.engine.parameter(key, param, Default(lambda: array))

    def _sentences(self, lengths: tuple[int, ...]) -> tuple[list, dict[str, list]]:
        ids = [self.random.integers(0, VOCAB, n) for n in lengths]
        if not lengths:
            for name, width in self.case.inputs.items():
                self.tensors[f"no {name}"] = self._weight(name, Param((VOCAB, width), "embedding"))
            return ids, {}
        extra = 5 if self.case.strided else 0
        inputs = {
            # In float32 first: every engine sees the same numbers.
            name: [
                self.case.draw(self.random, (n, width + extra)).astype(np.float32, copy=False)
                for n in lengths
            ]
            for name, width in self.case.inputs.items()
        }
        return ids, {
            name: [rows.astype(np.float32).astype(self.dtype) for rows in sentences]
            for name, sentences in inputs.items()
        }


class Body:
    """An engine whose operation ``name`` is the body that the vocabulary gives it."""

    def __init__(self, op: Any, name: str) -> None:
        self.op, self.name = op, name

    def __getattr__(self, name: str) -> Any:
        if name == self.name:
            body = getattr(Ops, name)
            return lambda *args, **kwargs: body(self.op, *args, **kwargs)
        return getattr(self.op, name)
