"""How far apart two arrays are; apart from ``quatrain.parity``, which is itself under test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def difference(got: np.ndarray, want: np.ndarray) -> float:
    """The largest difference relative to the largest magnitude of ``want``.

    Infinite where shapes differ, or where NaN and infinity are not in the same places.
    """
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    if got.shape != want.shape:
        return np.inf
    finite = np.isfinite(want)
    if not np.array_equal(got[~finite], want[~finite], equal_nan=True):
        return np.inf
    if not np.isfinite(got[finite]).all():
        return np.inf
    distance = float(np.abs(got[finite] - want[finite]).max(initial=0.0))
    return distance / (float(np.abs(want[finite]).max(initial=0.0)) or 1.0)


def differences(
    got: Mapping[str, Sequence[np.ndarray]], want: Mapping[str, Sequence[np.ndarray]]
) -> dict[str, float]:
    """Name -> the largest difference, over the names of ``want``; each a list of arrays."""
    assert set(want) <= set(got)
    return {name: difference(*joined(got[name], want[name])) for name in want}


def joined(got: Sequence[np.ndarray], want: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Both sides as one vector, so that small sentences are judged by the whole value's scale."""
    shapes = [[x.shape for x in side] for side in (got, want)]
    if shapes[0] != shapes[1]:
        return np.zeros(0), np.zeros(1)
    return tuple(np.concatenate([x.ravel() for x in side] or [np.zeros(0)]) for side in (got, want))
