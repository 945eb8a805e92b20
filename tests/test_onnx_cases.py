"""ONNX's own operator cases, from the onnx package: what the operations mean outside this house."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest

from judge import difference
from quatrain.engines.native import Native
from quatrain.engines.reference import Reference
from quatrain.layout import Packed
from quatrain.state import Grown, Remembered

MODULES = ("layernormalization", "rmsnormalization", "softmax", "gelu", "rotaryembedding")
#: How many cases of each operator apply, at least: fewer would mean that they were not found.
APPLY = {
    "LayerNormalization": 7,
    "RMSNormalization": 7,
    "Softmax": 5,
    "Gelu": 4,
    "RotaryEmbedding": 8,
    "Attention": 80,
}
ENGINES = {
    "reference, float64": lambda: Reference(np.float64),
    "reference": Reference,
    "native": lambda: Native(1),
}
#: The cases' own outputs are float32.
TOLERANCE = 2e-6


class OperatorCase:
    """One node with its attributes, inputs and outputs by name."""

    def __init__(self, case: Any) -> None:
        (node,) = case.model.graph.node
        inputs, outputs = case.data_sets[0]
        self.name, self.op = case.name.removeprefix("test_"), node.op_type
        self.attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        self.inputs = dict(zip(filter(None, node.input), inputs, strict=True))
        self.outputs = dict(zip(filter(None, node.output), outputs, strict=True))

    def __str__(self) -> str:
        return self.name

    def get(self, name: str, default: Any = None) -> Any:
        return self.attributes.get(name, default)

    @property
    def excluded(self) -> str | None:
        """Why the case is about something that our operation is not; None if it applies."""
        first = next(iter(self.inputs.values()))
        if first.dtype != np.float32:
            return "not float32"
        axes = self.op in ("LayerNormalization", "RMSNormalization", "Softmax")
        if axes and self.get("axis", -1) not in (-1, first.ndim - 1):
            return "over another axis than the last"
        left, right = (self.get(f"{side}_window_size", -1) for side in ("left", "right"))
        if left != (max(left, right) if self.get("is_causal") else right):
            return "a window that reaches further to one side"
        lengths = self.inputs.get("nonpad_kv_seqlen")
        if self.get("is_causal") and lengths is not None and lengths.min() < first.shape[-2]:
            return "more queries than keys: ours begin at position 0 or later"
        return None


def load() -> list[OperatorCase]:
    """Only the modules that are needed: importing every operator's cases takes ten times longer."""
    node = importlib.import_module("onnx.backend.test.case.node")
    for name in (*MODULES, "attention"):
        importlib.import_module(f"onnx.backend.test.case.node.{name}")
    cases = [case for case in node._NodeTestCases if "expanded" not in case.name]
    return [case for case in map(OperatorCase, cases) if case.op in APPLY]


CASES = load()
APPLICABLE = [case for case in CASES if case.excluded is None]


def layer_norm(engine, case, x, weight, bias=None):
    eps = case.get("epsilon", 1e-5)
    return {"Y": engine.layer_norm(x, weight, bias, eps=eps)}


def rms_norm(engine, case, x, weight):
    return {"Y": engine.rms_norm(x, weight, eps=case.get("epsilon", 1e-5))}


def softmax(engine, case, x):
    return {"y": engine.softmax(x)}


def gelu(engine, case, x):
    return {"y": engine.gelu_tanh(x) if case.get("approximate") == b"tanh" else engine.gelu(x)}


def rotary(engine, case, x, cos, sin, positions=None):
    """``[B, H, T, D]`` or ``[B, T, H*D]``; tables by position, or a row for each row."""
    heads = case.get("num_heads", x.shape[1])
    if positions is not None:
        cos, sin = cos[positions], sin[positions]
    turned = engine.rope(
        merged(x),
        cos.reshape(-1, cos.shape[-1]),
        sin.reshape(-1, sin.shape[-1]),
        heads=heads,
        interleaved=bool(case.get("interleaved", 0)),
    )
    return {"output": apart(turned, x)}


