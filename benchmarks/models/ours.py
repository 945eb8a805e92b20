"""quatrain through its public calls, and its reference, which judges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

import quatrain
from benchmarks.models.cases import BEAMS, BLOCK_BYTES, FOUND, NEW, Task
from benchmarks.models.material import checkpoint, quantised


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


class Quatrain:
    def __init__(self, threads: int) -> None:
        self.threads = threads

    def numpy(self, result: Any, case: Task) -> np.ndarray:
        return unit(result) if case.task == "encode" else np.array(result)

    def variants(self, case: Task) -> Iterator[tuple[str, Callable[..., Any]]]:
        held = case.dtype in BLOCK_BYTES
        model = quatrain.load(
            quantised(case.model, case.dtype) if held else checkpoint(case.model),
            threads=self.threads,
            dtype=None if held else case.dtype,
        )
        if case.task == "encode":
            yield "", lambda ids: model.encode(ids, progress=False)
        elif case.task == "search":
            yield "", partial(searched, model)
        elif case.batch * case.tokens == 1 or case.task == "prefill":
            new = 1 if case.task == "prefill" else NEW
            yield "", lambda ids: [model.generate(ids[0], max_new_tokens=new, temperature=0.0).ids]
        else:
            yield "", continued(model, case)


class Reference:
    """In float64."""

    def __init__(self, threads: int) -> None:
        pass

    def numpy(self, result: Any, case: Task) -> np.ndarray:
        return unit(result) if case.task == "encode" else np.array(result)

    def variants(self, case: Task) -> Iterator[tuple[str, Callable[..., Any]]]:
        path = (
            quantised(case.model, case.dtype)
            if case.dtype in BLOCK_BYTES
            else checkpoint(case.model)
        )
        model = quatrain.load(path, engine="reference")
        if case.task == "encode":
            yield "", lambda ids: model.encode(ids, progress=False)
        elif case.task == "search":
            yield "", partial(searched, model)
        elif case.task == "prefill":
            yield "", lambda ids: [model.generate(ids[0], max_new_tokens=1, temperature=0.0).ids]
        else:
            yield "", continued(model, case)


def searched(model: Any, ids: list[list[int]]) -> list[list[int]]:
    """The best translation, which may not end before it is as long as it may be."""
    length = {"max_new_tokens": FOUND, "min_new_tokens": FOUND}
    return [model.generate(ids[0], num_beams=BEAMS, **length).ids]


def continued(model: Any, case: Task) -> Callable[..., list[list[int]]]:
    """The most likely tokens behind each prompt, all of them in one pass per token."""
    engine, network = model.engine, model.network
    state = engine.state(network.slots(), case.batch, case.tokens + NEW)
    if case.tokens > 1:
        engine.run(network, "next_logits", [np.array(prompt[:-1]) for prompt in case.ids], state)
        state.next()
    read = state.lengths

    def call(ids: list[list[int]]) -> list[list[int]]:
        state.lengths = read  # what lies behind is written again
        chunks = [np.array(prompt[-1:]) for prompt in ids]
        found = []
        for _ in range(NEW):
            logits = engine.run(network, "next_logits", chunks, state)[0]
            state.next()
            found.append(logits.argmax(-1))
            chunks = list(found[-1][:, None])
        return np.array(found).T.tolist()

    return call
