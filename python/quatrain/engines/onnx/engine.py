"""The onnx engine: running a program writes its graph once, and onnxruntime executes it."""

from __future__ import annotations

import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from quatrain.engines.engine import Engine, Ids, kind_of
from quatrain.engines.onnx.graph import DataFile, Weight
from quatrain.engines.onnx.program import Program, build
from quatrain.engines.onnx.runtime import onnxruntime, session
from quatrain.errors import EngineError
from quatrain.module import Module, Param
from quatrain.state import Passes, SlotSpec
from quatrain.trace import Recording


class PaddedState(Passes):
    """Caches as the graphs have them: ``[B, Hk, P, D]`` by name, and a mask over P columns."""

    def __init__(self, specs: Sequence[SlotSpec], batch: int) -> None:
        super().__init__(np.zeros(batch, np.int64))
        self.specs = list(specs)
        self.mask = np.zeros((batch, 0), np.int64)
        self.source_mask = np.zeros((batch, 0), np.int64)
        self.caches: dict[str, np.ndarray] = {}
        for spec in specs:
            for name, dim in zip(
                spec.names("past_key_values"), (spec.key_dim, spec.value_dim), strict=True
            ):
                self.caches[name] = np.zeros((batch, spec.kv_heads, 0, dim), np.float32)
        self._next: tuple[np.ndarray, dict[str, np.ndarray]] | None = None

    def keep(self, mask: np.ndarray, present: dict[str, np.ndarray]) -> None:
        """What the pass would add; ``next`` commits it."""
        self._next = mask, present

    def next(self) -> None:
        super().next()
        if self._next is not None:
            self.mask, present = self._next
            self.caches.update(present)
            self._next = None

    def fork(self, index: Sequence[int] | np.ndarray) -> PaddedState:
        chosen = self.chosen(index)
        copy = PaddedState(self.specs, len(chosen))
        copy.lengths, copy.mask = self.lengths[chosen], self.mask[chosen]
        copy.source_mask = self.source_mask[chosen]
        copy.caches = {name: cache[chosen] for name, cache in self.caches.items()}
        return copy

    def replace(self, index: Sequence[int] | np.ndarray) -> None:
        """In place: sentence i becomes a copy of sentence ``index[i]``, which must stay itself."""
        for source, target in self.replaced(index):
            for array in (self.lengths, self.mask, self.source_mask, *self.caches.values()):
                array[target] = array[source]


