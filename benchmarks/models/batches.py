"""What engines that pad need: batches of sentences of about the same length."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.models.cases import Task


def size_of(case: Task) -> int:
    """Sentences in a padded batch: all of them, or 32 of the real ones."""
    return case.batch if case.tokens else 32


def encoded(
    ids: Sequence[Sequence[int]], size: int, encode: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """Normalised vectors ``[B, D]``; ``encode`` takes padded ids and the mask of what is real."""
    order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
    out: np.ndarray | None = None
    for first in range(0, len(ids), size):
        chosen = order[first : first + size]
        mask = np.zeros((len(chosen), len(ids[chosen[0]])), np.int64)
        tokens = np.zeros_like(mask)
        for row, real, i in zip(tokens, mask, chosen, strict=True):
            row[: len(ids[i])], real[: len(ids[i])] = ids[i], 1
        vectors = encode(tokens, mask)
        if out is None:
            out = np.empty((len(ids), vectors.shape[1]), np.float32)
        out[chosen] = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    assert out is not None
    return out
