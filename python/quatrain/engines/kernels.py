"""The vocabulary in C++: every operation is one of ``_core`` by the same name.

``linear`` and ``add`` return a *pending* value. The next operation fuses it (an activation into
the product, a norm into the sum) and anything else forces it, so a model can be written as the
paper writes it. Fused and forced results are bitwise equal.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from quatrain import _core
from quatrain.cache_rows import dequantized
from quatrain.engines.engine import PackedEngine
from quatrain.errors import InputError
from quatrain.layout import Packed
from quatrain.state import Grown, Remembered

Array = np.ndarray


class Pending:
    """A product or a sum not yet computed: the operation and its arguments, or its result."""

    __slots__ = ("bias", "kind", "value", "x", "y")

    def __init__(self, kind: str, x: Array, y: Any, bias: Array | None = None) -> None:
        self.kind, self.x, self.y, self.bias = kind, x, y, bias
        self.value: Array | None = None


class Kernels(PackedEngine):
    """The vocabulary in C++, float32. ``fused`` counts the operations that were fused."""

    threads: int

    def __init__(self, threads: int | None = None) -> None:
        self.threads = threads or _core.default_threads()
        self.fused: Counter[str] = Counter()

    def _call(self, name: str, *args: Any, **options: Any) -> Any:
        """The operation of that name of ``_core``."""
        return getattr(_core, name)(*args, **options, threads=self.threads)

    def _value(self, x: Any) -> Any:
        """Force a pending value."""
        if not isinstance(x, Pending):
            return x
        if x.value is None:
            if x.kind == "linear":
                x.value = self._call("linear", x.x, x.y, x.bias)
            else:
                x.value = self._call("add", x.x, x.y)
        return x.value

    # Primitives

    def add(self, x: Any, y: Any) -> Any:
        x = self._value(x)
        y = row(self._value(y), x)
        if x.shape == y.shape:
            return Pending("add", x, y)
        return x + y if column(x, y) else self._call("add", x, y)

    def mul(self, x: Any, y: Any) -> Array:
        x = self._value(x)
        y = row(self._value(y), x)
        return x * y if column(x, y) else self._call("mul", x, y)

    def _map(self, name: str, x: Any) -> Array:
        """An element-wise operation, fused into the product that it follows."""
        if isinstance(x, Pending) and x.kind == "linear" and x.value is None:
            self.fused["linear+" + name] += 1
            return self._call("linear", x.x, x.y, x.bias, name)
        return self._call(name, self._value(x))

    def tanh(self, x: Any) -> Array:
        return self._map("tanh", x)

    def relu(self, x: Any) -> Array:
        return self._map("relu", x)

    def gelu(self, x: Any) -> Array:
        return self._map("gelu", x)

    def gelu_tanh(self, x: Any) -> Array:
        return self._map("gelu_tanh", x)

    def silu(self, x: Any) -> Array:
        return self._map("silu", x)

    def sigmoid(self, x: Any) -> Array:
        return self._call("sigmoid", self._value(x))

    def erf(self, x: Any) -> Array:
        return self._call("erf", self._value(x))

    def rsqrt(self, x: Any) -> Array:
        return self._call("rsqrt", self._value(x))

    def softmax(self, x: Any) -> Array:
        return self._call("softmax", self._value(x))

    def mean(self, x: Any) -> Array:
        return self._value(x).mean(-1, keepdims=True)

    def split(self, x: Any, sizes: Sequence[int]) -> tuple[Array, ...]:
        x = self._value(x)
        if sum(sizes) != x.shape[-1]:
            raise InputError(f"[split] expected sizes adding up to {x.shape[-1]}, got {sizes}")
        ends = itertools.accumulate(sizes)
        return tuple(
            self._columns(x, end - size, size) for size, end in zip(sizes, ends, strict=True)
        )

    def _columns(self, x: Any, first: int, count: int) -> Any:
        """A view of some columns."""
        return x[..., first : first + count]

    def concat(self, *parts: Any) -> Array:
        return np.concatenate([self._value(part) for part in parts], axis=-1)

    def split_heads(self, x: Any, heads: int) -> Array:
        x = self._value(x)
        return x.reshape(*x.shape[:-1], heads, x.shape[-1] // heads)

    def merge_heads(self, x: Any) -> Array:
        x = self._value(x)
        return x.reshape(*x.shape[:-2], x.shape[-2] * x.shape[-1])

    # Row-wise

    def embedding(self, ids: Array, weight: Any) -> Array:
        if isinstance(weight, _core.PackedWeight):
            return weight.rows(ids)
        return self._call("embedding", ids, weight)

    def linear(self, x: Any, weight: Any, bias: Array | None = None) -> Pending:
        return Pending("linear", self._value(x), weight, bias)

    def layer_norm(self, x: Any, weight: Array, bias: Array | None, *, eps: float) -> Array:
        return self._norm("layer_norm", x, (weight, bias), eps)

    def rms_norm(self, x: Any, weight: Array, *, eps: float, heads: int = 1) -> Array:
        if heads != 1:
            return self._call("rms_norm", self._value(x), weight, eps=eps, heads=heads)
        return self._norm("rms_norm", x, (weight,), eps)

    def _norm(self, name: str, x: Any, weights: tuple[Any, ...], eps: float) -> Array:
        """A norm, fused with the sum that it follows; the sum is kept for the residual."""
        if isinstance(x, Pending) and x.kind == "add" and x.value is None:
            self.fused["add+" + name] += 1
            x.value, normed = self._call("add_" + name, x.x, x.y, *weights, eps=eps)
            return normed
        return self._call(name, self._value(x), *weights, eps=eps)

    def l2_normalize(self, x: Any) -> Array:
        return self._call("l2_normalize", self._value(x))

    def gated(self, gate: Any, up: Any, *, activation: str) -> Array:
        return self._call("gated", self._value(gate), self._value(up), activation=activation)

    def rope(
        self, x: Any, cos: Array, sin: Array, *, heads: int, interleaved: bool = False
    ) -> Array:
        return self._call("rope", self._value(x), cos, sin, heads=heads, interleaved=interleaved)

    # Layout-reading

    def rotary(
        self, layout: Packed, inv_freq: Array, *, scale: float = 1.0, limit: int | None = None
    ) -> tuple[Array, Array]:
        if limit is None or not layout.batch:
            one = np.atleast_2d(single(inv_freq))[0]
            return self._call("rotary", layout.positions, one, scale)
        row = np.clip(layout.total - limit, 0, len(inv_freq) - 1)
        angles = [
            self._call("rotary", positions, single(inv_freq[r]), scale)
            for positions, r in zip(layout.sentences(layout.positions), row, strict=True)
        ]
        cos, sin = (np.concatenate(parts) for parts in zip(*angles, strict=True))
        return cos, sin

    def conv1d(
        self, x: Any, weight: Any, bias: Array | None, layout: Any, *, stride: int = 1
    ) -> Pending:
        x = self._value(x)
        size = weight.shape[1] // x.shape[1]
        return self.linear(self._windows(x, layout, size, stride), weight, bias)

    def _windows(self, x: Array, layout: Packed, size: int, stride: int) -> Array:
        layout.every(stride)  # refuses a past
        return self._call("windows", x, layout.starts, size, stride)

    def last(self, x: Any, layout: Packed) -> Array:
        return self.pool(x, layout, kind="last")

    def pool(self, x: Any, layout: Packed, *, kind: str) -> Array:
        return self._call("pool", self._value(x), layout.starts, kind=kind)

    def remember(self, k: Any, v: Any, layout: Packed, slot: Remembered) -> None:
        slot.keys, slot.values, slot.layout = self._value(k), self._value(v), layout

    def attention(
        self,
        q: Any,
        k: Any,
        v: Any,
        layout: Packed,
        *,
        heads: int,
        kv_heads: int | None = None,
        scale: float,
        causal: bool = False,
        window: int | None = None,
        softcap: float | None = None,
        bias: list[Array] | None = None,
        sinks: Array | None = None,
        slot: Grown | Remembered | None = None,
        keep: dict[str, list[Array]] | None = None,
    ) -> Array:
        q = self._value(q)
        kv_heads = kv_heads or heads
        keys, values, first, length = self._visible(
            self._value(k), self._value(v), layout, slot, kv_heads
        )
        where = (layout.starts, first, length, layout.past)
        options: dict[str, Any] = {
            "heads": heads,
            "kv_heads": kv_heads,
            "scale": scale,
            "causal": causal,
            "window": window,
            "softcap": softcap,
            "bias": bias,
            "sinks": sinks,
        }
        if keep is not None:
            plain = dequantized(keys, kv_heads, self.dtype) if keys.dtype == np.int8 else keys
            scores, weights = self._call("attention_weights", q, plain, *where, **options)
            keep.update(scores=scores, weights=weights)
        return self._call("attention", q, keys, values, *where, **options)

    def _visible(
        self,
        k: Array,
        v: Array,
        layout: Packed,
        slot: Grown | Remembered | None,
        kv_heads: int,
    ) -> tuple[Array, Array, Array, Array]:
        """Rows of keys and values, and where each sentence's begin and how many there are."""
        if slot is None:
            return k, v, layout.starts[:-1], layout.lengths
        if isinstance(slot, Remembered):
            keys, values, source = slot.source()
            return keys, values, source.starts[slot.index], source.lengths[slot.index]
        slot.reserve(layout.longest)
        for cache, rows in ((slot.keys, k), (slot.values, v)):
            self._call("append_rows", cache, rows, layout.starts, layout.past, heads=kv_heads)
        return slot.key_rows, slot.value_rows, slot.first, layout.total


def column(x: Array, y: Array) -> bool:
    """Whether y holds one value for each row of x, ``[..., 1]``: bodies of norms need that."""
    return y.ndim == x.ndim and y.shape == (*x.shape[:-1], 1) != x.shape


def single(x: Array) -> Array:
    """An array as float32."""
    return x.astype(np.float32, copy=False)


def row(y: Any, x: Any) -> Any:
    """A number as a row that every row of x meets; another value as it is."""
    return np.full(x.shape[-1], y, np.float32) if isinstance(y, int | float) else y
