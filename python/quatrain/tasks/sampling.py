"""Choosing the next token: the same text from the same seed on every engine.

This is the specification; ``quatrain._core.Sampler`` does the same without sorting. The order is
Hugging Face's: penalties, temperature, top-k, top-p, min-p. How likely a token is, is a whole
number, whose sums are exact in any order, and the random numbers come from a counter (Philox,
Salmon et al. 2011), so a step's number depends on the seed and on how many steps came before, and
on nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

#: The weight of the likeliest token. One that is less than half of 2^-42 as likely is never drawn.
LIKELIEST = 2**42


def penalise(
    logits: np.ndarray,
    read: Sequence[int],
    wrote: Sequence[int],
    *,
    repetition_penalty: float = 1.0,
    presence_penalty: float = 0.0,
    frequency_penalty: float = 0.0,
) -> np.ndarray:
    """Make tokens that were already seen less likely.

    logits ``[V]``; of a token that was read or written, a positive one is divided by
    ``repetition_penalty`` and a negative one multiplied (Keskar et al. 2019, CTRL); one that was
    written n times then loses ``presence_penalty + n * frequency_penalty`` (as in OpenAI's API).
    """
    logits = logits.copy()
    ids, times = np.unique(np.asarray(wrote, np.int64), return_counts=True)
    seen = np.union1d(np.asarray(read, np.int64), ids)
    chosen = logits[seen].astype(np.float64)
    chosen = np.where(chosen > 0, chosen / repetition_penalty, chosen * repetition_penalty)
    chosen[np.searchsorted(seen, ids)] -= presence_penalty + frequency_penalty * times
    logits[seen] = chosen
    return logits


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Natural log probabilities over the last axis, float64."""
    shifted = logits.astype(np.float64) - logits.max()
    return shifted - np.log(np.exp(shifted).sum())


def likelihood(
    logits: np.ndarray, id: int, top: int
) -> tuple[float, tuple[tuple[int, float], ...]]:
    """The log probability of a token, and the ``top`` likeliest tokens with theirs."""
    scores = log_softmax(logits)
    best = np.argsort(-logits, kind="stable")[:top]
    return float(scores[id]), tuple((int(i), float(scores[i])) for i in best)


def likeliest(
    logits: np.ndarray, offsets: Sequence[float], count: int
) -> list[tuple[int, int, float]]:
    """The ``count`` best continuations of texts, as (row, id, score), best first.

    logits ``[B, V]``; a score is ``offsets[row] + logits[row, id]``, float64, and the first of
    equal ones has the lower row, then the lower id. What is -inf is none.
    """
    scores = (np.asarray(offsets, np.float64)[:, None] + logits).reshape(-1)
    order = np.argsort(-scores, kind="stable")[:count]
    rows, ids = np.divmod(order, logits.shape[1])
    found = zip(rows.tolist(), ids.tolist(), scores[order].tolist(), strict=True)
    return [one for one in found if one[2] > -np.inf]


def uniform(seed: int, step: int) -> float:
    """A number in [0, 1) that depends on ``seed`` and ``step`` only.

    The first 53 bits of Philox 4x64-10 with key ``seed`` and counter ``step + 1`` (NumPy counts
    before it draws).
    """
    bits = np.random.Philox(key=seed, counter=[step, 0, 0, 0]).random_raw()
    return (bits >> 11) * 2.0**-53


def choose(
    logits: np.ndarray,
    number: float,
    *,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    min_p: float = 0.0,
) -> int:
    """The next token's id from logits ``[V]`` and a random number in [0, 1).

    Temperature 0 takes the largest logit, and the lowest id of equal ones. ``top_k`` keeps the k
    most likely (0: all); ``top_p`` keeps the fewest whose probabilities among those add up to at
    least p; ``min_p`` keeps those at least p times as likely as the most likely one.
    """
    if temperature == 0:
        return int(logits.argmax())
    order, weights = candidates(
        logits, temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p
    )
    total = np.cumsum(weights)
    drawn = min(int(number * float(total[-1])), int(total[-1]) - 1)
    return int(order[np.searchsorted(total, drawn, side="right")])


def candidates(
    logits: np.ndarray,
    *,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    min_p: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """The ids among which ``choose`` draws, most likely first, and their weights: int64, how much
    less likely than ``LIKELIEST`` they are."""
    order = np.argsort(-logits, kind="stable")
    if top_k:
        order = order[:top_k]
    chosen = logits[order].astype(np.float64)
    powers = (chosen - chosen[0]) * (1 / max(temperature, 1e-200))
    weights = np.rint(LIKELIEST * np.exp(powers)).astype(np.int64)
    if top_p < 1:
        total = np.cumsum(weights)
        kept = int(np.searchsorted(total, math.ceil(top_p * float(total[-1])))) + 1
        order, weights = order[:kept], weights[:kept]
    kept = int((weights >= min_p * LIKELIEST).sum())
    return order[:kept], weights[:kept]
