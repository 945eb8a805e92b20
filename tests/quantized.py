"""Quantised products as exact integers and single float32 operations compute them, in NumPy."""

from __future__ import annotations

import numpy as np

F = np.float32
MAGIC = F(12582912)  # 1.5 * 2^23: adding it rounds to an integer


def quantized_rows(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of float32 as integers in [0, 255], with each row's scale and zero point."""
    low, high = np.minimum(x.min(-1), 0), np.maximum(x.max(-1), 0)
    scale = (high / F(255) - low / F(255)).astype(F)
    scale[scale < 1e-37] = 0
    inverse = np.divide(F(1), scale, out=np.zeros_like(scale), where=scale > 0)
    zero = np.rint(-low * inverse)
    values = (x * inverse[:, None]).astype(F) + (MAGIC + zero)[:, None]
    return (np.clip(values, MAGIC, MAGIC + F(255)) - MAGIC).astype(np.int64), scale, zero


def int8_weight(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outputs as integers in [-127, 127] and each one's scale."""
    scale = (np.abs(weight).max(-1) / F(127)).astype(F)
    inverse = np.divide(F(1), scale, out=np.zeros_like(scale), where=scale > 0)
    return np.rint(weight * inverse[:, None]).astype(np.int64), scale


def int4_weight(weight: np.ndarray, block: int, zero_points: bool) -> tuple[np.ndarray, np.ndarray]:
    """Outputs as integers less their zero points ``[N, K]``, and the scales ``[N, K]``."""
    n, k = weight.shape
    padded = np.pad(weight, ((0, 0), (0, -k % block))).reshape(n, -1, block)
    low, high = np.minimum(padded.min(-1), 0), np.maximum(padded.max(-1), 0)
    scale = high / F(15) - low / F(15) if zero_points else np.maximum(-low / F(8), high / F(7))
    scale = scale.astype(np.float16).astype(F)
    inverse = np.divide(F(1), scale, out=np.zeros_like(scale), where=scale > 0)
    zero = np.clip(np.rint(-low * inverse), 0, 15) if zero_points else np.full_like(low, 8)
    levels = np.clip(np.rint(padded * inverse[..., None]) + zero[..., None], 0, 15)
    integers = (levels - zero[..., None]) * (scale > 0)[..., None]
    return (
        integers.reshape(n, -1)[:, :k].astype(np.int64),
        np.repeat(scale, block, -1)[:, :k],
    )


def int4_linear(
    x: np.ndarray, weight: np.ndarray, block: int = 32, zero_points: bool = True
) -> np.ndarray:
    """``linear`` of a weight packed as int4, bit by bit: groups of 32 one after another."""
    integers, scales = int4_weight(weight, block, zero_points)
    out = np.zeros((len(x), len(weight)), F)
    for first in range(0, x.shape[1], 32):
        group = slice(first, first + 32)
        scale = (np.abs(x[:, group]).max(-1) / F(127)).astype(F)
        scale[scale < 1e-37] = 0
        inverse = np.divide(F(1), scale, out=np.zeros_like(scale), where=scale > 0)
        values = np.rint(x[:, group] * inverse[:, None]).astype(np.int64)
        exact = values @ integers[:, group].T
        out += exact.astype(F) * (scales[None, :, first] * scale[:, None]).astype(F)
    return out


def int8_linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """``linear`` of a weight packed as int8, bit by bit."""
    values, x_scale, zero = quantized_rows(x)
    integers, scale = int8_weight(weight)
    sums = (values - zero.astype(np.int64)[:, None]) @ integers.T
    out = sums.astype(F) * (x_scale[:, None] * scale[None, :]).astype(F)
    return out if bias is None else out + bias
