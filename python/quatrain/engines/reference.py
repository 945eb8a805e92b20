"""The reference engine: NumPy, one sentence and one head at a time where that reads better.

It is the specification. It runs in float32, or in float64 to judge the other engines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from quatrain.cache_rows import dequantized, quantized
from quatrain.engines.engine import PackedEngine
from quatrain.errors import InputError
from quatrain.layout import Packed
from quatrain.module import Param
from quatrain.state import Grown, Remembered

Array = np.ndarray


class Reference(PackedEngine):
    """The vocabulary in NumPy; ``dtype`` float32 or float64, ``cache_dtype`` that or int8."""

    name = "reference"

    def __init__(
        self, dtype: type | np.dtype = np.float32, cache_dtype: np.dtype | None = None
    ) -> None:
        self.dtype = np.dtype(dtype)
        self.cache_dtype = cache_dtype

    def parameter(self, key: str, param: Param, load: Callable[[], Array]) -> Array:
        return load().astype(self.dtype)

    # Primitives

    def add(self, x: Array, y: Array | float) -> Array:
        return x + self._operand(y)

    def mul(self, x: Array, y: Array | float) -> Array:
        return x * self._operand(y)

    def _operand(self, y: Array | float) -> Array:
        return y if isinstance(y, np.ndarray) else np.asarray(y, self.dtype)

    def tanh(self, x: Array) -> Array:
        return np.tanh(x)

    def relu(self, x: Array) -> Array:
        return np.maximum(x, 0)

    def sigmoid(self, x: Array) -> Array:
        # One branch per sign, so that exp never overflows.
        e = np.exp(-np.abs(x))
        return np.where(x >= 0, 1, e) / (1 + e)

    def erf(self, x: Array) -> Array:
        return np.fromiter(map(math.erf, x.ravel()), self.dtype, x.size).reshape(x.shape)

    def rsqrt(self, x: Array) -> Array:
        return 1 / np.sqrt(x)

    def mean(self, x: Array) -> Array:
        return x.mean(-1, keepdims=True)

    def softmax(self, x: Array) -> Array:
        e = np.exp(x - x.max(-1, keepdims=True, initial=-np.inf))
        return e / e.sum(-1, keepdims=True)

    def split(self, x: Array, sizes: Sequence[int]) -> tuple[Array, ...]:
        if sum(sizes) != x.shape[-1]:
            raise InputError(f"[split] expected sizes adding up to {x.shape[-1]}, got {sizes}")
        return tuple(np.split(x, np.cumsum(sizes)[:-1], axis=-1))

    def concat(self, *parts: Array) -> Array:
        return np.concatenate(parts, axis=-1)

    def split_heads(self, x: Array, heads: int) -> Array:
        return x.reshape(*x.shape[:-1], heads, x.shape[-1] // heads)

    def merge_heads(self, x: Array) -> Array:
        return x.reshape(*x.shape[:-2], x.shape[-2] * x.shape[-1])

    # Row-wise

    def embedding(self, ids: Array, weight: Array) -> Array:
        outside = (ids < 0) | (ids >= len(weight))
        if outside.any():
            at = int(outside.argmax())
            raise InputError(
                f"[embedding] expected ids in [0, {len(weight)}), got {ids[at]} at row {at}"
            )
        return weight[ids]

    def linear(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        y = x @ weight.T
        return y if bias is None else y + bias

    def l2_normalize(self, x: Array) -> Array:
        return x / np.maximum(np.sqrt((x * x).sum(-1, keepdims=True)), 1e-12)

    def rope(
        self, x: Array, cos: Array, sin: Array, *, heads: int, interleaved: bool = False
    ) -> Array:
        x = self.split_heads(x, heads)
        cos, sin = cos[..., None, :], sin[..., None, :]
        pairs = cos.shape[-1]
        rotated, rest = x[..., : 2 * pairs], x[..., 2 * pairs :]
        if interleaved:
            a, b = rotated[..., 0::2], rotated[..., 1::2]
        else:
            a, b = rotated[..., :pairs], rotated[..., pairs:]
        turned = (a * cos - b * sin, b * cos + a * sin)
        if interleaved:
            rotated = np.stack(turned, -1).reshape(rotated.shape)
        else:
            rotated = np.concatenate(turned, -1)
        return self.merge_heads(np.concatenate([rotated, rest], -1))

    # Layout-reading

    def last(self, x: Array, layout: Packed) -> Array:
        return x[layout.starts[1:] - 1]

    def pool(self, x: Array, layout: Packed, *, kind: str) -> Array:
        reduce = {
            "mean": lambda rows: rows.mean(0),
            "max": lambda rows: rows.max(0),
            "cls": lambda rows: rows[0],
            "last": lambda rows: rows[-1],
            "mean_sqrt_len": lambda rows: rows.sum(0) / np.sqrt(self.dtype.type(len(rows))),
            "weightedmean": lambda rows: np.average(rows, 0, np.arange(1, len(rows) + 1)),
        }[kind]
        if not layout.batch:
            return np.zeros((0, x.shape[-1]), self.dtype)
        return np.stack([reduce(rows) for rows in layout.sentences(x)]).astype(self.dtype)

    def conv1d(
        self, x: Array, weight: Array, bias: Array | None, layout: Packed, *, stride: int = 1
    ) -> Array:
        width = weight.shape[-1]
        made = [np.zeros((0, len(weight)), x.dtype)]
        for rows, count in zip(layout.sentences(x), layout.every(stride).lengths, strict=True):
            padded = np.pad(rows, ((width // 2, width // 2), (0, 0)))
            shifted = (padded[w:][: len(rows) : stride] for w in range(width))
            parts = [rows @ weight[..., w].T for w, rows in enumerate(shifted)]
            made.append(np.sum(parts, 0, dtype=x.dtype).reshape(count, -1))
        y = np.concatenate(made)
        return y if bias is None else y + bias

    def remember(self, k: Array, v: Array, layout: Packed, slot: Remembered) -> None:
        slot.keys, slot.values, slot.layout = k, v, layout

    def attention(
        self,
        q: Array,
        k: Array | None,
        v: Array | None,
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
        kv_heads = kv_heads or heads
        keys, values = self._visible(k, v, layout, slot, kv_heads)
        rows = slot.source()[1] if isinstance(slot, Remembered) else v
        assert rows is not None
        out = np.zeros((len(q), heads * (rows.shape[-1] // kv_heads)), q.dtype)
        kept: dict[str, list[Array]] = {"scores": [], "weights": []}
        for b, queries in enumerate(layout.sentences(q)):
            n, s, past = len(queries), len(keys[b]), layout.past[b]
            qh = self.split_heads(queries, heads).transpose(1, 0, 2)  # [H, n, Dk]
            kh, vh = (
                np.repeat(self.split_heads(x, kv_heads).transpose(1, 0, 2), heads // kv_heads, 0)
                for x in (keys[b], values[b])
            )
            scores = qh @ kh.transpose(0, 2, 1) * self.dtype.type(scale)
            if softcap is not None:
                scores = np.tanh(scores / softcap) * self.dtype.type(softcap)
            if bias is not None:
                scores = scores + bias[b]
            i, j = np.arange(n)[:, None] + past, np.arange(s)[None, :]
            sees = np.ones((n, s), bool)
            if causal:
                sees &= j <= i
            if window is not None:
                sees &= np.abs(j - i) < window
            weights = masked_softmax(scores, sees, sinks)
            context = (weights @ vh).transpose(1, 0, 2)
            out[layout.starts[b] : layout.starts[b + 1]] = self.merge_heads(context)
            kept["scores"].append(scores)
            kept["weights"].append(weights)
        if keep is not None:
            keep.update(kept)
        return out

    def _visible(
        self,
        k: Array | None,
        v: Array | None,
        layout: Packed,
        slot: Grown | Remembered | None,
        kv_heads: int,
    ) -> tuple[list[Array], list[Array]]:
        """The keys and the values of each sentence, after extending its cache."""
        if isinstance(slot, Remembered):
            k, v, source = slot.source()
            keys, values = source.sentences(k), source.sentences(v)
            return [keys[i] for i in slot.index], [values[i] for i in slot.index]
        assert k is not None
        assert v is not None
        if slot is None:
            return layout.sentences(k), layout.sentences(v)
        total = layout.total
        slot.reserve(layout.longest)
        for cache, rows in ((slot.keys, k), (slot.values, v)):
            for b, new in enumerate(layout.sentences(rows)):
                if cache.dtype == np.int8:
                    new = quantized(new, kv_heads)
                cache[b, layout.past[b] : total[b]] = new
        return (
            [self._read(cache[:n], kv_heads) for cache, n in zip(slot.keys, total, strict=True)],
            [self._read(cache[:n], kv_heads) for cache, n in zip(slot.values, total, strict=True)],
        )

    def _read(self, rows: Array, kv_heads: int) -> Array:
        """Rows of a cache as numbers."""
        return dequantized(rows, kv_heads, self.dtype) if rows.dtype == np.int8 else rows


def masked_softmax(scores: Array, sees: Array, sinks: Array | None = None) -> Array:
    """Softmax of ``[H, n, S]`` over the visible keys and the head's sink; 0 for a row that sees
    nothing."""
    masked = np.where(sees, scores, -np.inf)
    top = masked.max(-1, keepdims=True, initial=-np.inf)
    if sinks is not None:
        top = np.maximum(top, sinks[:, None, None])
    top = np.where(np.isneginf(top), 0, top)
    e = np.where(sees, np.exp(masked - top), 0)
    total = e.sum(-1, keepdims=True)
    if sinks is not None:
        total = total + np.exp(sinks[:, None, None] - top)
    return e / np.where(total == 0, 1, total)
