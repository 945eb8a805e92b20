"""The road: one definition through packed, padded, cached and symbolic execution.

Every engine runs every family through the same script of passes and is judged against the
reference in float64, by name, layer by layer.
"""

from __future__ import annotations

import numpy as np
import pytest

from cases import ENGINES
from families import ENCODERS, FAMILIES, PAIRED
from quatrain.engines.native import Native
from quatrain.engines.reference import Reference
from quatrain.folder import Folder
from quatrain.layers import Embedding, Linear
from quatrain.loader import load_on
from quatrain.models import EncoderDecoder
from quatrain.module import Module
from quatrain.parity import Diff
from quatrain.weights import Default

#: New tokens of two sentences in each pass: a prefill, ragged chunks, then single tokens.
CHUNKS = ((9, 4), (3, 1), (1, 3), (1, 1), (1, 1), (1, 1), (1, 1))
TOLERANCE = 1e-4


class Script:
    """The same passes on any engine; everything observed goes into ``seen``, by name."""

    def __init__(self, folder, engine, *, record: bool):
        model = load_on(Folder(folder), engine)
        self.engine, self.network, self.record = engine, model.network, record
        self.family = model.config_name
        self.seen: dict[str, list[np.ndarray]] = {}
        self.random = np.random.default_rng(3)

    def ids(self, *lengths):
        return [self.random.integers(0, self.network.vocab_size, n) for n in lengths]

    def sources(self, *lengths):
        return FAMILIES[self.family].sources(self.random, *lengths)

    def run(self, label, program, ids, state=None, **kwargs):
        extra = {name: [np.arange(len(s)) % 2 for s in ids] for name in self.network.inputs}
        output, recording = self.engine.run(
            self.network, program, ids, state, record=self.record, **kwargs, **extra
        )
        self.seen[f"{label} output"] = [output]
        self.seen |= {f"{label} {name}": arrays for name, arrays in recording.items()}
        return output

    def encoder(self):
        sentences = self.ids(9, 4)
        both = self.run("both", "hidden", sentences)
        first = self.run("first", "hidden", sentences[:1])
        second = self.run("second", "hidden", sentences[1:])
        self.run("pooled", "embed", sentences)
        assert close(both, np.concatenate([first, second]))

    def decoder(self):
        network, engine = self.network, self.engine
        source = self.sources(7, 2)
        state = self.state(source)
        chunks, rows = [], []
        for step, lengths in enumerate(CHUNKS):
            chunks.append(self.ids(*lengths))
            output = self.run(f"pass {step}", "logits", chunks[-1], state)
            # A pass that was not committed can be repeated.
            again = self.run(f"pass {step} again", "logits", chunks[-1], state)
            assert np.array_equal(output, again)
            last = self.run(f"pass {step} last", "next_logits", chunks[-1], state)
            assert close(last, output[np.cumsum(lengths) - 1])
            state.next()
            rows.append(np.split(output, np.cumsum(lengths)[:-1]))
        whole = [np.concatenate(parts) for parts in zip(*chunks, strict=True)]
        cached = np.concatenate([np.concatenate(parts) for parts in zip(*rows, strict=True)])
        uncached = self.run("whole", "logits", whole, self.state(source))
        assert close(cached, uncached)
        if not isinstance(network, EncoderDecoder):
            assert close(self.run("stateless", "logits", whole), uncached)

        beams = state.fork([1, 0, 1])
        assert list(beams.lengths) == [12, 17, 12]
        self.run("beams", "logits", self.ids(2, 1, 3), beams)
        beams.next()
        reordered = beams.fork([2, 0])
        self.run("reordered", "logits", self.ids(1, 1), reordered)
        # The original was not disturbed by what its forks wrote.
        output = self.run("original", "logits", chunks[-1], state)
        assert output.shape == (2, network.vocab_size)
        assert engine.name in ("reference", "native", "onnx")

    def state(self, source):
        state = self.engine.state(self.network.slots(), 2)
        if isinstance(self.network, EncoderDecoder):
            self.run("source", "encode", source, state, source=True)
        return state


def close(a, b):
    return np.abs(a - b).max() <= 1e-5 * np.abs(b).max()


def walk(folder, engine, family, *, record):
    script = Script(folder, engine, record=record)
    (script.encoder if family in ENCODERS else script.decoder)()
    return script.seen


@pytest.fixture(scope="module")
def judged(tiny):
    """family -> what the float64 reference sees."""
    return {f: walk(tiny(f), Reference(np.float64), f, record=True) for f in FAMILIES}


