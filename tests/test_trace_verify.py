"""Looking inside and comparing: traces, differences between models, and verification."""

from __future__ import annotations

import importlib
import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import quatrain
from quatrain.engines.kernels import Kernels
from quatrain.engines.native import Native
from quatrain.engines.recorder import Plan
from quatrain.errors import InputError
from quatrain.parity import Diff, Difference

#: ``quatrain.verify`` is also the name of a function.
verification = importlib.import_module("quatrain.verify")
FAMILIES = ("gpt2", "llama", "bert")
ENGINES = ("reference", "native", "onnx")
IDS = [5, 9, 2, 44]


@pytest.fixture
def altered(copied):
    """A function: a tensor's name -> the tiny GPT-2 with that tensor changed."""

    def make(name: str, change=lambda x: x + 0.5):
        file = copied("gpt2") / "model.safetensors"
        tensors = load_file(file)
        save_file(tensors | {name: change(tensors[name])}, file)
        return quatrain.load(file.parent)

    return make


# Traces


@pytest.mark.parametrize("family", FAMILIES)
def test_every_engine_records_the_same_names_and_shapes(family, tiny):
    traces = [quatrain.load(tiny(family), engine=engine).trace(IDS) for engine in ENGINES]
    described = [{name: trace[name].shape for name in trace} for trace in traces]
    assert list(described[0]) == list(described[1]) == list(described[2])
    assert described[0] == described[1] == described[2]


def test_modules_operations_and_what_attention_hides_have_names(tiny):
    trace = quatrain.load(tiny("gpt2")).trace(IDS)
    shapes = {
        "wte": (4, 24),
        "h.2": (4, 24),
        "h.2.attn": (4, 24),
        "h.2.attn.attention": (4, 24),
        "h.2.attn.attention.scores": (3, 4, 4),
        "h.2.attn.attention.weights": (3, 4, 4),
        "h.2.mlp.gelu_tanh": (4, 37),
        "h.2.attn.split.2": (4, 24),
        "lm_head": (4, 97),
    }
    assert {name: trace[name].shape for name in shapes} == shapes
    assert len(trace) == len(list(trace)) and "h.3" not in trace
    assert "h.2.attn.attention.scores  [3, 4, 4]" in repr(trace)


@pytest.mark.parametrize("engine", ENGINES)
def test_attention_weights_are_causal_and_add_up_to_1(engine, tiny):
    trace = quatrain.load(tiny("gpt2"), engine=engine).trace(IDS)
    for layer in range(3):
        weights = trace[f"h.{layer}.attn.attention.weights"]
        assert np.allclose(weights.sum(-1), 1, atol=1e-6)
        assert np.array_equal(weights, np.tril(weights))


def test_what_is_computed_beside_a_fused_kernel_is_said(tiny):
    recomputed = {e: quatrain.load(tiny("gpt2"), engine=e).trace(IDS).recomputed for e in ENGINES}
    inner = {f"h.{i}.attn.attention.{part}" for i in range(3) for part in ("scores", "weights")}
    assert recomputed["native"] == inner
    assert recomputed["reference"] == set()


@pytest.mark.parametrize("family", FAMILIES)
def test_tracing_changes_no_bit_on_native(family, tiny):
    model = quatrain.load(tiny(family))
    last = "lm_head" if family != "bert" else "encoder"
    plain = model.logits(IDS) if family != "bert" else model.hidden(IDS)
    assert np.array_equal(model.trace(IDS)[last], plain)


def test_an_unknown_name_is_answered_with_names_near_it(tiny):
    trace = quatrain.load(tiny("gpt2")).trace(IDS)
    with pytest.raises(InputError, match=r"no value named 'h.9.attn'; try .*h\.0\.attn"):
        trace["h.9.attn"]


def test_a_trace_of_both_halves(tiny):
    """Names are in the order of computation, and those of both passes are counted."""
    traces = [quatrain.load(tiny("t5"), engine=e).trace(IDS, [0, 7, 3]) for e in ENGINES]
    first = traces[0]
    assert list(first) == list(traces[1]) == list(traces[2])
    assert first["shared"].shape == first["encoder"].shape == (4, 24)
    assert first["shared:1"].shape == first["decoder"].shape == (3, 24)
    cross = "decoder.block.2.layer.1.EncDecAttention.attention.weights"
    assert first[cross].shape == (3, 3, 4)
    assert list(first)[-1] == "lm_head"
    assert cross in traces[1].recomputed and "shared:1" not in traces[1].recomputed
    for other in traces[1:]:
        for name in first:
            assert Difference.between(other[name], first[name]).relative <= 1e-4, name


