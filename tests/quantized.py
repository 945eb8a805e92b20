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
    """Outputs as integers less their zero points ``[N, K]``, and the scales ``[N, K]``.

    Of each block, the scale and the zero point are those that lose least among the ones tried, by
    the sum of the squares, added up in float32 from the block's first weight to its last.
    """
    n, k = weight.shape
    padded = np.pad(weight, ((0, 0), (0, -k % block))).reshape(n, -1, block)
    low, high = np.minimum(padded.min(-1), 0), np.maximum(padded.max(-1), 0)
    span = high / F(15) - low / F(15) if zero_points else np.maximum(-low / F(8), high / F(7))
    least, best = np.full(low.shape, np.inf, F), np.zeros((2, *low.shape), F)
    for fortieths in range(32, 49):
        scale = (span * (F(fortieths) * F(0.025))).astype(np.float16).astype(F)
        inverse = np.divide(F(1), scale, out=np.zeros_like(scale), where=scale > 0)
        below = np.floor(np.clip(F(7.5) - (low * F(0.5) + high * F(0.5)) * inverse, 0, 14))
        for more in (0, 1) if zero_points else (0,):
            zero = below + F(more) if zero_points else np.full_like(low, 8)
            lost = levels(padded, inverse, zero) * scale[..., None] - padded
            error = np.add.accumulate(lost * lost, -1)[..., -1]
            better = error < least
            least = np.where(better, error, least)
            best = np.where(better, (scale, zero), best)
    scale, zero = best
    inverse = np.divide(F(1), scale, out=np.zeros_like(scale), where=scale > 0)
    integers = levels(padded, inverse, zero).reshape(n, -1)[:, :k]
    return integers.astype(np.int64), np.repeat(scale, block, -1)[:, :k]


def levels(blocks: np.ndarray, inverse: np.ndarray, zero: np.ndarray) -> np.ndarray:
    """The level of each weight in a block, less the zero point."""
    whole = np.rint(blocks * inverse[..., None])
    return np.clip(whole, -zero[..., None], F(15) - zero[..., None])


def int4_linear(
    x: np.ndarray, weight: np.ndarray, block: int = 32, zero_points: bool = True
) -> np.ndarray:
    """``linear`` of a weight packed as int4, bit by bit: groups of 32 one after another."""
    integers, scales = int4_weight(weight, block, zero_points)
    return block_linear(x, integers, scales[:, ::32])


def block_linear(
    x: np.ndarray, levels: np.ndarray, scales: np.ndarray, minima: np.ndarray | None = None
) -> np.ndarray:
    """``linear`` of a weight in blocks of 32, bit by bit: ``scale * level``, and perhaps a minimum.

    levels ``[N, K]`` (less their zero points), scales and minima ``[N, K / 32]``.
    """
    out = np.zeros((len(x), len(levels)), F)
    for block in range(scales.shape[1]):
        group = slice(32 * block, 32 * block + 32)
        scale = (np.abs(x[:, group]).max(-1) / F(127)).astype(F)
        scale[scale < 1e-37] = 0
        inverse = np.divide(F(1), scale, out=np.zeros_like(scale), where=scale > 0)
        values = np.rint(x[:, group] * inverse[:, None]).astype(np.int64)
        exact = values @ levels[:, group].T
        out += exact.astype(F) * (scales[None, :, block] * scale[:, None]).astype(F)
        if minima is not None:
            out += minima[None, :, block] * (scale * values.sum(-1).astype(F))[:, None]
    return out


def int8_linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """``linear`` of a weight packed as int8, bit by bit."""
    values, x_scale, zero = quantized_rows(x)
    integers, scale = int8_weight(weight)
    sums = (values - zero.astype(np.int64)[:, None]) @ integers.T
    out = sums.astype(F) * (x_scale[:, None] * scale[None, :]).astype(F)
    return out if bias is None else out + bias