@pytest.mark.parametrize("record", [False, True], ids=["untraced", "traced"])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("engine", ENGINES)
def test_road(engine, family, record, tiny, judged):
    seen = walk(tiny(family), ENGINES[engine](), family, record=record)
    want = judged[family]
    if record:
        assert list(seen) == list(want), "traced names differ"
    else:
        want = {name: want[name] for name in seen}
    diff = Diff(TOLERANCE)
    diff.add_all(seen, want)
    assert diff.agree, (diff.first_divergence, diff.rows.get(diff.first_divergence))


@pytest.mark.parametrize("family", FAMILIES)
def test_native_is_bitwise_the_same_whatever_is_around_a_sentence(family, tiny):
    """Batch 1 or 2, in either order, 1 or 2 threads, cached or not: the same bits."""
    results = {}
    for threads in (1, 2):
        script = Script(tiny(family), Native(threads), record=False)
        a, b = script.ids(13, 5)
        source = script.sources(6, 6)
        if family in ENCODERS:
            runs = {
                "alone": script.run("", "hidden", [a]),
                "first": script.run("", "hidden", [a, b])[: len(a)],
                "second": script.run("", "hidden", [b, a])[len(b) :],
            }
        else:
            runs = {
                "first": script.run("", "logits", [a, b], script.state(source))[: len(a)],
                "second": script.run("", "logits", [b, a], script.state(source))[len(b) :],
            }
            if family not in PAIRED:
                runs["alone"] = script.run("", "logits", [a])
            state, rows = script.state(source), []
            for start, end in ((0, 4), (4, 5), (5, 13)):
                chunk = [a[start:end], b[: end - start]]
                rows.append(script.run("", "logits", chunk, state)[: end - start])
                state.next()
            runs["cached"] = np.concatenate(rows)
            if family in PAIRED:
                del runs["second"]  # its second sentence attends to another source
        results |= {f"{name}, {threads} threads": rows for name, rows in runs.items()}
    first, *others = results.values()
    for name, rows in zip(list(results)[1:], others, strict=True):
        assert first.tobytes() == rows.tobytes(), name


@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_native_fuses_what_the_paper_spells_out(family, tiny):
    engine = Native(1)
    script = Script(tiny(family), engine, record=False)
    script.run("", "hidden", script.ids(5))
    layers = 3
    if family == "gpt2":
        # Two norms a block and the last one, all but the first after an addition... the first
        # adds the embeddings.
        assert engine.fused == {"add+layer_norm": 2 * layers + 1, "linear+gelu_tanh": layers}
    else:
        assert engine.fused == {"add+layer_norm": 2 * layers + 1, "linear+gelu": layers}


def test_a_slot_is_used_once_a_pass(tiny):
    engine = Reference()
    model = load_on(Folder(tiny("gpt2")), engine)
    state = engine.state(model.network.slots(), 1)
    state.begin(np.array([1]))
    state.slot(0)
    with pytest.raises(ValueError, match="already used"):
        state.slot(0)
    with pytest.raises(ValueError, match="fork"):
        state.fork([1])
    state.next()
    with pytest.raises(ValueError, match="nothing to commit"):
        state.next()


class Twice(Module):
    """One dense layer, gone through twice, as models that share their layers do."""

    def __init__(self):
        self.table = Embedding(11, 6)
        self.dense = Linear(6, 6)
        self.assign_paths()

    def hidden(self, op, ids, layout, state=None):
        x = op.tanh(self.dense(op, self.table(op, ids)))
        return self.dense(op, x)


def test_a_module_called_twice_has_two_names_on_every_engine():
    seen = []
    for make in ENGINES.values():
        engine, network, random = make(), Twice(), np.random.default_rng(5)
        for key, param, owner, attribute in list(network.params()):
            array = random.standard_normal(param.shape).astype(np.float32)
            setattr(
                owner, attribute, engine.parameter(key, param, Default(lambda array=array: array))
            )
        sentences = [np.array([3, 1, 4]), np.array([10])]
        seen.append(engine.run(network, "hidden", sentences, record=True)[1])
    assert list(seen[0]) == [
        "table.embedding", "table", "dense.linear", "dense", "tanh", "dense.linear:1", "dense:1",
    ]  # fmt: skip
    for other in seen[1:]:
        diff = Diff(TOLERANCE)
        diff.add_all(other, seen[0])
        assert list(other) == list(seen[0])
        assert diff.agree, diff.first_divergence
