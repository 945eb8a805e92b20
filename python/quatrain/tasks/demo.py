"""The journey of one prompt: its tokens, what may come next, its continuation on every engine."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quatrain.engines import ENGINES
from quatrain.errors import EngineError, InputError
from quatrain.loader import load
from quatrain.parity import NONE, TOLERANCE, Difference, finite
from quatrain.tasks.generate import Options
from quatrain.tasks.sampling import log_softmax

if TYPE_CHECKING:
    from quatrain.model import Model

#: Each engine generates again for this many seconds, and its fastest time counts.
TIMED = 0.5


@dataclass(frozen=True)
class Finding:
    """What one engine made of the prompt, compared with the first engine, the reference.

    ``difference``: of the logits after every token of the prompt and its continuation.
    ``agrees``: the same text, and logits within the tolerance. ``unavailable`` says why the
    engine cannot run here; there is nothing else then, and nothing to disagree.
    """

    engine: str
    text: str = ""
    ids: list[int] = field(default_factory=list)
    tokens_per_second: float = 0.0
    difference: Difference = NONE
    agrees: bool = True
    unavailable: str | None = None

    def as_json(self) -> dict[str, Any]:
        if self.unavailable:
            return {"engine": self.engine, "unavailable": self.unavailable}
        return {
            "engine": self.engine,
            "text": self.text,
            "ids": self.ids,
            "tokens_per_second": self.tokens_per_second,
            "difference": finite(self.difference.absolute),
            "agrees": self.agrees,
        }


class Journey:
    """A prompt's way through ``model``, a decoder with a tokenizer. Raises InputError otherwise."""

    def __init__(
        self, model: Model, prompt: str, *, max_new_tokens: int, threads: int | None = None
    ) -> None:
        if model.tokenizer is None:
            raise InputError(f"[demo] {model.path}: expected a model with a tokenizer")
        self.model, self.prompt, self.threads = model, prompt, threads
        # The likeliest token each time: the engines must agree on it.
        self.settings: Options = {"max_new_tokens": max_new_tokens, "temperature": 0.0}
        self.ids = [int(id) for id in model.sample(prompt).ids]

    def likely(self, count: int = 8) -> list[tuple[int, float]]:
        """The likeliest next tokens as (id, probability): the softmax of the last logits."""
        scores = log_softmax(self.model.logits(self.ids)[-1])
        best = np.argsort(-scores, kind="stable")[:count]
        return [(int(id), float(np.exp(scores[id]))) for id in best]

    def pieces(self) -> Iterator[str]:
        """The continuation, as it is generated."""
        return self.model.stream(self.ids, **self.settings)

    def findings(self) -> Iterator[Finding]:
        """Every engine's finding, the reference's first. Only onnx may be unavailable."""
        judge: tuple[Finding, np.ndarray] | None = None
        for name in ENGINES:
            try:
                model = load(self.model.path, name, self.threads)
            except EngineError as e:
                if name != "onnx":
                    raise
                yield Finding(name, unavailable=str(e))
                continue
            finding, logits = self._measure(name, model, judge)
            judge = judge or (finding, logits)
            yield finding

    def _measure(
        self, name: str, model: Model, judge: tuple[Finding, np.ndarray] | None
    ) -> tuple[Finding, np.ndarray]:
        """One engine's finding, and its logits over the prompt and the judge's continuation."""
        # A token that is not timed: graphs are built once.
        model.generate(self.ids, **self.settings | {"max_new_tokens": 1})
        times: list[float] = []
        while not times or sum(times) < TIMED:
            begun = time.perf_counter()
            made = model.generate(self.ids, **self.settings)
            times.append(time.perf_counter() - begun)
        speed = len(made.ids) / min(times)
        whole = self.ids + (judge[0].ids if judge else made.ids)
        logits = model.logits(whole[: model.network.context])
        if judge is None:
            return Finding(name, made.text, made.ids, speed), logits
        difference = Difference.between(logits, judge[1])
        agrees = made.text == judge[0].text and difference.relative <= TOLERANCE
        return Finding(name, made.text, made.ids, speed, difference, agrees), logits

    def export(self, out: str | os.PathLike[str] | None = None) -> Path:
        """Export the model into ``out``, or into a new folder among the system's temporary ones."""
        return self.model.export(out or tempfile.mkdtemp(prefix="quatrain-demo-"))
