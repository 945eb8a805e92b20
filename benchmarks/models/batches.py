"""What engines that pad need: batches of sentences of about the same length."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.models.cases import GROUP, Task

Ids = Sequence[Sequence[int]]


def sizes(case: Task) -> tuple[int, ...]:
    """How many sentences a padded batch may have: all, or what is best for real ones."""
    return (case.batch,) if case.tokens else (GROUP // 2, GROUP)


def named(way: str, case: Task, size: int) -> str:
    return way if case.tokens else f"{way}, {size} at a time"


def padded(ids: Ids) -> tuple[np.ndarray, np.ndarray]:
    """Ids ``[B, T]``, filled up with zeros, and the mask of what is real."""
    mask = np.zeros((len(ids), max(map(len, ids))), np.int64)
    tokens = np.zeros_like(mask)
    for row, real, sentence in zip(tokens, mask, ids, strict=True):
        row[: len(sentence)], real[: len(sentence)] = sentence, 1
    return tokens, mask


def encoded(ids: Ids, size: int, encode: Callable[[Ids], np.ndarray]) -> np.ndarray:
    """Normalised vectors ``[B, D]``; ``encode`` takes ``size`` sentences, sorted by length."""
    order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
    chosen = [order[first : first + size] for first in range(0, len(ids), size)]
    vectors = np.concatenate([encode([ids[i] for i in batch]) for batch in chosen])
    out = np.empty_like(vectors)
    out[order] = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return out
