"""The operations that are timed: sizes, inputs, and what bounds each of them.

A product is M x K x N: M rows of K values by a weight of N rows. Attention is B sentences of T
tokens, H heads of D values.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from benchmarks.cases import Case

Arrays = dict[str, np.ndarray]
EPSILON = 1e-5


@dataclass(frozen=True, kw_only=True)
class Kernel(Case):
    """One operation; its rate is that of the work that bounds it."""

    op: str
    sizes: tuple[int, ...]
    causal: bool = False

    @property
    def tolerance(self) -> float:
        """Between engines, relative to the largest value."""
        return {"float32": 1e-4, "int8": 0.05, "int4": 0.3}[self.dtype]

    @cached_property
    def inputs(self) -> Arrays:
        """Float32 arrays, the same in every process."""
        random = np.random.default_rng(5)

        def normal(*shape: int) -> np.ndarray:
            return random.standard_normal(shape, np.float32)

        if self.op == "linear":
            m, k, n = self.sizes
            return {"x": normal(m, k), "weight": normal(n, k) * np.float32(k**-0.5)}
        if self.op in ("layer_norm", "add_norm"):
            rows, d = self.sizes
            found = {"x": normal(rows, d), "weight": 1 + normal(d) / 10, "bias": normal(d) / 10}
            return found if self.op == "layer_norm" else {"y": normal(rows, d), **found}
        b, t, s, h, d = self.sizes
        return {
            "q": normal(b * t, h * d),
            "k": normal(b * s, h * d),
            "v": normal(b * s, h * d),
        }


def kernel(
    name: str, op: str, sizes: tuple[int, ...], bound: str, work: float, **more: Any
) -> Kernel:
    unit = "GFLOP/s" if bound in ("fma", "int8") else "GB/s"
    return Kernel(
        name=name, op=op, sizes=sizes, bound=bound, work=work, amount=work / 1e9, unit=unit, **more
    )


def linear(m: int, k: int, n: int, dtype: str = "float32") -> Kernel:
    name, size = f"linear {dtype} {m}x{k}x{n}", {"float32": 4.0, "int8": 1.0, "int4": 0.5}[dtype]
    if m == 1:
        return kernel(name, "linear", (m, k, n), "read", size * k * n, dtype=dtype)
    bound = "fma" if dtype == "float32" else "int8"
    return kernel(name, "linear", (m, k, n), bound, 2.0 * m * k * n, dtype=dtype)


def norm(op: str, rows: int, d: int) -> Kernel:
    arrays = 2 if op == "layer_norm" else 4
    return kernel(f"{op} {rows}x{d}", op, (rows, d), "copy", 4.0 * arrays * rows * d)


def attention(b: int, t: int, h: int, d: int, *, causal: bool = False) -> Kernel:
    name = f"attention {b}x{t} H{h} D{d}{' causal' if causal else ''}"
    work = 4.0 * b * h * d * (t * (t + 1) / 2 if causal else t * t)
    return kernel(name, "attention", (b, t, t, h, d), "fma", work, causal=causal)


def decode(b: int, s: int, h: int = 12, d: int = 64) -> Kernel:
    """One query for each of B sentences against S cached keys."""
    name = f"decode attention {b}x1 of {s} H{h} D{d}"
    return kernel(name, "attention", (b, 1, s, h, d), "read", 8.0 * b * s * h * d)


TABLE = (
    linear(1024, 1024, 1024),
    linear(512, 768, 3072),
    linear(8, 768, 3072),
    linear(1, 768, 3072),
    linear(1, 768, 50257),
    *(linear(m, 768, 3072, "int8") for m in (512, 128, 1)),
    *(linear(m, 768, 3072, "int4") for m in (128, 8, 1)),
    *(norm(op, *sizes) for op in ("layer_norm", "add_norm")
      for sizes in ((4096, 768), (512, 384), (16384, 1024))),
    *(attention(1, t, 12, 64, causal=causal) for causal in (False, True) for t in (512, 2048)),
    attention(32, 16, 12, 32),
    decode(1, 1024),
    decode(8, 1024),
)  # fmt: skip
CASES = {case.name: case for case in TABLE}


def split_heads(rows: np.ndarray, batch: int, heads: int) -> np.ndarray:
    """[B*T, H*D] -> a contiguous [B, H, T, D]."""
    apart = rows.reshape(batch, -1, heads, rows.shape[1] // heads)
    return np.ascontiguousarray(apart.transpose(0, 2, 1, 3))


def merge_heads(values: np.ndarray) -> np.ndarray:
    """[B, H, T, D] -> [B*T, H*D]."""
    b, h, t, d = values.shape
    return values.transpose(0, 2, 1, 3).reshape(b * t, h * d)
