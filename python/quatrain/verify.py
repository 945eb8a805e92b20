"""Verify: the same checkpoint on every engine, compared layer by layer."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quatrain.engines.engine import Engine
from quatrain.engines.native import Native
from quatrain.engines.onnx import Onnx
from quatrain.engines.reference import Reference
from quatrain.errors import InputError
from quatrain.files import new_file
from quatrain.loader import load
from quatrain.model import Model, Sample
from quatrain.models import Decoder, Encoder, EncoderDecoder, Network, SpeechToText
from quatrain.parity import TOLERANCE, Diff, Difference, worst
from quatrain.trace import Recording

#: Built-in inputs: short, long, and not only English.
TEXTS = (
    "Humpty Dumpty sat on a wall.",
    "All",
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the"
    " age of foolishness, it was the epoch of belief, it was the epoch of incredulity.",
    "Früher war alles besser: 12,5 % günstiger, naïve Leute; 你好, мир!",
)
#: How a decoder's sentence is fed when it is cached: a prefill, ragged chunks, single tokens.
CHUNKS = ((0.5, 0.25, 0.8), (0.75, 0.8, 0.9), (1.0, 1.0, 1.0))


@dataclass
class Report:
    """What ``verify`` found: for each engine, each named layer's largest difference."""

    model: str
    tolerance: float
    engines: dict[str, Diff]
    #: Names of the cases that were run on every engine.
    cases: list[str]

    @property
    def passed(self) -> bool:
        return bool(self.cases) and all(diff.agree for diff in self.engines.values())

    def worst(self, engine: str) -> Difference:
        """An engine's largest difference over all layers."""
        return worst(self.engines[engine].rows.values())

    def as_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "judge": "reference, float64",
            "tolerance": self.tolerance,
            "passed": self.passed,
            "cases": self.cases,
            "engines": {name: diff.as_json() for name, diff in self.engines.items()},
        }


def verify(
    path_or_model: str | os.PathLike[str] | Model | None = None,
    texts: Sequence[Any] | None = None,
    *,
    tolerance: float = TOLERANCE,
    report: str | os.PathLike[str] | None = None,
) -> Report:
    """Run a model on reference, native and onnx, and compare each with the reference in float64.

    The cases: each text alone and all together, padded on either side, and for decoders fed in
    ragged chunks through the caches; each with every layer recorded, and once without. Texts are an
    encoder-decoder's sources, and its targets too, behind its start token. ``texts`` replaces the
    built-in ones; token ids will do, and for models that hear they are recordings. ``report`` is
    where the findings are written as JSON. Nothing is raised for a disagreement: see
    ``Report.passed``.
    """
    model = path_or_model if isinstance(path_or_model, Model) else load(path_or_model)
    samples = inputs_of(model, texts)
    if report is None:
        return compared(model, samples, tolerance)
    with new_file(Path(report)) as draft:
        result = compared(model, samples, tolerance)
        draft.write_text(json.dumps(result.as_json(), indent=1, allow_nan=False) + "\n")
    return result


def compared(model: Model, samples: list[Sample], tolerance: float) -> Report:
    """Every case on every engine, judged by the reference in float64."""
    judge = model.on(Reference(np.float64))
    threads = model.engine.threads
    engines: dict[str, Engine] = {
        "reference": Reference(),
        "native": Native(threads, "float32"),  # whatever a GGUF file has
        "onnx": Onnx(threads),
        "onnx, padded left": Onnx(threads, padding="left"),
    }
    wanted = dict(observations(judge, samples))
    result = Report(str(model.path), tolerance, {}, list(wanted))
    for name, engine in engines.items():
        result.engines[name] = found = Diff(tolerance)
        for case, got in observations(model.on(engine), samples):
            found.add_all(got, wanted[case])
    return result


def inputs_of(model: Model, texts: Sequence[Any] | None) -> list[Sample]:
    """The texts to run: given ones, the built-in ones, or ids for a model without a tokenizer."""
    if texts is not None and (isinstance(texts, str) or not len(texts)):
        raise InputError("[verify] texts: expected a sequence of at least one text")
    if texts is not None:
        return [model.sample(text) for text in texts]
    if isinstance(network := model.network, SpeechToText):
        random = np.random.default_rng(4)
        shapes = [(min(n, network.context // part), network.bins) for n, part in ((90, 1), (33, 2))]
        return [Sample(random.standard_normal(shape, np.float32), {}) for shape in shapes]
    limit = min(model.network.context or 64, 64)
    if model.tokenizer is not None:
        return [model.sample(text, max_length=limit) for text in TEXTS]
    random = np.random.default_rng(4)
    lengths = [min(n, limit) for n in (9, 1, 33, 17)]
    return [model.sample(random.integers(0, model.network.vocab_size, n)) for n in lengths]


def observations(
    model: Model, samples: list[Sample]
) -> Iterator[tuple[str, dict[str, list[np.ndarray]]]]:
    """Every case: its name, and what was recorded, with the untraced output as ``output``."""
    decodes = isinstance(model.network, Decoder)
    groups = [[sample] for sample in samples] + ([samples] if len(samples) > 1 else [])
    for group in groups:
        case = f"batch {len(group)}, {[len(sample.ids) for sample in group]} tokens"
        output, _ = whole(model, group)
        _, recording = whole(model, group, record=True)
        yield case, {**recording, "output": [output]}
        if decodes:
            yield f"{case}, cached", cached(model, group)


def whole(
    model: Model, group: list[Sample], *, record: bool = False
) -> tuple[np.ndarray, Recording]:
    """What the model makes of sentences in one pass; encoder-decoders: in one pass of each part."""
    if isinstance(model.network, EncoderDecoder):
        sources = [sample.ids for sample in group]
        return model.run_pair(sources, targets(model.network, group), record=record)
    program = "embed" if isinstance(model.network, Encoder) else "logits"
    return model.run(program, group, record=record)


def targets(network: Network, group: list[Sample]) -> list[np.ndarray]:
    """What a decoder reads of each sample: the sample, or what translates it into itself."""
    if not isinstance(network, EncoderDecoder):
        return [sample.ids for sample in group]
    most, size = network.target_context, network.target_size
    read = [np.arange(len(x.ids) // 2) if x.ids.ndim > 1 else x.ids for x in group]
    return [np.concatenate([[network.start], ids % size])[:most] for ids in read]


def cached(model: Model, group: list[Sample]) -> dict[str, list[np.ndarray]]:
    """The logits of sentences fed in ragged chunks, as ``cached.0``, ``cached.1``, ..."""
    network, engine = model.network, model.engine
    state = engine.state(network.slots(), len(group))
    if isinstance(network, EncoderDecoder):
        sources = [sample.ids for sample in group]
        engine.run(network, "encode", sources, state, source=True)
    sentences = targets(network, group)
    parts: list[list[np.ndarray]] = [[] for _ in group]
    done = [0] * len(group)
    for shares in CHUNKS:
        chunk = []
        for i, ids in enumerate(sentences):
            # Every chunk has at least one token of each sentence while there are any left.
            end = max(done[i] + 1, int(len(ids) * shares[i % len(shares)]))
            chunk.append(ids[done[i] : end])
            done[i] = min(end, len(ids))
        if not any(len(ids) for ids in chunk):
            continue
        rows, _ = engine.run(network, "logits", chunk, state)
        state.next()
        ends = np.cumsum([len(ids) for ids in chunk])[:-1]
        for part, new in zip(parts, np.split(rows, ends), strict=True):
            part.append(new)
    return {f"cached.{i}": [np.concatenate(part)] for i, part in enumerate(parts)}
