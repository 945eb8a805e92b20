"""What an engine is: the vocabulary, and the four things around a pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from quatrain.errors import EngineError, InputError
from quatrain.layout import Packed
from quatrain.module import Module, Param
from quatrain.ops import Ops, relative_buckets
from quatrain.state import SlotSpec, State
from quatrain.trace import Recording, Tracer
from quatrain.weights import Load

Ids = Sequence[np.ndarray]


class Engine(Ops):
    """The vocabulary on one kind of tensor. A loaded model owns one engine."""

    name = "engine"
    #: How many threads a call may use; None leaves it to what the engine runs on.
    threads: int | None = None
    #: Whether a trace's attention scores and weights are computed beside a fused kernel.
    recomputes = False

    def parameter(self, key: str, param: Param, load: Load) -> Any:
        """This engine's tensor for a weight; ``load`` gives it in its logical shape."""
        raise NotImplementedError

    def form(self, param: Param, load: Load) -> str | None:
        """How ``parameter`` holds a weight. Engines of one class that say the same hold the same.

        None: what is returned may be changed, so that nobody else may hold it.
        """
        return None

    def packed(
        self, shape: tuple[int, ...], dtype: str, parts: dict[str, np.ndarray], block: int
    ) -> Any:
        """This engine's tensor for a linear layer's weight that was packed before.

        Raises EngineError if it cannot use one, InputError if the parts are no such weight's.
        """
        raise EngineError(f"[load] the {self.name} engine cannot use packed weights of {dtype}")

    def state(self, specs: Sequence[SlotSpec], batch: int, capacity: int = 16) -> Any:
        """An empty state for ``batch`` sentences."""
        raise NotImplementedError

    def run(
        self,
        network: Module,
        program: str,
        ids: Ids,
        state: Any = None,
        *,
        source: bool = False,
        record: bool = False,
        **inputs: Ids,
    ) -> tuple[np.ndarray, Recording]:
        """Call ``network.<program>`` on sentences of ids.

        Networks that hear take rows of numbers ``[T, F]`` instead of ids.

        -> its result as packed float rows, and what was recorded (nothing unless ``record``).
        With ``source`` the ids are an encoder's: they do not count as decoder rows in ``state``.
        Nothing is committed: the caller calls ``state.next()``.
        """
        raise NotImplementedError

    def memory(
        self,
        network: Module,
        program: str,
        state: Any,
        inputs: tuple[str, ...],
        tokens: int,
        sentences: int,
        features: int | None = None,
    ) -> tuple[int, int]:
        """Bytes that a pass of that size takes beside its state, and those of its results.

        ``features``: how wide the rows are that the program takes instead of ids.
        Raises InputError where this engine cannot know.
        """
        raise InputError(f"[plan] the {self.name} engine does not plan its memory")

    def begin(self, name: str) -> None:
        """A traced model is about to call the operation that ``name`` names."""

    def named(self, name: str, value: Any) -> Any:
        """A traced model computed ``value``; -> what the trace keeps of it."""
        return value


class PackedEngine(Engine):
    """An engine whose rows are packed: sentences end to end, no padding."""

    dtype = np.dtype(np.float32)
    #: Of the keys and values that a state keeps, if it is another: int8.
    cache_dtype: np.dtype | None = None

    def state(self, specs: Sequence[SlotSpec], batch: int, capacity: int = 16) -> State:
        return State.empty(specs, batch, self.cache_dtype or self.dtype, capacity)

    def numpy(self, value: Any) -> np.ndarray:
        """A result as a NumPy array."""
        return value

    def layout(
        self, lengths: Sequence[int], state: State | None = None, source: bool = False
    ) -> Packed:
        """The layout of a pass over ``lengths`` new rows; begins that pass in ``state``."""
        counts = np.array(lengths, np.int64)
        if state is None:
            return Packed(counts, np.zeros_like(counts))
        state.begin(np.zeros_like(counts) if source else counts)
        return Packed(counts, np.zeros_like(counts) if source else state.lengths)

    def run(
        self,
        network: Module,
        program: str,
        ids: Ids,
        state: State | None = None,
        *,
        source: bool = False,
        record: bool = False,
        **inputs: Ids,
    ) -> tuple[np.ndarray, Recording]:
        layout = self.layout([len(sentence) for sentence in ids], state, source)
        op = Tracer(self) if record else self
        first, *others = (flatten(rows, self.dtype) for rows in (ids, *inputs.values()))
        flat = dict(zip(inputs, others, strict=True))
        result = self.numpy(getattr(network, program)(op, first, layout, state, **flat))
        return result, op.collect(layout) if isinstance(op, Tracer) else Recording()

    # What depends on the layout alone is the same for every packed engine.

    def positions(self, layout: Packed, *, start: int = 0) -> np.ndarray:
        return layout.positions + start

    def rotary(
        self, layout: Packed, inv_freq: np.ndarray, *, scale: float = 1.0, limit: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        if limit is not None:
            row = np.clip(layout.total - limit, 0, len(inv_freq) - 1)
            inv_freq = np.repeat(inv_freq[row], layout.lengths, axis=0)
        angle = layout.positions[:, None].astype(self.dtype) * inv_freq.astype(self.dtype)
        factor = self.dtype.type(scale)
        return np.cos(angle) * factor, np.sin(angle) * factor

    def relative_bias(
        self,
        table: np.ndarray,
        layout: Packed,
        *,
        bidirectional: bool,
        buckets: int,
        max_distance: int,
    ) -> list[np.ndarray]:
        bucket = relative_buckets(
            bidirectional=bidirectional, buckets=buckets, max_distance=max_distance
        )
        biases = []
        for n, past in zip(layout.lengths, layout.past, strict=True):
            distance = np.arange(past + n)[None, :] - np.arange(past, past + n)[:, None]
            index = bucket[np.clip(distance, -max_distance, max_distance) + max_distance]
            biases.append(table[index].transpose(2, 0, 1))
        return biases


def kind_of(sentences: Ids) -> tuple[str, tuple[int, ...]]:
    """The dtype of what a pass is given, and its dimensions after the tokens'."""
    array = np.asarray(sentences[0]) if len(sentences) else np.zeros(0, np.int64)
    return ("float32" if array.dtype.kind == "f" else "int64"), array.shape[1:]


def flatten(sentences: Ids, dtype: np.dtype) -> np.ndarray:
    """Sentences end to end: ids int64 ``[N]``, or rows ``[N, ...]`` of ``dtype``."""
    if not len(sentences):
        return np.zeros(0, np.int64)
    if len(sentences) == 1 and (only := np.asarray(sentences[0])).dtype == np.int64:
        return only
    rows = np.concatenate([np.asarray(sentence) for sentence in sentences])
    return rows.astype(dtype if rows.dtype.kind == "f" else np.int64, copy=False)
