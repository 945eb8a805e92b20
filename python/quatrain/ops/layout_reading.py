"""Layout-reading operations: the only ones that know which row belongs to which sentence."""

from __future__ import annotations

from typing import Any

import numpy as np

from quatrain.ops.operation import operation, required
from quatrain.ops.rowwise import RowWise, Tensor

Layout = Any
Slot = Any

#: How ``pool`` makes one vector of a sentence's rows.
POOLINGS = ("mean", "cls", "max", "last", "mean_sqrt_len", "weightedmean")


class LayoutReading(RowWise):
    """Operations that every engine implements over its own layout."""

    @required
    @operation("rows")
    def positions(self, layout: Layout, *, start: int = 0) -> Tensor:
        """The position of every row in its sentence, counting what came before, plus ``start``.

        -> int64 ``[N]``. A sentence with ``past`` committed tokens continues at ``past``.
        """
        raise NotImplementedError

    @required
    @operation("sentence")
    def last(self, x: Tensor, layout: Layout) -> Tensor:
        """The last row of each sentence: ``[N, D] -> [B, D]``."""
        raise NotImplementedError

    @required
    @operation("sentence")
    def pool(self, x: Tensor, layout: Layout, *, kind: str) -> Tensor:
        """One vector per sentence, ``[N, D] -> [B, D]``: its rows' mean, maximum, first ("cls")
        or last row; "mean_sqrt_len", their sum over the root of their number; "weightedmean",
        their mean in which row i, from 1 on, counts i times.
        Source: sentence-transformers Pooling.
        """
        raise NotImplementedError

    @required
    @operation("rows")
    def rotary(
        self, layout: Layout, inv_freq: np.ndarray, *, scale: float = 1.0, limit: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """``scale * cos`` and ``scale * sin`` of ``position * inv_freq``, once per pass.

        inv_freq ``[R/2]`` -> two tensors ``[N, R/2]``. With ``limit``, a sentence's frequencies
        depend on its length: inv_freq is ``[L, R/2]``, and a sentence of n tokens, past ones
        included, has its row ``clip(n - limit, 0, L - 1)``. Source: Su et al. 2021.
        """
        raise NotImplementedError

    @required
    @operation("rows")
    def conv1d(
        self, x: Tensor, weight: Tensor, bias: Tensor | None, layout: Layout, *, stride: int = 1
    ) -> Tensor:
        """A convolution over the rows of each sentence, with zeros beyond its ends.

        x ``[N, K]``, weight ``[D, K, W]`` with W odd, bias ``[D]``:
        ``out[i] = bias + sum over w of weight[..., w] @ x[stride * i + w - W // 2]``, one row for
        every ``stride`` of a sentence, the last ones fewer: the rows of ``layout.every(stride)``,
        which is their layout from then on. Sentences must begin in this pass.
        Source: ONNX Conv, pads (W // 2, W // 2).
        """
        raise NotImplementedError

    @required
    @operation("scores")
    def relative_bias(
        self,
        table: Tensor,
        layout: Layout,
        *,
        bidirectional: bool,
        buckets: int,
        max_distance: int,
    ) -> Tensor:
        """A learned bias for each head and bucket of distance (key position - query position).

        table ``[buckets, H]`` -> an opaque bias for ``attention``, ``[H, T, S]`` per sentence.
        Source: Raffel et al. 2020 (T5), ``relative_buckets`` below.
        """
        raise NotImplementedError

    @required
    @operation("rows")
    def remember(self, k: Tensor, v: Tensor, layout: Layout, slot: Slot) -> None:
        """Keep a source's keys and values in ``slot`` for cross-attention.

        k ``[N, Hk*Dk]``, v ``[N, Hk*Dv]``. Called once per sentence, in the encoder pass.
        """
        raise NotImplementedError

    @required
    @operation("rows")
    def attention(
        self,
        q: Tensor,
        k: Tensor | None,
        v: Tensor | None,
        layout: Layout,
        *,
        heads: int,
        kv_heads: int | None = None,
        scale: float,
        causal: bool = False,
        window: int | None = None,
        softcap: float | None = None,
        bias: Tensor | None = None,
        sinks: Tensor | None = None,
        slot: Slot | None = None,
        keep: dict[str, Tensor] | None = None,
    ) -> Tensor:
        """``softmax(scale * q k^T + bias, over the keys a query may see) v``, head by head.

        q ``[N, H*Dk]``, k ``[N, Hk*Dk]``, v ``[N, Hk*Dv]`` -> ``[N, H*Dv]``; query head h uses key
        head ``h // (H / Hk)``. With ``slot``, k and v are appended to what it holds, and all of it
        is attended to; ``k = v = None`` reads what ``remember`` stored. A query at row i of a chunk
        sees key j iff, when causal, ``j <= i + past`` and, with a window w, ``|j - i - past| < w``:
        as far ahead as behind, where it is not causal. ``softcap`` c turns a score s into ``c
        tanh(s / c)``. A query that may see nothing gets 0. ``sinks`` ``[H]`` are scores of a key
        whose value is 0, which every query sees: they enter the softmax as they are (gpt-oss).
        ``keep``, if given, receives ``scores`` (scaled, capped and biased, not masked) and
        ``weights`` (masked, after softmax), ``[H, T, S]`` per sentence.
        Source: Vaswani et al. 2017; ONNX Attention.
        """
        raise NotImplementedError


def relative_buckets(*, bidirectional: bool, buckets: int, max_distance: int) -> np.ndarray:
    """T5's bucket of each distance from ``-max_distance`` to ``max_distance``, as a table.

    -> int64 ``[2 * max_distance + 1]``, indexed by ``clip(key - query) + max_distance``. Beyond
    max_distance the bucket no longer changes, so clipping is exact. A table gives every engine
    identical integers and leaves no logarithm in any graph. Computed in float32, as the
    checkpoints' own code does. Source: Raffel et al. 2020 (T5).
    """
    distance = np.arange(-max_distance, max_distance + 1)
    bucket = np.zeros_like(distance)
    if bidirectional:
        buckets //= 2
        bucket = np.where(distance > 0, buckets, 0)
        away = np.abs(distance)
    else:
        away = np.maximum(-distance, 0)
    exact = buckets // 2
    ratio = np.log(np.maximum(away, 1).astype(np.float32) / np.float32(exact))
    far = exact + (
        ratio / np.float32(np.log(max_distance / exact)) * np.float32(buckets - exact)
    ).astype(np.int64)
    return bucket + np.where(away < exact, away, np.minimum(far, buckets - 1))
