"""Comparing engines, name by name, against float64."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from quatrain.model import Model

#: Differences are relative to the largest magnitude of the value they are judged by.
TOLERANCE = 1e-4


class Difference(NamedTuple):
    """The largest difference between two values: absolute, and relative to the largest value."""

    absolute: float
    relative: float

    @classmethod
    def between(cls, got: np.ndarray, want: np.ndarray) -> Difference:
        """Infinite where shapes differ, or where one is NaN or infinite and the other is not."""
        if got.shape != want.shape:
            return cls(np.inf, np.inf)
        if not want.size:
            return cls(0.0, 0.0)
        a, b = got.astype(np.float64), want.astype(np.float64)
        alike = (a == b) | (np.isnan(a) & np.isnan(b))
        with np.errstate(invalid="ignore"):
            distance = np.where(alike, 0.0, np.abs(a - b))
        absolute = float(np.where(np.isnan(distance), np.inf, distance).max())
        scale = float(np.abs(b[np.isfinite(b)]).max(initial=0.0))
        return cls(absolute, absolute / scale if scale else (np.inf if absolute else 0.0))

    def worst(self, other: Difference) -> Difference:
        return Difference(max(self.absolute, other.absolute), max(self.relative, other.relative))


NONE = Difference(0.0, 0.0)


@dataclass
class Diff:
    """The differences of two recordings by name, in the order of computation."""

    tolerance: float = TOLERANCE
    rows: dict[str, Difference] = field(default_factory=dict)
    #: Names that only one side has.
    unmatched: list[str] = field(default_factory=list)

    def add(self, name: str, got: np.ndarray, want: np.ndarray) -> None:
        """Compare one value; a name that comes again keeps its worst difference."""
        found = Difference.between(got, want)
        self.rows[name] = self.rows.get(name, NONE).worst(found)

    def add_all(self, got: Mapping[str, Any], want: Mapping[str, Any]) -> None:
        """Compare two mappings of name -> array, or of name -> one array per sentence."""
        for name in want:
            if name not in got:
                continue
            pairs = (got[name], want[name])
            sides = [[x] if isinstance(x, np.ndarray) else x for x in pairs]
            for a, b in zip(*sides, strict=True):
                self.add(name, a, b)
        new = sorted(set(got) ^ set(want))
        self.unmatched += [name for name in new if name not in self.unmatched]

    @property
    def first_divergence(self) -> str | None:
        """The first name, in the order of computation, beyond the tolerance; None if all agree."""
        return next((n for n, d in self.rows.items() if not d.relative <= self.tolerance), None)

    @property
    def agree(self) -> bool:
        """Whether every name is on both sides and within the tolerance."""
        return self.first_divergence is None and not self.unmatched

    def as_json(self) -> dict[str, Any]:
        return {
            "agree": self.agree,
            "first_divergence": self.first_divergence,
            "unmatched": self.unmatched,
            "layers": {
                name: {"absolute": finite(d.absolute), "relative": finite(d.relative)}
                for name, d in self.rows.items()
            },
        }


def finite(x: float) -> float | str:
    """A number as strict JSON takes it."""
    return x if np.isfinite(x) else str(x)


def diff(
    model_a: Model,
    model_b: Model,
    text: Any,
    decoder_ids: Any = None,
    *,
    tolerance: float = TOLERANCE,
) -> Diff:
    """Trace ``text`` on both models and compare every intermediate; b is the judge.

    ``decoder_ids`` are for encoder-decoders, as in ``Model.trace``.
    """
    result = Diff(tolerance)
    result.add_all(model_a.trace(text, decoder_ids), model_b.trace(text, decoder_ids))
    return result


def worst(rows: Iterable[Difference]) -> Difference:
    """The worst of several differences."""
    total = NONE
    for row in rows:
        total = total.worst(row)
    return total
