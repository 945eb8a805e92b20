"""quatrain through its public calls, and its reference, which judges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import quatrain
from benchmarks.models.cases import NEW, Task
from benchmarks.models.material import checkpoint

#: Real sentences that the reference encodes: it is slow.
JUDGED = 1000


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


class Quatrain:
    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.loaded: tuple[tuple[str, str], Any] | None = None

    def numpy(self, result: Any, case: Task) -> np.ndarray:
        return unit(result) if case.task == "encode" else np.array(result)

    def variants(self, case: Task) -> Iterator[tuple[str, Callable[[], Any]]]:
        if self.loaded is None or self.loaded[0] != (case.model, case.dtype):
            self.loaded = None
            model = quatrain.load(checkpoint(case.model), threads=self.threads, dtype=case.dtype)
            self.loaded = (case.model, case.dtype), model
        model = self.loaded[1]
        if case.task == "encode":
            yield "", lambda: model.encode(case.ids, progress=False)
        else:
            new = 1 if case.task == "prefill" else NEW
            yield "", lambda: greedy(model, case.ids, new)


class Reference:
    """In float64, for a few of the sentences."""

    def __init__(self, threads: int) -> None:
        pass

    def numpy(self, result: Any, case: Task) -> np.ndarray:
        return unit(result) if case.task == "encode" else np.array(result)

    def variants(self, case: Task) -> Iterator[tuple[str, Callable[[], Any]]]:
        model = quatrain.load(checkpoint(case.model), engine="reference")
        if case.task == "encode":
            yield "", lambda: model.encode(case.ids[:JUDGED], progress=False)
        else:
            yield "", lambda: greedy(model, case.ids, 1 if case.task == "prefill" else NEW)


def greedy(model: Any, prompts: list[list[int]], new: int) -> list[list[int]]:
    """``Model.generate`` of each prompt, all of them in one pass per token."""
    if len(prompts) == 1:
        return [model.generate(prompts[0], max_new_tokens=new, temperature=0.0).ids]
    engine, network = model.engine, model.network
    state = engine.state(network.slots(), len(prompts), len(prompts[0]) + new)
    chunks = [np.array(prompt) for prompt in prompts]
    found = []
    for _ in range(new):
        logits = engine.run(network, "next_logits", chunks, state)[0]
        state.next()
        found.append(logits.argmax(-1))
        chunks = list(found[-1][:, None])
    return np.array(found).T.tolist()
