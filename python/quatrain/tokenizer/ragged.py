"""The ids of many texts, end to end."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


class Ragged:
    """The ids of B texts in one array: no Python object per token.

    ``ragged[i]`` is a view of text i's ids.

    Attributes:
        ids: uint32 [T], the ids of all texts, one after the other.
        offsets: int64 [B + 1]; text i has ``ids[offsets[i]:offsets[i + 1]]``.
    """

    def __init__(self, ids: NDArray[np.uint32], offsets: NDArray[np.int64]):
        self.ids = ids
        self.offsets = offsets

    def __len__(self) -> int:
        """The number of texts."""
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> NDArray[np.uint32]:
        """The ids of one text; negative indices count from the end.

        Raises:
            IndexError: there is no such text.
        """
        size = len(self)
        if not -size <= index < size:
            raise IndexError(f"text {index} of {size}")
        index %= size
        return self.ids[self.offsets[index] : self.offsets[index + 1]]

    def __iter__(self) -> Iterator[NDArray[np.uint32]]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"Ragged({len(self)} texts, {len(self.ids)} ids)"
