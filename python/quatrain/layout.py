"""The packed layout: sentences of unequal length end to end, with no padding between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from quatrain.errors import InputError


@dataclass(frozen=True)
class Packed:
    """Which rows belong to which sentence.

    ``lengths`` int64 ``[B]``: new rows of each sentence in this pass. ``past`` int64 ``[B]``:
    rows that a cache already holds. ``stride``: how many of the pass's tokens a row stands for.
    """

    lengths: np.ndarray
    past: np.ndarray
    stride: int = 1

    @classmethod
    def of(cls, lengths: Sequence[int], past: np.ndarray | None = None) -> Packed:
        counts = np.asarray(lengths, np.int64).reshape(-1)
        return cls(counts, np.zeros_like(counts) if past is None else past)

    def every(self, stride: int) -> Packed:
        """The layout of every ``stride``-th row: what an operation's stride leaves.

        Raises InputError for sentences that began in an earlier pass.
        """
        if self.past.any():
            raise InputError("[stride] expected sentences that begin in this pass, got a past")
        return Packed(-(-self.lengths // stride), self.past, self.stride * stride)

    @property
    def batch(self) -> int:
        """B, the number of sentences."""
        return len(self.lengths)

    @cached_property
    def starts(self) -> np.ndarray:
        """int64 ``[B + 1]``: sentence b is rows ``starts[b]:starts[b + 1]``."""
        return np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)

    @cached_property
    def total(self) -> np.ndarray:
        """int64 ``[B]``: rows of each sentence once this pass is committed."""
        return self.past + self.lengths

    @property
    def longest(self) -> int:
        """The largest of ``total``."""
        return max((self.past + self.lengths).tolist(), default=0)

    @cached_property
    def positions(self) -> np.ndarray:
        """int64 ``[N]``: every row's position in its sentence."""
        offset = np.repeat(self.past - self.starts[:-1], self.lengths)
        return np.arange(self.starts[-1], dtype=np.int64) + offset

    def sentences(self, rows: np.ndarray) -> list[np.ndarray]:
        """Views of the rows of each sentence."""
        return np.split(rows, self.starts[1:-1]) if self.batch else []
