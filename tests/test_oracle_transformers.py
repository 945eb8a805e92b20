"""Random checkpoints made by transformers: the same hidden states, logits, greedy ids, beams."""

from __future__ import annotations

import numpy as np
import pytest

import oracle
from cases import ENGINES
from families import DECODERS, FAMILIES, PAIRED, VARIANTS, VOCAB
from judge import difference
from quatrain.engines.reference import Reference
from quatrain.folder import Folder
from quatrain.loader import load_on

pytestmark = [pytest.mark.oracle("torch", "transformers")]

FLOAT32 = 1e-4
FLOAT64 = "reference, float64"
JUDGED = ENGINES | {FLOAT64: lambda: Reference(np.float64)}
#: New tokens of two sentences, pass by pass.
CHUNKS = ((5, 2), (1, 1), (4, 1), (1, 1))
#: Greedy ids are compared up to the first step that is closer than this.
TIE = 1e-3
DECODING = [(family, variant) for family, variant in VARIANTS if family in DECODERS]


def named(variants: list[tuple[str, str]]) -> list:
    return [pytest.param(*one, id=", ".join(filter(None, one))) for one in variants]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A function: family and variant -> (our folder, transformers in float64); made once each."""
    root, known = tmp_path_factory.mktemp("oracle"), {}

    def make(family: str, variant: str):
        if (family, variant) not in known:
            folder = oracle.write(root / str(len(known)), family, variant)
            known[family, variant] = folder, oracle.judge(folder, family)
        return known[family, variant]

    return make


def sentences(seed: int, *lengths: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.integers(0, VOCAB, n) for n in lengths]


def sources_of(family: str, seed: int, *lengths: int) -> list[np.ndarray]:
    """What a family is given first: ids, or what it hears."""
    return FAMILIES[family].sources(np.random.default_rng(seed), *lengths)


def tolerance(engine: str, family: str) -> float:
    return FAMILIES[family].exact if engine == FLOAT64 else FLOAT32


@pytest.mark.parametrize("engine", ["native", "onnx", FLOAT64])
@pytest.mark.parametrize(("family", "variant"), named(VARIANTS))
def test_hidden_states(family, variant, engine, made):
    """Every layer's rows, as the trace names them, are transformers' hidden states."""
    folder, judge = made(family, variant)
    model = load_on(Folder(folder), JUDGED[engine]())
    network, run = model.network, model.engine.run
    texts, sources = sentences(1, 11, 4), sources_of(family, 2, 7, 3)
    inputs = {name: [np.arange(len(text)) % 2 for text in texts] for name in network.inputs}
    if model.config.__dict__.get("type_vocab_size") == 1:
        inputs = {name: [0 * row for row in rows] for name, rows in inputs.items()}
    traces = {}
    if family in PAIRED:
        state = model.engine.state(network.slots(), 2)
        traces["encoder_hidden_states"] = run(
            network, "encode", sources, state, source=True, record=True
        )[1]
        traces["decoder_hidden_states"] = run(network, "logits", texts, state, record=True)[1]
    else:
        program = "logits" if family in DECODERS else "hidden"
        traces["hidden_states"] = run(network, program, texts, record=True, **inputs)[1]
    for b, text in enumerate(texts):
        more = {name: rows[b] for name, rows in inputs.items()}
        want = judge.run(text, sources[b] if family in PAIRED else None, **more)
        for kind, trace in traces.items():
            names = FAMILIES[family].names(kind, len(want[kind]))
            assert len(names) == len(want[kind]) > 2
            for name, rows in zip(names, want[kind], strict=True):
                assert difference(trace[name][b], rows) <= tolerance(engine, family), name
        if "pooler_output" in want:
            pooled = run(network, "pooled", texts, **inputs)[0][b]
            assert difference(pooled, want["pooler_output"]) <= tolerance(engine, family)


@pytest.mark.parametrize("engine", JUDGED)
@pytest.mark.parametrize(("family", "variant"), named(DECODING))
def test_logits(family, variant, engine, made):
    """Unequal sentences, in ragged chunks through the caches, are what transformers makes whole."""
    folder, judge = made(family, variant)
    model = load_on(Folder(folder), JUDGED[engine]())
    network, engine_ = model.network, model.engine
    texts, sources = sentences(1, 11, 5), sources_of(family, 2, 7, 3)
    state = engine_.state(network.slots(), 2)
    if family in PAIRED:
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
        want = judge.logits(text, source if family in PAIRED else None)
        assert difference(np.concatenate(part), want) <= tolerance(engine, family)


@pytest.mark.parametrize(("family", "variant"), named(DECODING))
def test_greedy_ids(family, variant, made):
    folder, judge = made(family, variant)
    models = [load_on(Folder(folder), ENGINES[name]()) for name in ("reference", "native", "onnx")]
    margins, compared = [], 0
    for prompt in sources_of(family, 3, 9, 1, 4, 2):
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


@pytest.mark.parametrize(
    ("family", "variant"), named([one for one in DECODING if one[0] != oracle.OUR_OWN])
)
def test_beams(family, variant, made):
    """Four beams: the same texts with the same scores, in the same order."""
    folder, judge = made(family, variant)
    models = [load_on(Folder(folder), ENGINES[name]()) for name in ("reference", "native", "onnx")]
    for prompt in sources_of(family, 4, 7, 2):
        want = judge.beams(prompt, num_beams=4, max_new_tokens=8)
        for model in models:
            found = model.generate(
                prompt, num_beams=4, num_return_sequences=4, max_new_tokens=8
            ).beams
            assert [beam.ids for beam in found] == [ids for ids, _ in want]
            assert [beam.score for beam in found] == pytest.approx([s for _, s in want], 1e-4)
