"""What transformers computed from each family's tiny checkpoint, without needing it here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cases import ENGINES
from families import DECODERS, FAMILIES, PAIRED
from judge import difference
from quatrain.engines.reference import Reference
from quatrain.folder import Folder
from quatrain.loader import load_on

FLOAT32, TIE = 1e-4, 1e-3
STATES = ("hidden_states", "encoder_hidden_states", "decoder_hidden_states")


@pytest.mark.parametrize("engine", ["reference", "native", "onnx"])
@pytest.mark.parametrize("family", FAMILIES)
def test_golden(family, engine, tiny):
    golden = np.load(Path(__file__).parent / "goldens" / f"{family}.npz")
    model = load_on(Folder(tiny(family)), ENGINES[engine]())
    network, run = model.network, model.engine.run
    ids = [golden["ids"]]
    inputs = {name: [np.zeros_like(ids[0])] for name in network.inputs}
    state, traces = None, {}
    if family in PAIRED:
        state = model.engine.state(network.slots(), 1)
        _, traces["encoder_hidden_states"] = run(
            network, "encode", [golden["source"]], state, source=True, record=True
        )
    program = "logits" if family in DECODERS else "hidden"
    rows, trace = run(network, program, ids, state, record=True, **inputs)
    traces["decoder_hidden_states" if family in PAIRED else "hidden_states"] = trace
    for kind, trace in traces.items():
        names = FAMILIES[family].names(kind, len(golden[kind]))
        for name, want in zip(names, golden[kind], strict=True):
            assert difference(trace[name][0], want) <= FLOAT32, name
    last = golden["logits"] if family in DECODERS else golden["hidden_states"][-1]
    assert difference(rows, last) <= FLOAT32
    if "pooler_output" in golden:
        pooled, _ = run(network, "pooled", ids, **inputs)
        assert difference(pooled[0], golden["pooler_output"]) <= FLOAT32


@pytest.mark.parametrize("engine", ["reference", "native", "onnx"])
@pytest.mark.parametrize("family", DECODERS)
def test_golden_ids(family, engine, tiny):
    golden = np.load(Path(__file__).parent / "goldens" / f"{family}.npz")
    model = load_on(Folder(tiny(family)), ENGINES[engine]())
    want = list(golden["greedy"])
    clear = next((i for i, m in enumerate(golden["margins"]) if m < TIE), len(want))
    ends = [i for i, id in enumerate(want) if id == model.folder.generation.get("eos_token_id")]
    got = model.generate(golden["source" if family in PAIRED else "ids"], max_new_tokens=len(want))
    assert clear >= 0.9 * len(want)
    assert got.ids == want[: min([*ends, len(want)])]


def test_goldens_can_fail(tiny):
    """Half a promille off is found."""
    golden = np.load(Path(__file__).parent / "goldens" / "gpt2.npz")
    model = load_on(Folder(tiny("gpt2")), Reference())
    rows = model.logits(golden["ids"])
    assert difference(rows * 1.0005, golden["logits"]) > FLOAT32