def test_rows_and_logits_of_both_halves(tiny):
    model = quatrain.load(tiny("t5"))
    trace = model.trace(IDS, [0, 7, 3])
    assert np.array_equal(model.hidden(IDS), trace["encoder"])
    assert np.array_equal(model.logits(IDS, [0, 7, 3]), trace["lm_head"])
    assert np.array_equal(model.logits(IDS, decoder_ids=[0, 7]), trace["lm_head"][:2])


@pytest.mark.parametrize("task", ["trace", "logits"])
def test_a_target_is_for_encoder_decoders_alone(task, tiny):
    with pytest.raises(InputError, match=rf"\[{task}\] expected decoder_ids with a model of t5"):
        getattr(quatrain.load(tiny("t5")), task)(IDS)
    with pytest.raises(InputError, match=rf"\[{task}\] expected no decoder_ids .* gpt2"):
        getattr(quatrain.load(tiny("gpt2")), task)(IDS, [0])
    for wrong, message in (([], "at least one token"), ([97], "ids in"), ("a", "integers")):
        with pytest.raises(InputError, match=message):
            getattr(quatrain.load(tiny("t5")), task)(IDS, wrong)


# Differences


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("transformer.wte.weight", "wte.embedding"),
        ("transformer.wpe.weight", "wpe.embedding"),
        ("transformer.h.0.ln_1.bias", "h.0.ln_1.layer_norm"),
        ("transformer.h.1.attn.c_attn.weight", "h.1.attn.c_attn.linear"),
        ("transformer.h.2.mlp.c_proj.bias", "h.2.mlp.c_proj.linear"),
        ("transformer.ln_f.weight", "ln_f.layer_norm"),
    ],
)
def test_the_first_divergence_is_where_the_weight_was_changed(name, first, altered, tiny):
    found = quatrain.diff(altered(name), quatrain.load(tiny("gpt2")), IDS)
    assert found.first_divergence == first
    assert not found.agree


def test_halves_are_compared_too(tiny):
    model = quatrain.load(tiny("t5"))
    other = quatrain.load(tiny("t5"), engine="reference")
    assert quatrain.diff(model, other, IDS, [0, 5]).agree


def test_a_model_agrees_with_itself_on_other_engines(tiny):
    models = [quatrain.load(tiny("gpt2"), engine=engine) for engine in ENGINES]
    for model in models:
        assert quatrain.diff(model, models[0], IDS).agree


def test_nan_is_a_divergence(altered, tiny):
    spoiled = altered("transformer.h.1.ln_2.weight", lambda x: np.full_like(x, np.nan))
    found = quatrain.diff(spoiled, quatrain.load(tiny("gpt2")), IDS)
    assert found.first_divergence == "h.1.ln_2.layer_norm"
    assert found.rows["h.1.ln_2.layer_norm"].absolute == np.inf


@pytest.mark.parametrize(
    ("got", "want", "absolute", "relative"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0, 0),
        ([1.0, 2.5], [1.0, 2.0], 0.5, 0.25),
        ([0.0], [0.0], 0, 0),
        ([1.0], [0.0], 1, np.inf),
        ([], [], 0, 0),
        ([1.0], [1.0, 1.0], np.inf, np.inf),
        ([np.nan], [1.0], np.inf, np.inf),
        ([1.0], [np.nan], np.inf, np.inf),
        ([np.inf, 1.0], [np.inf, 1.0], 0, 0),
        ([np.inf], [-np.inf], np.inf, np.inf),
        ([1.0], [np.inf], np.inf, np.inf),
        ([np.nan, 4.0], [np.nan, 2.0], 2, 1),
    ],
)
def test_a_difference_is_absolute_and_relative_to_the_largest(got, want, absolute, relative):
    found = Difference.between(np.array(got, np.float32), np.array(want, np.float64))
    assert found == (absolute, relative)


def test_names_that_one_side_lacks_are_no_agreement():
    found = Diff()
    found.add_all({"a": np.ones(2)}, {"a": np.ones(2), "b": np.ones(2)})
    assert found.unmatched == ["b"] and found.first_divergence is None
    assert not found.agree


