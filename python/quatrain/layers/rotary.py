"""Rotary positions, and the ways to stretch them over longer texts than a model was trained on.

Angles are those of the checkpoints' own code as long as frequencies are computed as there: in
float32, in this order.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from quatrain.module import Module


class Rotary(Module):
    """Rotary positions: cos and sin of every row's angle, computed once per pass.

    The ``dim`` first values of a head turn, by frequencies ``theta^(-2i / dim)``, i < dim / 2
    (Su et al. 2021). ``scale`` multiplies cos and sin. ``limit``: see ``op.rotary``.
    """

    scale = 1.0

    def __init__(self, dim: int, theta: float):
        self.inv_freq = 1 / wavelengths(dim, theta)

    def forward(self, op: Any, layout: Any) -> tuple[Any, Any]:
        return op.rotary(layout, self.inv_freq, scale=self.scale)


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
        slow = self.inv_freq / np.float32(factor)
        self.inv_freq = ((1 - kept) * slow + kept * self.inv_freq).astype(np.float32)


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


def wavelengths(dim: int, theta: float) -> np.ndarray:
    """``theta^(2i / dim)``: positions per radian, float32 ``[dim / 2]``."""
    exponent = np.arange(0, dim, 2, dtype=np.float32) / np.float32(dim)
    return np.float32(theta) ** exponent
