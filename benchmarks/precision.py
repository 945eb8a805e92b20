"""``python -m benchmarks.precision MODEL SENTENCES``: how close every precision comes to float64.

Encodes 1,000 of the file's lines (its first column, if there are tabs), evenly spaced, with the
weights of linear layers held in every way that the native engine can, and with float32 weights but
keys and values as an int8 cache holds them, and prints the cosine to the reference engine's vectors
in float64: the mean and the least of them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

import quatrain
from quatrain.cache_rows import dequantized, quantized
from quatrain.engines import DTYPES
from quatrain.engines.native import Native
from quatrain.engines.reference import Reference

COUNT = 1000


def sentences(path: str, count: int = COUNT) -> list[str]:
    """``count`` different lines of a file, evenly spaced."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    texts = list(dict.fromkeys(line.split("\t")[0] for line in lines if line.strip()))
    return [texts[i] for i in np.linspace(0, len(texts) - 1, count).astype(int)]


class Rounding(Native):
    """Attends to keys and values as an int8 cache would hold them, though there is none."""

    def _plan(self, *program: Any) -> None:
        """Operation by operation, so that ``attention`` is called with numbers."""

    def attention(self, q: Any, k: Any, v: Any, *rest: Any, heads: int, **options: Any) -> Any:
        kv_heads = options.get("kv_heads") or heads
        k, v = (
            dequantized(quantized(self._value(x), kv_heads), kv_heads, self.dtype) for x in (k, v)
        )
        return super().attention(q, k, v, *rest, heads=heads, **options)


def cosines(
    model: str, texts: list[str], dtypes: tuple[str, ...] = DTYPES
) -> dict[str, np.ndarray]:
    """The cosine of every text's vector to the one in float64, for each dtype, and "int8 cache"."""
    loaded = quatrain.load(model)
    exact = loaded.on(Reference(np.float64)).encode(texts).astype(np.float64)

    def close(other: quatrain.Model) -> np.ndarray:
        vectors = other.encode(texts).astype(np.float64)
        lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(exact, axis=1)
        return (vectors * exact).sum(1) / lengths

    found = {dtype: close(quatrain.load(model, dtype=dtype)) for dtype in dtypes}
    return found | {"int8 cache": close(loaded.on(Rounding()))}


def main() -> None:
    model, path = sys.argv[1:]
    texts = sentences(path)
    print(f"{len(texts)} sentences\n\n| weights | mean cosine | least cosine |\n|---|---|---|")
    for dtype, cosine in cosines(model, texts).items():
        print(f"| {dtype} | {cosine.mean():.6f} | {cosine.min():.6f} |")


if __name__ == "__main__":
    main()