# Verification


@pytest.mark.parametrize("family", [*FAMILIES, "bart"])
def test_verification_passes_and_says_what_it_did(family, tiny, tmp_path):
    report = quatrain.verify(tiny(family), report=tmp_path / "parity.json")
    assert report.passed
    cached = sum("cached" in case for case in report.cases)
    assert len(report.cases) == (5 if family == "bert" else 10)
    assert cached == (0 if family == "bert" else 5)
    engines = ["reference", "native", "onnx", "onnx, padded left"]
    found = json.loads((tmp_path / "parity.json").read_text())
    assert found["passed"] is True and list(found["engines"]) == engines
    assert found["cases"] == report.cases and found["model"] == str(tiny(family))
    for name in engines:
        layers = found["engines"][name]["layers"]
        assert "output" in layers and len(layers) > 20
        assert 0 < max(d["relative"] for d in layers.values()) < 1e-4
        assert report.worst(name).relative == max(d["relative"] for d in layers.values())


def test_the_default_model_passes_verification():
    report = quatrain.verify()
    assert report.passed
    assert max(report.worst(engine).relative for engine in report.engines) < 2e-5


def test_given_texts_replace_the_built_in_ones(tiny):
    report = quatrain.verify(quatrain.load(tiny("bert")), [[1, 2, 3]])
    assert report.cases == ["batch 1, [3] tokens"]


@pytest.mark.parametrize("texts", ["a text", [], [[]], [[97]], [[1.5]]])
def test_verification_refuses_bad_texts(texts, tiny):
    with pytest.raises(InputError):
        quatrain.verify(tiny("bert"), texts)


@pytest.mark.parametrize(
    ("family", "operation", "first"),
    [
        ("gpt2", "gelu_tanh", "h.0.mlp.gelu_tanh"),
        ("llama", "rope", "layers.0.self_attn.rope"),
        ("bert", "layer_norm", "embeddings.LayerNorm.layer_norm"),
        ("bert", "pool", "1_Pooling.pool"),
        ("bart", "gelu", "encoder.layers.0.gelu"),
    ],
)
def test_verification_finds_a_broken_engine(family, operation, first, tiny, monkeypatch):
    right = getattr(Native, operation)

    def wrong(self, *args, **kwargs):
        return right(self, *args, **kwargs) * np.float32(1.01)

    monkeypatch.setattr(Native, operation, wrong)
    report = quatrain.verify(tiny(family))
    assert not report.passed
    assert report.engines["native"].first_divergence == first
    assert report.engines["reference"].agree and report.engines["onnx"].agree


def test_verification_finds_an_engine_that_errs_only_in_its_cache(tiny, monkeypatch):
    right = Plan.run

    def wrong(self, engine, arena, layout, *rest):
        found = right(self, engine, arena, layout, *rest)
        return found * np.float32(1.01) if layout.past.any() else found

    monkeypatch.setattr(Plan, "run", wrong)
    found = quatrain.verify(tiny("gpt2")).engines["native"]
    assert found.first_divergence.startswith("cached.")


def test_verification_finds_an_engine_that_errs_only_untraced(tiny, monkeypatch):
    """Tracing forces what is fused: the fused path is compared as well."""
    monkeypatch.setattr(Kernels, "_map", spoiled_map(Kernels._map))
    found = quatrain.verify(tiny("gpt2")).engines["native"]
    assert found.first_divergence in ("output", "cached.0")


def spoiled_map(right):
    def wrong(self, name, x):
        fused = getattr(x, "kind", None) == "linear" and x.value is None
        found = right(self, name, x)
        return found * np.float32(1.01) if fused else found

    return wrong


def test_nan_does_not_pass_verification(tiny, monkeypatch, tmp_path):
    monkeypatch.setattr(
        Native, "gelu_tanh", lambda self, x: self._map("relu", x) * np.float32("nan")
    )
    report = quatrain.verify(tiny("gpt2"), report=tmp_path / "parity.json")
    assert not report.passed
    assert report.engines["native"].first_divergence == "h.0.mlp.gelu_tanh"
    layers = json.loads((tmp_path / "parity.json").read_text())["engines"]["native"]["layers"]
    assert layers["h.0.mlp.gelu_tanh"]["relative"] == "inf"


def test_no_cases_is_no_pass():
    assert not verification.Report("a model", 1e-4, {"native": Diff()}, []).passed
