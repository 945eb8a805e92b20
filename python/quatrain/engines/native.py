"""The native engine: our C++ kernels on packed rows, a pass at a time.

The first pass of a program is recorded as a plan; it and all that follow run the plan, one call of
C++ each. A pass that is to be traced, and a program that cannot be recorded, is computed operation
by operation, and gives bit by bit the same.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from quatrain import _core
from quatrain.engines.engine import Ids, flatten, kind_of
from quatrain.engines.kernels import Kernels, Pending
from quatrain.engines.recorder import Kinds, Plan, UnrecordableError, record_plan
from quatrain.errors import EngineError, InputError
from quatrain.module import Module, Param
from quatrain.state import State
from quatrain.trace import Recording
from quatrain.weights import Blocks, Load

Array = np.ndarray

#: Blocks of files that the kernels take; others become the 8-bit ones.
BLOCKS = ("Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q4_K")


class Native(Kernels):
    """The vocabulary in C++. ``unplanned`` counts the passes that could not be recorded, by why."""

    name = "native"
    recomputes = True

    def __init__(
        self,
        threads: int | None = None,
        dtype: str | None = None,
        cache_dtype: np.dtype | None = None,
    ) -> None:
        super().__init__(threads)
        self.cache_dtype = cache_dtype
        #: How weights of linear layers are packed; None: as they were saved or their file has
        #: quantised them (then embeddings, too), else as float32.
        self.dtype_of_weights = dtype
        self.unplanned: Counter[str] = Counter()
        # By the network itself: an id alone could come again once a network is gone.
        self._plans: dict[Any, Plan | str] = {}
        self._arenas: list[_core.Arena] = []

    def parameter(self, key: str, param: Param, load: Load) -> Any:
        blocks = self._blocks(param, load)
        if blocks is not None and blocks.kind in BLOCKS:
            return _core.pack_blocks(blocks.rows(), blocks.kind, threads=self.threads)
        array = load()
        if param.role == "convolution":
            array = array.transpose(0, 2, 1).reshape(param.matrix)  # as rows lie in windows
        if param.packed or blocks is not None:
            dtype = "q8_0" if blocks is not None else self.dtype_of_weights or "float32"
            return _core.pack(packable(array), dtype, threads=self.threads)
        fixed = np.require(array, np.float32, ["C", "A"]).view()
        fixed.flags.writeable = False
        return fixed

    def form(self, param: Param, load: Load) -> str:
        if self._blocks(param, load) is not None:
            return "blocks"
        return self.dtype_of_weights or "float32" if param.packed else "array"

    def _blocks(self, param: Param, load: Load) -> Blocks | None:
        """A matrix as its file has quantised it, if it is to stay so."""
        keeps = self.dtype_of_weights is None and param.role in ("linear", "tied", "embedding")
        return load.blocks() if keeps else None

    def packed(
        self, shape: tuple[int, ...], dtype: str, parts: dict[str, Array], block: int
    ) -> Any:
        if self.dtype_of_weights not in (None, dtype):
            raise EngineError(
                f"[load] expected dtype {dtype}, as the weights were saved, got"
                f" {self.dtype_of_weights}"
            )
        return _core.PackedWeight.from_parts((shape[0], shape[1]), dtype, parts, block)

    def named(self, name: str, value: Any) -> Any:
        return self._value(value) if isinstance(value, Pending) else value

    def numpy(self, value: Any) -> Array:
        return self._value(value)

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
    ) -> tuple[Array, Recording]:
        kinds = tuple((name, kind_of(rows)) for name, rows in {"ids": ids, **inputs}.items())
        plan = None if record else self._plan(network, program, state, kinds)
        if plan is None:
            return super().run(network, program, ids, state, source=source, record=record, **inputs)
        layout = self.layout([len(sentence) for sentence in ids], state, source)
        whole = [flatten(rows, self.dtype) for rows in (ids, *inputs.values())]
        # Every pass that runs at the same time needs an arena of its own.
        try:
            arena = self._arenas.pop()
        except IndexError:
            arena = _core.Arena()
        try:
            return plan.run(self, arena, layout, state, whole), Recording()
        finally:
            self._arenas.append(arena)

    def memory(
        self,
        network: Module,
        program: str,
        state: State | None,
        inputs: tuple[str, ...],
        tokens: int,
        sentences: int,
        features: int | None = None,
    ) -> tuple[int, int]:
        first = ("int64", ()) if features is None else ("float32", (features,))
        kinds: Kinds = (("ids", first), *((name, ("int64", ())) for name in inputs))
        plan = self._plan(network, program, state, kinds)
        if plan is None:
            raise InputError(f"[plan] {program} is not run from a plan: {list(self.unplanned)}")
        return plan.steps.nbytes(tokens, sentences), plan.steps.result_nbytes(tokens, sentences)

    def _plan(
        self, network: Module, program: str, state: State | None, inputs: Kinds
    ) -> Plan | None:
        """The plan of a program, recorded on first use; None if it cannot be recorded."""
        key = (network, program, state is not None, inputs)
        plan = self._plans.get(key)
        if plan is None:
            try:
                plan, fused = record_plan(network, program, state, inputs)
                self.fused += fused
            except UnrecordableError as why:
                plan = str(why)
            self._plans[key] = plan
        if isinstance(plan, str):
            self.unplanned[plan] += 1
            return None
        return plan


def packable(array: Array) -> Array:
    """A weight as ``pack`` takes it: float16 and float32 as they are, others as float32."""
    return array if array.dtype in (np.float16, np.float32) else array.astype(np.float32)
