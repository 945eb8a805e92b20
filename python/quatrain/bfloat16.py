"""bfloat16, which NumPy does not have: arrays of uint16 hold its bits."""

from __future__ import annotations

import numpy as np


def widened(array: np.ndarray) -> np.ndarray:
    """The numbers of an array in which uint16 are the bits of bfloat16; exact."""
    if array.dtype != np.uint16:
        return array
    return (array.astype(np.uint32) << 16).view(np.float32)