def attention(engine, case, q, k, v, mask=None, past_k=None, past_v=None, lengths=None):
    """The keys are a source's, or a cache's where there is a past and as many new as queries."""
    heads = case.get("q_num_heads", q.shape[1])
    kv_heads = case.get("kv_num_heads", k.shape[1])
    causal, window = bool(case.get("is_causal", 0)), case.get("left_window_size", -1)
    batch, n = len(q), q.shape[-2]
    new, past = k.shape[-2], 0 if past_k is None else past_k.shape[-2]
    counts = np.full(batch, past + new) if lengths is None else lengths
    # With lengths, the last query stands at the last key.
    before = lengths - n if causal and lengths is not None else np.full(batch, past)
    layout = Packed.of([n] * batch, before)
    old = [np.zeros((batch, 0, 1))] * 2 if past_k is None else [rows(past_k), rows(past_v)]
    keys, values = rows(k), rows(v)
    bias = biases(mask, batch, n, counts) if mask is not None else None
    if past and new == n:
        slot = Grown(*(np.ascontiguousarray(x) for x in old))
        given = merged(k), merged(v)
    else:
        if past:
            keys, values = (np.concatenate(x, 1) for x in ((old[0], keys), (old[1], values)))
        cut = [[x[b, :c] for b, c in enumerate(counts)] for x in (keys, values)]
        packed = (np.ascontiguousarray(np.concatenate(x)) for x in cut)
        slot, given = Remembered(np.arange(batch), *packed, Packed.of(counts)), (None, None)
    keep: dict[str, list[np.ndarray]] | None = {} if "qk_matmul_output" in case.outputs else None
    y = engine.attention(
        merged(q), *given, layout, heads=heads, kv_heads=kv_heads,
        scale=case.get("scale", 1 / math.sqrt(merged(q).shape[-1] // heads)),
        causal=causal, window=window + 1 if window >= 0 else None, softcap=case.get("softcap"),
        bias=None if bias is None else [b.astype(engine.dtype) for b in bias],
        slot=slot, keep=keep,
    )  # fmt: skip
    found = {"Y": apart(y, q, v)}
    if keep is not None and case.get("qk_matmul_output_mode", 0) == 3:
        found["qk_matmul_output"] = np.stack(keep["weights"])
    if isinstance(slot, Grown):
        total = past + new
        for name, x, like in ("present_key", slot.keys, k), ("present_value", slot.values, v):
            size = x.shape[-1] // kv_heads
            heads_apart = x[:, :total].reshape(batch, total, kv_heads, size).transpose(0, 2, 1, 3)
            assert like.ndim in (3, 4)
            found[name] = heads_apart
    return found


def rows(x: np.ndarray) -> np.ndarray:
    """``[B, H, T, D]`` as ``[B, T, H*D]``; what has three axes is so already."""
    if x.ndim == 3:
        return x
    return np.ascontiguousarray(x.transpose(0, 2, 1, 3)).reshape(len(x), x.shape[2], -1)


def merged(x: np.ndarray) -> np.ndarray:
    """The same as packed rows ``[N, H*D]``."""
    x = rows(x)
    return x.reshape(-1, x.shape[-1])


def apart(y: np.ndarray, like: np.ndarray, value: np.ndarray | None = None) -> np.ndarray:
    """Packed rows in the axes of ``like``; with ``value``, its last axis."""
    if like.ndim == 3:
        return y.reshape(*like.shape[:2], -1)
    batch, heads, n, _ = like.shape
    return y.reshape(batch, n, heads, -1).transpose(0, 2, 1, 3)


def biases(mask: np.ndarray, batch: int, n: int, counts: np.ndarray) -> list[np.ndarray]:
    """A mask of any rank as what is added to each sentence's scores, ``[H or 1, T, S]``."""
    if mask.dtype == bool:
        mask = np.where(mask, 0.0, -np.inf)
    mask = mask.reshape((1,) * (4 - mask.ndim) + mask.shape)
    mask = np.broadcast_to(mask, (batch, mask.shape[1], n, mask.shape[3]))
    return [np.ascontiguousarray(mask[b, :, :, :count]) for b, count in enumerate(counts)]


OPERATIONS: dict[str, Callable[..., dict[str, np.ndarray]]] = {
    "LayerNormalization": layer_norm,
    "RMSNormalization": rms_norm,
    "Softmax": softmax,
    "Gelu": gelu,
    "RotaryEmbedding": rotary,
    "Attention": attention,
}
#: ONNX's names of inputs -> ours, where a case may leave one out.
NAMES = {
    "Attention": {
        "Q": "q", "K": "k", "V": "v", "attn_mask": "mask", "past_key": "past_k",
        "past_value": "past_v", "nonpad_kv_seqlen": "lengths",
    },
    "RotaryEmbedding": {
        "input": "x", "cos_cache": "cos", "sin_cache": "sin", "position_ids": "positions",
    },
}  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", APPLICABLE, ids=str)
def test_operator_case(case, engine):
    engine = ENGINES[engine]()
    names = NAMES.get(case.op, {})
    arguments = {
        names.get(name, {"X": "x", "W": "weight", "B": "bias"}.get(name, name)): (
            x.astype(engine.dtype) if x.dtype == np.float32 else x
        )
        for name, x in case.inputs.items()
    }
    found = OPERATIONS[case.op](engine, case, **arguments)
    assert set(found) & {"Y", "y", "output"}
    for name, got in found.items():
        assert difference(got, case.outputs[name]) <= TOLERANCE, name


@pytest.mark.parametrize("op", APPLY)
def test_enough_cases_were_found(op):
    assert sum(case.op == op for case in APPLICABLE) >= APPLY[op]


def test_what_is_left_out_is_left_out_for_a_reason():
    reasons = {case.excluded for case in CASES} - {None}
    assert len(CASES) >= 150 and len(reasons) <= 4
