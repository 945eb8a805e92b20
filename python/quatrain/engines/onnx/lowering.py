"""The vocabulary as ONNX nodes: standard operators of opset 23, on padded rows ``[B, T, D]``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto

from quatrain.engines.engine import Engine
from quatrain.engines.onnx.graph import Graph, Value, Weight
from quatrain.engines.onnx.layout import GraphSlot, Padded
from quatrain.module import Param
from quatrain.ops import relative_buckets

FLOAT_MIN = float(np.finfo(np.float32).min)


class Lowering(Engine):
    """Appends nodes to ``graph``. Calls named by a tracer name their nodes and values."""

    name = "onnx"

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        #: How many of a head's values each cosine table turns.
        self._turned: dict[Value, int] = {}

    def parameter(self, key: str, param: Param, load: Callable[[], np.ndarray]) -> Weight:
        return Weight(key, param.shape, load, matrix=param.role == "linear")

    def begin(self, name: str) -> None:
        self.graph.scope = name

    def named(self, name: str, value: Value) -> Value:
        if isinstance(value, Value) and not value.fixed:
            value.name = name
        return value

    def emit(self, kind: str, *inputs: Value | None, **attributes: Any) -> Value:
        return self.graph.emit(kind, *inputs, **attributes)

    def _operand(self, y: Value | float) -> Value:
        return y if isinstance(y, Value) else self.graph.constant(y, "float32")

    # Primitives

    def add(self, x: Value, y: Value | float) -> Value:
        y = self._operand(y)
        return self.emit("Add", x, y)

    def mul(self, x: Value, y: Value | float) -> Value:
        return self.emit("Mul", x, self._operand(y))

    def tanh(self, x: Value) -> Value:
        return self.emit("Tanh", x)

    def relu(self, x: Value) -> Value:
        return self.emit("Relu", x)

    def sigmoid(self, x: Value) -> Value:
        return self.emit("Sigmoid", x)

    def erf(self, x: Value) -> Value:
        return self.emit("Erf", x)

    def rsqrt(self, x: Value) -> Value:
        return self.emit("Reciprocal", self.emit("Sqrt", x))

    def mean(self, x: Value) -> Value:
        return self.emit("ReduceMean", x, self.graph.constant([-1]))

    def softmax(self, x: Value) -> Value:
        return self.emit("Softmax", x, axis=-1)

    def split(self, x: Value, sizes: Sequence[int]) -> tuple[Value, ...]:
        dtypes = ["float32"] * len(sizes)
        return self.graph.emit_many(
            "Split", x, self.graph.constant(list(sizes)), dtypes=dtypes, axis=-1
        )

    def concat(self, *parts: Value) -> Value:
        return self.emit("Concat", *parts, axis=-1)

    def split_heads(self, x: Value, heads: int) -> Value:
        return self.emit("Reshape", x, self.graph.constant([0, 0, heads, -1]))

    def merge_heads(self, x: Value) -> Value:
        return self.emit("Reshape", x, self.graph.constant([0, 0, -1]))

    # Row-wise

    def embedding(self, ids: Value, weight: Value) -> Value:
        return self.emit("Gather", weight, ids, axis=0)

    def linear(self, x: Value, weight: Weight, bias: Value | None = None) -> Value:
        # A tied table is kept once, [V, D]; runtimes fold the transposition into the product.
        matrix = weight if weight.matrix else self.emit("Transpose", weight, perm=[1, 0])
        y = self.emit("MatMul", x, matrix)
        return y if bias is None else self.emit("Add", y, bias)

    def layer_norm(self, x: Value, weight: Value, bias: Value | None, *, eps: float) -> Value:
        inputs = (x, weight) if bias is None else (x, weight, bias)
        return self.emit("LayerNormalization", *inputs, axis=-1, epsilon=eps)

    def rms_norm(self, x: Value, weight: Value, *, eps: float, heads: int = 1) -> Value:
        if heads != 1:
            return super().rms_norm(x, weight, eps=eps, heads=heads)
        return self.emit("RMSNormalization", x, weight, axis=-1, epsilon=eps)

    def gelu(self, x: Value) -> Value:
        return self.emit("Gelu", x)

    def gelu_tanh(self, x: Value) -> Value:
        return self.emit("Gelu", x, approximate="tanh")

    def l2_normalize(self, x: Value) -> Value:
        length = self.emit("ReduceL2", x, self.graph.constant([-1]))
        return self.emit("Div", x, self.emit("Max", length, self._operand(1e-12)))

    def rope(
        self, x: Value, cos: Value, sin: Value, *, heads: int, interleaved: bool = False
    ) -> Value:
        return self.emit(
            "RotaryEmbedding",
            x,
            cos,
            sin,
            num_heads=heads,
            interleaved=int(interleaved),
            rotary_embedding_dim=self._turned[cos],
        )

    # Layout-reading

    def positions(self, layout: Padded, *, start: int = 0) -> Value:
        positions = layout.positions()
        if not start:
            return positions
        return self.emit("Add", positions, self.graph.constant(start), dtype="int64")

    def last(self, x: Value, layout: Padded) -> Value:
        return self._row(x, layout, last=True)

    def _row(self, x: Value, layout: Padded, *, last: bool) -> Value:
        """Each sentence's last or first row, ``[B, T, D] -> [B, D]``."""
        tokens = self.emit("Cast", layout.tokens(), dtype="int64", to=TensorProto.INT64)
        column = self.emit(
            "ArgMax", tokens, dtype="int64", axis=1, keepdims=1, select_last_index=int(last)
        )
        return self.emit("GatherND", x, column, batch_dims=1)

    def pool(self, x: Value, layout: Padded, *, kind: str) -> Value:
        if kind in ("cls", "last"):
            return self._row(x, layout, last=kind == "last")
        tokens = self.emit("Unsqueeze", layout.tokens(), self.graph.constant([2]), dtype="bool")
        axis = self.graph.constant([1])
        if kind == "max":
            shown = self.emit("Where", tokens, x, self._operand(-np.inf))
            return self.emit("ReduceMax", shown, axis, keepdims=0)
        # Where, not a product: a padding row may hold anything, even NaN.
        shown = self.emit("Where", tokens, x, self._operand(0.0))
        weight = self.emit("Cast", tokens, to=TensorProto.FLOAT)
        if kind == "weightedmean":
            number = self.emit("Cast", self.positions(layout, start=1), to=TensorProto.FLOAT)
            weight = self.mul(weight, self.emit("Unsqueeze", number, self.graph.constant([2])))
            shown = self.mul(shown, weight)
        total = self.emit("ReduceSum", shown, axis, keepdims=0)
        weight = self.emit("ReduceSum", weight, axis, keepdims=0)
        return self.emit(
            "Div", total, self.emit("Sqrt", weight) if kind == "mean_sqrt_len" else weight
        )

    def rotary(
        self, layout: Padded, inv_freq: np.ndarray, *, scale: float = 1.0, limit: int | None = None
    ) -> tuple[Value, Value]:
        g = self.graph
        frequencies = g.constant(inv_freq, "float32")
        if limit is not None:
            beyond = self.emit("Sub", layout.lengths(), g.constant(limit), dtype="int64")
            last = g.constant(len(inv_freq) - 1)
            row = self.emit("Clip", beyond, g.constant(0), last, dtype="int64")
            frequencies = self.emit("Gather", frequencies, row, axis=0)
        positions = self.emit("Cast", layout.positions(), to=TensorProto.FLOAT)
        column = self.emit("Unsqueeze", positions, g.constant([2]))
        angle = self.emit("Mul", column, frequencies)
        cos, sin = self.emit("Cos", angle), self.emit("Sin", angle)
        if scale != 1.0:
            cos, sin = self.mul(cos, scale), self.mul(sin, scale)
        self._turned[cos] = 2 * inv_freq.shape[-1]
        return cos, sin

    def conv1d(
        self, x: Value, weight: Weight, bias: Value | None, layout: Padded, *, stride: int = 1
    ) -> Value:
        g, side = self.graph, weight.shape[-1] // 2
        if stride == 1:
            tokens = self.emit("Cast", layout.mask, dtype="bool", to=TensorProto.BOOL)
        else:
            # Which rows a stride takes counts from a sentence's first, wherever it is padded.
            x, tokens = self._from_left(x, layout)
        tokens = self.emit("Unsqueeze", tokens, g.constant([2]), dtype="bool")
        shown = self.emit("Where", tokens, x, self._operand(0.0))
        channels = self.emit("Transpose", shown, perm=[0, 2, 1])
        inputs = (channels, weight) if bias is None else (channels, weight, bias)
        y = self.emit("Conv", *inputs, strides=[stride], pads=[side, side])
        return self.emit("Transpose", y, perm=[0, 2, 1])

    def _from_left(self, x: Value, layout: Padded) -> tuple[Value, Value]:
        """Rows moved so that sentences begin in the first column, and which are tokens' then."""
        g, whole = self.graph, layout.every(1)
        width = self.emit("Sub", layout.size(layout.ids, 1), g.constant([1]), dtype="int64")
        columns = self.emit("Add", layout.columns(), layout.first(), dtype="int64")
        index = self.emit("Min", columns, width, dtype="int64")
        index = self.emit("Unsqueeze", index, g.constant([2]), dtype="int64")
        tokens = self.emit("Cast", whole.mask, dtype="bool", to=TensorProto.BOOL)
        return self.emit("GatherND", x, index, batch_dims=1), tokens

    def relative_bias(
        self,
        table: Value,
        layout: Padded,
        *,
        bidirectional: bool,
        buckets: int,
        max_distance: int,
    ) -> Value:
        g = self.graph
        bucket = relative_buckets(
            bidirectional=bidirectional, buckets=buckets, max_distance=max_distance
        )
        near = self.emit(
            "Clip",
            layout.distance(),
            g.constant(-max_distance),
            g.constant(max_distance),
            dtype="int64",
        )
        entry = self.emit("Add", near, g.constant(max_distance), dtype="int64")
        index = self.emit("Gather", g.constant(bucket), entry, dtype="int64", axis=0)
        return self.emit("Transpose", self.emit("Gather", table, index, axis=0), perm=[0, 3, 1, 2])

    def remember(self, k: Value, v: Value, layout: Padded, slot: GraphSlot) -> None:
        heads = slot.spec.kv_heads
        slot.present = self._by_head(k, heads), self._by_head(v, heads)
        slot.stride = layout.stride

    def attention(
        self,
        q: Value,
        k: Value | None,
        v: Value | None,
        layout: Padded,
        *,
        heads: int,
        kv_heads: int | None = None,
        scale: float,
        causal: bool = False,
        window: int | None = None,
        softcap: float | None = None,
        bias: Value | None = None,
        sinks: Value | None = None,
        slot: GraphSlot | None = None,
        keep: dict[str, Value] | None = None,
    ) -> Value:
        kv_heads = kv_heads or heads
        sees = layout.sees(layout.mask if slot is None else slot.mask, causal, window)
        if keep is None and softcap is None and sinks is None:
            if bias is not None:
                sees = self.emit("Where", sees, bias, self._operand(FLOAT_MIN))
            return self._fused(q, k, v, sees, heads, kv_heads, scale, slot)
        keys, values = self._visible(k, v, kv_heads, slot)
        if kv_heads != heads:
            group = self.graph.constant(np.arange(heads) // (heads // kv_heads))
            keys, values = (self.emit("Gather", x, group, axis=1) for x in (keys, values))
        product = self.emit(
            "MatMul", self._by_head(q, heads), self.emit("Transpose", keys, perm=[0, 1, 3, 2])
        )
        scores = self.mul(product, scale)
        if softcap is not None:
            scores = self.mul(self.tanh(self.mul(scores, 1 / softcap)), softcap)
        if bias is not None:
            scores = self.add(scores, bias)
        shown = self.emit("Where", sees, scores, self._operand(FLOAT_MIN))
        # Again after softmax: a row that sees nothing came out uniform, and must be 0.
        weights = self.softmax(shown) if sinks is None else self._beside_sinks(shown, sinks)
        weights = self.emit("Where", sees, weights, self._operand(0.0))
        if keep is not None:
            keep.update(scores=scores, weights=weights)
        return self._merged(self.emit("MatMul", weights, values))

    def _beside_sinks(self, scores: Value, sinks: Value) -> Value:
        """Softmax over the last axis and one more score per head."""
        last = self.graph.constant([-1])
        sinks = self.emit("Reshape", sinks, self.graph.constant([1, -1, 1, 1]))
        top = self.emit("Max", self.emit("ReduceMax", scores, last), sinks)
        power, extra = (self.emit("Exp", self.emit("Sub", x, top)) for x in (scores, sinks))
        return self.emit("Div", power, self.add(self.emit("ReduceSum", power, last), extra))

    def _fused(
        self,
        q: Value,
        k: Value | None,
        v: Value | None,
        mask: Value,
        heads: int,
        kv_heads: int,
        scale: float,
        slot: GraphSlot | None,
    ) -> Value:
        """One Attention node, which also extends the cache."""
        if k is None:
            assert slot is not None and slot.past is not None
            return self._merged(
                self.emit("Attention", self._by_head(q, heads), *slot.past, mask, scale=scale)
            )
        sizes = {"q_num_heads": heads, "kv_num_heads": kv_heads, "scale": scale}
        if slot is None:
            return self.emit("Attention", q, k, v, mask, **sizes)
        y, *present = self.graph.emit_many(
            "Attention", q, k, v, mask, *(slot.past or ()), dtypes=["float32"] * 3, **sizes
        )
        slot.present = present[0], present[1]
        return y

    def _visible(
        self, k: Value | None, v: Value | None, heads: int, slot: GraphSlot | None
    ) -> tuple[Value, Value]:
        """All keys and values by head, ``[B, Hk, S, D]``, after extending the cache."""
        if k is None or v is None:
            assert slot is not None and slot.past is not None
            return slot.past
        keys, values = self._by_head(k, heads), self._by_head(v, heads)
        if slot is not None and slot.past is not None:
            keys = self.emit("Concat", slot.past[0], keys, axis=2)
            values = self.emit("Concat", slot.past[1], values, axis=2)
        if slot is not None:
            slot.present = keys, values
        return keys, values

    def _by_head(self, x: Value, heads: int) -> Value:
        """``[B, T, H*D] -> [B, H, T, D]``."""
        return self.emit("Transpose", self.split_heads(x, heads), perm=[0, 2, 1, 3])

    def _merged(self, x: Value) -> Value:
        """``[B, H, T, D] -> [B, T, H*D]``."""
        return self.merge_heads(self.emit("Transpose", x, perm=[0, 2, 1, 3]))
