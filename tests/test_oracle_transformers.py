"""Random checkpoints made by transformers: the same logits, rows and greedy ids on every engine."""

from __future__ import annotations

import numpy as np
import pytest

import oracle
from cases import ENGINES
from judge import difference
from oracle import DECODERS, VARIANTS, Oracle
from quatrain.engines.reference import Reference
from quatrain.folder import Folder
from quatrain.loader import load_on
from quatrain.models import EncoderDecoder

pytestmark = [pytest.mark.oracle("torch", "transformers")]

FLOAT32 = 1e-4
#: Two float64 computations of one thing; but transformers computes Llama's angles in float32.
FLOAT64 = {"gpt2": 1e-12, "bert": 1e-12, "t5": 1e-12, "llama": 1e-6}
JUDGED = ENGINES | {"reference, float64": lambda: Reference(np.float64)}
#: New tokens of two sentences, pass by pass.
CHUNKS = ((5, 2), (1, 1), (4, 1), (1, 1))
#: Greedy ids are compared up to the first step that is closer than this.
TIE = 1e-3


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A function: variant -> (our folder, transformers in float64); each made once."""
    root, known = tmp_path_factory.mktemp("oracle"), {}

    def make(variant: str):
        if variant not in known:
            folder = oracle.write(root / str(len(known)), variant)
            known[variant] = folder, Oracle(folder, VARIANTS[variant][0])
        return known[variant]

    return make


def sentences(seed: int, *lengths: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.integers(0, oracle.VOCAB, n) for n in lengths]


def tolerance(engine: str, variant: str) -> float:
    return FLOAT64[VARIANTS[variant][0]] if engine.endswith("float64") else FLOAT32


@pytest.mark.parametrize("engine", JUDGED)
@pytest.mark.parametrize("variant", DECODERS)
def test_logits(variant, engine, made):
    """Unequal sentences, in ragged chunks through the caches, are what transformers makes whole."""
    folder, judge = made(variant)
    model = load_on(Folder(folder), JUDGED[engine]())
    network, engine_ = model.network, model.engine
    texts, sources = sentences(1, 11, 5), sentences(2, 7, 3)
    state = engine_.state(network.slots(), 2)
    crossed = isinstance(network, EncoderDecoder)
    if crossed:
        engine_.run(network, "encode", sources, state, source=True)
    done, parts = np.zeros(2, int), [[], []]
    for lengths in CHUNKS:
        chunk = [text[d : d + n] for text, d, n in zip(texts, done, lengths, strict=True)]
        rows, _ = engine_.run(network, "logits", chunk, state)
        state.next()
        done += lengths
        for part, new in zip(parts, np.split(rows, [lengths[0]]), strict=True):
            part.append(new)
    for text, source, part in zip(texts, sources, parts, strict=True):
        want = judge.logits(text, source if crossed else None)
        assert difference(np.concatenate(part), want) <= tolerance(engine, variant)


@pytest.mark.parametrize("engine", JUDGED)
@pytest.mark.parametrize("variant", [name for name in VARIANTS if name not in DECODERS])
def test_rows_of_every_layer(variant, engine, made):
    folder, judge = made(variant)
    model = load_on(Folder(folder), JUDGED[engine]())
    texts = sentences(1, 11, 4)
    kinds = model.config.type_vocab_size
    types = [np.arange(len(text)) % kinds for text in texts]
    rows, trace = model.engine.run(
        model.network, "hidden", texts, record=True, token_type_ids=types
    )
    names = ["embeddings", *(f"encoder.layer.{i}" for i in range(model.config.num_hidden_layers))]
    for b, (text, kind) in enumerate(zip(texts, types, strict=True)):
        wanted = judge.layers(text, kind)
        assert len(wanted) == len(names)
        for name, want in zip(names, wanted, strict=True):
            assert difference(trace[name][b], want) <= tolerance(engine, variant), name
    assert difference(rows[: len(texts[0])], judge.layers(texts[0], types[0])[-1]) <= FLOAT32


@pytest.mark.parametrize("variant", DECODERS)
def test_greedy_ids(variant, made):
    folder, judge = made(variant)
    models = [load_on(Folder(folder), ENGINES[name]()) for name in ("reference", "native", "onnx")]
    margins, compared = [], 0
    for prompt in sentences(3, 9, 1, 4, 2):
        ids, margin = judge.greedy(prompt, 12)
        clear = next((i for i, m in enumerate(margin) if m < TIE), len(margin))
        for model in models:
            got = model.generate(prompt, max_new_tokens=12)
            assert got.finish_reason == "length" and len(got.ids) == 12
            assert got.ids[:clear] == ids[:clear]
        margins += margin
        compared += clear
    assert np.median(margins) > 0.1
    assert compared >= 0.9 * len(margins)
