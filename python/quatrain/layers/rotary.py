"""Rotary positions, and the ways to stretch them over longer texts than a model was trained on.

Angles are those of the checkpoints' own code as long as frequencies are computed as there: in
float32, in this order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from quatrain.module import Module


class Rotary(Module):
    """Rotary positions: cos and sin of every row's angle, computed once per pass.

    The ``dim`` first values of a head turn, by frequencies ``theta^(-2i / dim)``, i < dim / 2
    (Su et al. 2021). ``scale`` multiplies cos and sin. With a ``limit``, frequencies depend on a
    text's length, as ``op.rotary`` says.
    """

    scale = 1.0
    limit: int | None = None

    def __init__(self, dim: int, theta: float):
        self.inv_freq = 1 / wavelengths(dim, theta)

    def forward(self, op: Any, layout: Any) -> tuple[Any, Any]:
        return op.rotary(layout, self.inv_freq, scale=self.scale, limit=self.limit)

    def moves(self, past: int, length: int) -> bool:
        """Whether a text's first ``past`` tokens turn otherwise once it has ``length``."""
        if self.limit is None or not past:
            return False
        last = len(self.inv_freq) - 1
        first, second = (min(max(n - self.limit, 0), last) for n in (past, length))
        return first != second


class LinearRotary(Rotary):
    """Every position is divided by ``factor`` (Chen et al. 2023)."""

    def __init__(self, dim: int, theta: float, *, factor: float):
        super().__init__(dim, theta)
        self.inv_freq /= np.float32(factor)


class Llama3Rotary(Rotary):
    """Frequencies that turn less than ``low`` times over ``original`` tokens are divided by
    ``factor``, those that turn more than ``high`` times stay, and others lie between (Llama 3.1).
    """

    def __init__(
        self, dim: int, theta: float, *, factor: float, low: float, high: float, original: int
    ):
        super().__init__(dim, theta)
        turns = original / (2 * np.float32(math.pi) / self.inv_freq)
        kept = np.clip((turns - low) / (high - low), 0, 1)
        slow = (1 - kept) * self.inv_freq / np.float32(factor)
        self.inv_freq = slow + kept * self.inv_freq


class YarnRotary(Rotary):
    """Divided by ``factor`` are frequencies that turn less than ``slow`` times over ``original``
    tokens, and not those that turn more than ``fast`` times; others lie between, along their
    index (Peng et al. 2023). ``truncate`` widens that range to whole indices."""

    def __init__(
        self,
        dim: int,
        theta: float,
        *,
        factor: float,
        original: int,
        fast: float,
        slow: float,
        truncate: bool,
        scale: float,
    ):
        super().__init__(dim, theta)
        self.scale = scale
        first, last = (
            dim * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(theta))
            for turns in (fast, slow)
        )
        if truncate:
            first, last = math.floor(first), math.ceil(last)
        first, last = max(first, 0), min(last, dim - 1)
        width = last - first or 0.001
        ramp = np.clip((np.arange(dim // 2, dtype=np.float32) - first) / width, 0, 1)
        kept = 1 - ramp.astype(np.float32)
        stretched = 1 / (np.float32(factor) * wavelengths(dim, theta))
        self.inv_freq = stretched * (1 - kept) + self.inv_freq * kept


class DynamicRotary(Rotary):
    """The base grows with a text that is longer than ``original``, so that its slowest pair turns
    as far as it did over ``original`` tokens when the text is ``factor`` times as long
    (NTK-aware scaling, bloc97 and emozilla 2023)."""

    def __init__(self, dim: int, theta: float, *, factor: float, original: int, longest: int):
        length = np.arange(original, longest + 1, dtype=np.float32)
        growth = np.float32(factor) * length / np.float32(original) - np.float32(factor - 1)
        bases = np.float32(theta) * power(growth, dim / (dim - 2))
        self.inv_freq = 1 / wavelengths(dim, bases[:, None])
        self.limit = original


class LongRotary(Rotary):
    """Every frequency has a divisor of its own: of ``short`` in texts of up to ``original``
    tokens, of ``long`` in longer ones (LongRoPE, Ding et al. 2024)."""

    def __init__(
        self,
        dim: int,
        theta: float,
        *,
        short: Sequence[float],
        long: Sequence[float],
        original: int,
        scale: float,
    ):
        divisors = np.array([short, long], np.float32)
        self.inv_freq = 1 / (divisors * wavelengths(dim, theta))
        self.limit, self.scale = original, scale


def wavelengths(dim: int, theta: float | np.ndarray) -> np.ndarray:
    """``theta^(2i / dim)``: positions per radian, float32 ``[..., dim / 2]``."""
    return power(theta, np.arange(0, dim, 2, dtype=np.float32) / np.float32(dim))


def power(base: float | np.ndarray, exponent: float | np.ndarray) -> np.ndarray:
    """float32 ``base ** exponent``, rounded once. NumPy's own is two roundings away from torch's
    and not the same on all processors, and a far position multiplies what is lost."""
    wide = np.asarray(base, np.float32).astype(np.float64) ** np.asarray(exponent, np.float32)
    return wide.astype(np.float32)
