"""The native engine: our C++ kernels on packed rows.

``linear`` and ``add`` return a *pending* value. The next operation fuses it (an activation into
the product, a norm into the sum) and anything else forces it, so a model can be written as the
paper writes it. Fused and forced results are bitwise equal.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from quatrain import _core
from quatrain.engines.engine import PackedEngine
from quatrain.errors import InputError
from quatrain.layout import Packed
from quatrain.module import Param
from quatrain.state import Grown, Remembered

Array = np.ndarray


class Pending:
    """A product or a sum not yet computed: the operation and its arguments, or its result."""

    __slots__ = ("bias", "kind", "value", "x", "y")

    def __init__(self, kind: str, x: Array, y: Any, bias: Array | None = None) -> None:
        self.kind, self.x, self.y, self.bias = kind, x, y, bias
        self.value: Array | None = None


class Native(PackedEngine):
    """The vocabulary in C++, float32. ``fused`` counts the operations that were fused."""

    name = "native"
    recomputes = True
    threads: int

    def __init__(self, threads: int | None = None) -> None:
        self.threads = threads or _core.default_threads()
        self.fused: Counter[str] = Counter()

    def parameter(self, key: str, param: Param, load: Callable[[], Array]) -> Any:
        array = load()
        if param.role in ("linear", "tied"):
            return _core.pack(packable(array), threads=self.threads)
        return np.ascontiguousarray(array, np.float32)

    def named(self, name: str, value: Any) -> Any:
        return self._value(value) if isinstance(value, Pending) else value

    def numpy(self, value: Any) -> Array:
        return self._value(value)

    def _value(self, x: Any) -> Array:
        """Force a pending value."""
        if not isinstance(x, Pending):
            return x
        if x.value is None:
            if x.kind == "linear":
                x.value = _core.linear(x.x, x.y, x.bias, threads=self.threads)
            else:
                x.value = _core.add(x.x, x.y, threads=self.threads)
        return x.value

    # Primitives

    def add(self, x: Any, y: Any) -> Any:
        x, y = self._value(x), self._value(y)
        if not isinstance(y, np.ndarray):
            return x + np.float32(y)
        if x.shape == y.shape:
            return Pending("add", x, y)
        return x + y if column(x, y) else _core.add(x, y, threads=self.threads)

    def mul(self, x: Any, y: Any) -> Array:
        x, y = self._value(x), self._value(y)
        if not isinstance(y, np.ndarray):
            return x * np.float32(y)
        return x * y if column(x, y) else _core.mul(x, y, threads=self.threads)

    def _map(self, name: str, x: Any) -> Array:
        """An element-wise operation, fused into the product that it follows."""
        if isinstance(x, Pending) and x.kind == "linear" and x.value is None:
            self.fused["linear+" + name] += 1
            return _core.linear(x.x, x.y, x.bias, name, threads=self.threads)
        return getattr(_core, name)(self._value(x), threads=self.threads)

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
        return _core.sigmoid(self._value(x), threads=self.threads)

    def erf(self, x: Any) -> Array:
        return _core.erf(self._value(x), threads=self.threads)

    def rsqrt(self, x: Any) -> Array:
        return _core.rsqrt(self._value(x), threads=self.threads)

    def softmax(self, x: Any) -> Array:
        return _core.softmax(self._value(x), threads=self.threads)

    def mean(self, x: Any) -> Array:
        return self._value(x).mean(-1, keepdims=True)

    def split(self, x: Any, sizes: Sequence[int]) -> tuple[Array, ...]:
        x = self._value(x)
        if sum(sizes) != x.shape[-1]:
            raise InputError(f"[split] expected sizes adding up to {x.shape[-1]}, got {sizes}")
        ends = itertools.accumulate(sizes)
        return tuple(x[..., end - size : end] for size, end in zip(sizes, ends, strict=True))

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
        return _core.embedding(ids, weight, threads=self.threads)

    def linear(self, x: Any, weight: Any, bias: Array | None = None) -> Pending:
        return Pending("linear", self._value(x), weight, bias)

    def layer_norm(self, x: Any, weight: Array, bias: Array | None, *, eps: float) -> Array:
        return self._norm("layer_norm", x, (weight, bias), eps)

    def rms_norm(self, x: Any, weight: Array, *, eps: float) -> Array:
        return self._norm("rms_norm", x, (weight,), eps)

    def _norm(self, name: str, x: Any, weights: tuple[Any, ...], eps: float) -> Array:
        """A norm, fused with the sum that it follows; the sum is kept for the residual."""
        if isinstance(x, Pending) and x.kind == "add" and x.value is None:
            self.fused["add+" + name] += 1
            fused = getattr(_core, "add_" + name)
            x.value, normed = fused(x.x, x.y, *weights, eps=eps, threads=self.threads)
            return normed
        return getattr(_core, name)(self._value(x), *weights, eps=eps, threads=self.threads)

    def l2_normalize(self, x: Any) -> Array:
        return _core.l2_normalize(self._value(x), threads=self.threads)

    def gated(self, gate: Any, up: Any, *, activation: str) -> Array:
        return _core.gated(
            self._value(gate), self._value(up), activation=activation, threads=self.threads
        )

    def rope(
        self, x: Any, cos: Array, sin: Array, *, heads: int, interleaved: bool = False
    ) -> Array:
        return _core.rope(
            self._value(x), cos, sin, heads=heads, interleaved=interleaved, threads=self.threads
        )

    # Layout-reading

    def last(self, x: Any, layout: Packed) -> Array:
        return self._value(x)[layout.starts[1:] - 1]

    def pool(self, x: Any, layout: Packed, *, kind: str) -> Array:
        return _core.pool(self._value(x), layout.starts, kind=kind, threads=self.threads)

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
        slot: Grown | Remembered | None = None,
        keep: dict[str, list[Array]] | None = None,
    ) -> Array:
        q = self._value(q)
        keys, values, first, length = self._visible(self._value(k), self._value(v), layout, slot)
        where = (layout.starts, first, length, layout.past)
        options: dict[str, Any] = {
            "heads": heads,
            "kv_heads": kv_heads or heads,
            "scale": scale,
            "causal": causal,
            "window": window,
            "softcap": softcap,
            "bias": bias,
            "threads": self.threads,
        }
        if keep is not None:
            scores, weights = _core.attention_weights(q, keys, *where, **options)
            keep.update(scores=scores, weights=weights)
        return _core.attention(q, keys, values, *where, **options)

    def _visible(
        self, k: Array, v: Array, layout: Packed, slot: Grown | Remembered | None
    ) -> tuple[Array, Array, Array, Array]:
        """Rows of keys and values, and where each sentence's begin and how many there are."""
        if slot is None:
            return k, v, layout.starts[:-1], layout.lengths
        if isinstance(slot, Remembered):
            keys, values, source = slot.source()
            return keys, values, source.starts[slot.index], source.lengths[slot.index]
        slot.reserve(layout.longest)
        for cache, rows in ((slot.keys, k), (slot.values, v)):
            _core.append_rows(cache, rows, layout.starts, layout.past, threads=self.threads)
        return slot.key_rows, slot.value_rows, slot.first, layout.total


def column(x: Array, y: Array) -> bool:
    """Whether y holds one value for each row of x, ``[..., 1]``: bodies of norms need that."""
    return y.ndim == x.ndim and y.shape == (*x.shape[:-1], 1) != x.shape


def packable(array: Array) -> Array:
    """A weight as ``pack`` takes it: float16 and float32 as they are, others as float32."""
    return array if array.dtype in (np.float16, np.float32) else array.astype(np.float32)
