"""Choosing the next token: the same text from the same seed on every engine.

The order is Hugging Face's: repetition penalty, temperature, top-k, top-p. Everything is NumPy
in float64, and the random numbers come from a counter (Philox, Salmon et al. 2011), so a step's
number depends on the seed and on how many steps came before, and on nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def penalise(logits: np.ndarray, seen: Sequence[int], penalty: float) -> np.ndarray:
    """Make tokens that were already seen less likely (Keskar et al. 2019, CTRL).

    logits ``[V]``; a positive one is divided by ``penalty``, a negative one multiplied.
    """
    if penalty == 1.0:
        return logits
    ids = np.unique(np.asarray(seen, np.int64))
    logits = logits.copy()
    chosen = logits[ids]
    logits[ids] = np.where(chosen > 0, chosen / penalty, chosen * penalty)
    return logits


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Natural log probabilities over the last axis, float64."""
    shifted = logits.astype(np.float64) - logits.max()
    return shifted - np.log(np.exp(shifted).sum())


def uniform(seed: int, step: int) -> float:
    """A number in [0, 1) that depends on ``seed`` and ``step`` only.

    The first 53 bits of Philox 4x64-10 with key ``seed`` and counter ``step + 1`` (NumPy counts
    before it draws).
    """
    bits = np.random.Philox(key=seed, counter=[step, 0, 0, 0]).random_raw()
    return (bits >> 11) * 2.0**-53


def choose(
    logits: np.ndarray, *, temperature: float, top_k: int, top_p: float, seed: int, step: int
) -> int:
    """The next token's id from logits ``[V]``; temperature 0 takes the largest (lowest id on ties).

    ``top_k`` keeps the k most likely (0: all); ``top_p`` keeps the fewest whose probabilities add
    up to at least p.
    """
    if temperature == 0:
        return int(logits.argmax())
    order, p = candidates(logits, temperature=temperature, top_k=top_k, top_p=top_p)
    total = np.cumsum(p)
    at = int(np.searchsorted(total, uniform(seed, step) * total[-1], side="right"))
    return int(order[min(at, len(order) - 1)])


def candidates(
    logits: np.ndarray, *, temperature: float, top_k: int, top_p: float
) -> tuple[np.ndarray, np.ndarray]:
    """The ids among which ``choose`` draws, most likely first, and their weights.

    The weights are probabilities before ``top_p``: they need not add up to 1.
    """
    logits = logits.astype(np.float64) / temperature
    order = np.argsort(-logits, kind="stable")
    if top_k:
        order = order[:top_k]
    p = np.exp(log_softmax(logits[order]))
    if top_p < 1:
        keep = int(np.searchsorted(np.cumsum(p), top_p)) + 1
        order, p = order[:keep], p[:keep]
    return order, p
