"""``python -m benchmarks.precision MODEL SENTENCES``: how close every precision comes to float64.

Encodes 1,000 of the file's lines (its first column, if there are tabs), evenly spaced, with the
weights of linear layers held in every way that the native engine can, and prints the cosine to the
reference engine's vectors in float64: the mean and the least of them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import quatrain
from quatrain.engines import DTYPES
from quatrain.engines.reference import Reference

COUNT = 1000


def sentences(path: str, count: int = COUNT) -> list[str]:
    """``count`` different lines of a file, evenly spaced."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    texts = list(dict.fromkeys(line.split("\t")[0] for line in lines if line.strip()))
    return [texts[i] for i in np.linspace(0, len(texts) - 1, count).astype(int)]


def cosines(
    model: str, texts: list[str], dtypes: tuple[str, ...] = DTYPES
) -> dict[str, np.ndarray]:
    """The cosine of every text's vector to the one in float64, for each dtype."""
    exact = quatrain.load(model).on(Reference(np.float64)).encode(texts).astype(np.float64)
    found = {}
    for dtype in dtypes:
        vectors = quatrain.load(model, dtype=dtype).encode(texts).astype(np.float64)
        lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(exact, axis=1)
        found[dtype] = (vectors * exact).sum(1) / lengths
    return found


def main() -> None:
    model, path = sys.argv[1:]
    texts = sentences(path)
    print(f"{len(texts)} sentences\n\n| weights | mean cosine | least cosine |\n|---|---|---|")
    for dtype, cosine in cosines(model, texts).items():
        print(f"| {dtype} | {cosine.mean():.6f} | {cosine.min():.6f} |")


if __name__ == "__main__":
    main()