class Onnx(Engine):
    """Graphs of standard operators on onnxruntime's CPU provider.

    ``padding``: the side on which shorter sentences are filled up, "right" or "left".
    """

    name = "onnx"

    def __init__(self, threads: int | None = None, *, padding: str = "right") -> None:
        onnxruntime()
        self.threads, self.padding = threads, padding
        self._folder = Path(tempfile.mkdtemp(prefix="quatrain-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._weights: list[Weight] = []
        self._data: DataFile | None = None
        # By the network itself: an id alone could come again once a network is gone.
        self._sessions: dict[Any, tuple[Program, Any]] = {}
        self._lock = threading.Lock()

    def parameter(self, key: str, param: Param, load: Callable[[], np.ndarray]) -> Weight:
        weight = Weight(key, param.shape, load, matrix=param.role == "linear")
        self._weights.append(weight)
        return weight

    def state(self, specs: Sequence[SlotSpec], batch: int, capacity: int = 16) -> PaddedState:
        return PaddedState(specs, batch)

    def run(
        self,
        network: Module,
        program: str,
        ids: Ids,
        state: PaddedState | None = None,
        *,
        source: bool = False,
        record: bool = False,
        **inputs: Ids,
    ) -> tuple[np.ndarray, Recording]:
        lengths = np.array([len(sentence) for sentence in ids], np.int64)
        if not lengths.sum():
            return self._empty(network, program, lengths, state, record, inputs)
        if state is not None:
            state.begin(np.zeros_like(lengths) if source else lengths)
        shapes = tuple((name, *kind_of(rows)) for name, rows in inputs.items())
        specs = tuple(state.specs) if state is not None else ()
        dtype, width = kind_of(ids)
        features = width[0] if dtype == "float32" else None
        plan, runner = self._session(network, program, specs, source, record, shapes, features)

        past = state.mask if state is not None and not source else None
        mask = self._pad([np.ones(n, np.int64) for n in lengths])
        own = "input_ids" if features is None else "input_features"
        feed = {own: self._pad(ids), "attention_mask": mask}
        feed |= {name: self._pad(rows) for name, rows in inputs.items()}
        if state is not None and past is not None:
            feed["attention_mask"] = np.concatenate([past, mask], axis=1)
            feed |= state.caches
            if state.source_mask.shape[1]:
                feed["encoder_attention_mask"] = state.source_mask
        # onnxruntime drops inputs that no node uses (a model without positions, say).
        known = {port.name for port in runner.get_inputs()}
        names = [port.name for port in runner.get_outputs()]
        values = dict(
            zip(
                names, runner.run(names, {k: v for k, v in feed.items() if k in known}), strict=True
            )
        )
        if state is not None:
            present = {
                name.replace("present", "past_key_values", 1): value
                for name, value in values.items()
                if name.startswith("present.")
            }
            if source:
                state.source_mask = strided(mask, plan.source_stride)
                state.caches.update(present)
            else:
                state.keep(feed["attention_mask"], present)

        recording = Recording()
        for name, (kind, stride) in plan.recorded.items():
            rows = strided(mask, stride)
            keys = feed["attention_mask"] if stride == 1 else rows
            if kind == "cross" and state is not None:
                keys = state.source_mask
            recording[name] = unpad(values[name], kind, rows, keys)
        result = values[plan.output]
        rows = strided(mask, plan.stride)
        return (result[rows.astype(bool)] if result.ndim > 2 else result), recording

    def _session(
        self,
        network: Module,
        program: str,
        specs: tuple[SlotSpec, ...],
        source: bool,
        record: bool,
        inputs: tuple[tuple[str, str, tuple[int, ...]], ...],
        features: int | None,
    ) -> tuple[Program, Any]:
        """The graph and its session, built on first use."""
        key = (network, program, specs, source, record, inputs, features)
        with self._lock:
            if key not in self._sessions:
                plan = build(
                    network,
                    program,
                    specs=specs,
                    source=source,
                    record=record,
                    inputs=inputs,
                    features=features,
                )
                folder = self._folder
                if self._data is None:
                    self._data = DataFile(folder / "model.onnx_data")
                    self._data.write(self._weights)
                path = folder / f"{program}.{len(self._sessions)}.onnx"
                plan.graph.write(path, self._data)
                self._sessions[key] = plan, session(path, self.threads)
            return self._sessions[key]

    def _empty(
        self,
        network: Module,
        program: str,
        lengths: np.ndarray,
        state: PaddedState | None,
        record: bool,
        inputs: dict[str, Ids],
    ) -> tuple[np.ndarray, Recording]:
        """onnxruntime refuses empty batches; one dummy row tells how wide no rows are."""
        if state is not None or len(lengths):
            raise EngineError("[onnx] expected at least one token in a pass, got none")
        dummy: dict[str, Any] = {
            name: [np.zeros((1, *kind_of(rows)[1]), kind_of(rows)[0])]
            for name, rows in inputs.items()
        }
        one = [np.zeros(1, np.int64)]
        result, recording = self.run(network, program, one, record=record, **dummy)
        for name in recording:
            recording[name] = []
        return result[:0], recording

    def _pad(self, sentences: Ids) -> np.ndarray:
        """Sentences ``[T, ...]`` as one array ``[B, T, ...]``, filled up with zeros."""
        longest = max(len(rows) for rows in sentences)
        first = np.asarray(sentences[0])
        dtype = np.float32 if first.dtype.kind == "f" else np.int64
        out = np.zeros((len(sentences), longest, *first.shape[1:]), dtype)
        for row, rows in zip(out, sentences, strict=True):
            where = slice(longest - len(rows), None) if self.padding == "left" else slice(len(rows))
            row[where] = rows
        return out


def strided(mask: np.ndarray, stride: int) -> np.ndarray:
    """The mask of every ``stride``-th row of each sentence, as ``Padded.every`` lays it out."""
    if stride == 1:
        return mask
    count, width = -(-mask.sum(1) // stride), -(-mask.shape[1] // stride)
    return (np.arange(width) < count[:, None]).astype(np.int64)


def unpad(value: np.ndarray, kind: str, new: np.ndarray, columns: np.ndarray) -> list[np.ndarray]:
    """A padded value cut into sentences, as the packed engines record it.

    ``new``: the mask of the value's rows; ``columns``: that of the keys, for scores.
    """
    batch = len(new)
    if kind == "table":
        return [value] * batch
    if kind == "sentence":
        return list(value)
    rows = new.astype(bool)
    if kind == "rows":
        return [value[b, rows[b]] for b in range(batch)]
    keys = columns.astype(bool)
    value = np.broadcast_to(value, (batch, *value.shape[1:]))
    return [value[b][:, rows[b]][:, :, keys[b]] for b in range(batch)]
