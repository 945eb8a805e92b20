"""Rows of keys and values as an int8 cache holds them (``cpp/ops/cache_rows.h`` in NumPy).

A row of H heads of D values has H*D integers, and behind them H float32 scales in the bytes of 4
columns each. A head's scale is the largest of its magnitudes / 127, its integers are x / scale,
rounded to even; all are 0 where the scale is, and a head with NaN or infinity has the scale NaN.
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray
#: Columns of a scale.
SCALE = 4


def quantized(rows: Array, heads: int) -> Array:
    """float ``[N, H*D]`` -> int8 ``[N, H*D + 4*H]``."""
    x = rows.astype(np.float32).reshape(len(rows), heads, rows.shape[1] // heads)
    top = np.abs(x).max(-1, keepdims=True, initial=0)
    scale = np.where(np.isfinite(top), top / np.float32(127), np.float32(np.nan))
    some = scale > 0
    # A tiny scale is rounded itself: what is divided by it may be too large.
    whole = np.clip(np.rint(np.where(some, x, 0) / np.where(some, scale, 1)), -127, 127)
    parts = whole.astype(np.int8), scale.view(np.int8)
    return np.concatenate([part.reshape(len(rows), -1) for part in parts], 1)


def dequantized(rows: Array, heads: int, dtype: np.dtype) -> Array:
    """int8 ``[N, H*D + 4*H]`` -> ``[N, H*D]``: integers times their scale."""
    columns = rows.shape[1] - SCALE * heads
    scales = np.ascontiguousarray(rows[:, columns:]).view(np.float32).astype(dtype)
    whole = rows[:, :columns].reshape(len(rows), heads, columns // heads).astype(dtype)
    return (whole * scales[:, :, None]).reshape(len(rows), columns)
