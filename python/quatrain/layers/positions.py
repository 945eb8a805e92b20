"""Positions that are computed rather than learned."""

from __future__ import annotations

from typing import Any

import numpy as np

from quatrain.module import Module


class Rotary(Module):
    """Rotary positions: cos and sin of every row's angle, computed once per pass.

    ``theta`` is the base of the frequencies ``theta^(-2i / dim)`` (Su et al. 2021).
    """

    def __init__(self, dim: int, theta: float):
        # float32 as the checkpoints' own code computes it, so that angles agree at long range.
        exponent = np.arange(0, dim, 2, dtype=np.float32) / np.float32(dim)
        self.inv_freq = 1 / np.float32(theta) ** exponent

    def forward(self, op: Any, layout: Any) -> tuple[Any, Any]:
        return op.rotary(layout, self.inv_freq)
