"""The state of a generation: keys and values, as explicit values with names.

A forward pass writes behind the committed length and ``State.next()`` commits, so a step that
was interrupted can simply be repeated. A copy happens only through ``State.fork``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from quatrain.cache_rows import SCALE
from quatrain.errors import InputError
from quatrain.layout import Packed


@dataclass(frozen=True)
class SlotSpec:
    """A model's declaration of one cache: block ``index``; ``part`` None for decoder-only models,
    else "decoder" (self-attention) or "encoder" (cross-attention); sizes in heads and values."""

    index: int
    kv_heads: int
    key_dim: int
    value_dim: int
    part: str | None = None

    @property
    def key(self) -> tuple[int, str]:
        return self.index, self.part or "decoder"

    def names(self, prefix: str) -> tuple[str, str]:
        """The names of keys and values in graphs: ``past_key_values.3.decoder.key``."""
        stem = f"{prefix}.{self.index}" + (f".{self.part}" if self.part else "")
        return f"{stem}.key", f"{stem}.value"


@dataclass
class Grown:
    """A cache that every pass extends: k ``[B, C, Hk*Dk]`` and v ``[B, C, Hk*Dv]``, capacity C.

    Of int8, rows are those of ``quatrain.cache_rows``.
    """

    keys: np.ndarray
    values: np.ndarray

    def __post_init__(self) -> None:
        batch, capacity, _ = self.keys.shape
        #: The same memory as rows ``[B*C, ...]``, and the row at which each sentence begins.
        self.key_rows = self.keys.reshape(batch * capacity, self.keys.shape[2])
        self.value_rows = self.values.reshape(batch * capacity, self.values.shape[2])
        self.first = np.arange(batch, dtype=np.int64) * capacity

    def reserve(self, capacity: int) -> None:
        """Make room for ``capacity`` rows per sentence; grows by doubling, keeps what is there."""
        have = self.keys.shape[1]
        if capacity <= have:
            return
        capacity = max(capacity, 2 * have)
        for name in ("keys", "values"):
            old = getattr(self, name)
            new = np.zeros((old.shape[0], capacity, old.shape[2]), old.dtype)
            new[:, :have] = old
            setattr(self, name, new)
        self.__post_init__()

    def fork(self, index: np.ndarray, rows: int) -> Grown:
        """A copy of the first ``rows`` rows of sentences, with room for about as many again."""
        capacity = min(self.keys.shape[1], 2 * rows + 64)
        copies = []
        for old in (self.keys, self.values):
            new = np.zeros((len(index), capacity, old.shape[2]), old.dtype)
            new[:, :rows] = old[index, :rows]
            copies.append(new)
        return Grown(*copies)

    def copy(self, source: int, target: int, first: int, last: int) -> None:
        """Overwrite rows of one sentence by those of another."""
        for array in (self.keys, self.values):
            array[target, first:last] = array[source, first:last]


@dataclass
class Remembered:
    """A source's keys and values ``[N, Hk*D]``, computed once; beams share them by ``index``."""

    index: np.ndarray
    keys: np.ndarray | None = None
    values: np.ndarray | None = None
    layout: Packed | None = None

    def source(self) -> tuple[np.ndarray, np.ndarray, Packed]:
        """Keys, values and their layout. Raises InputError before the encoder pass."""
        if self.keys is None or self.values is None or self.layout is None:
            raise InputError("[attention] nothing was remembered: run the encoder pass first")
        return self.keys, self.values, self.layout

    def fork(self, index: np.ndarray, rows: int) -> Remembered:
        return Remembered(self.index[index], self.keys, self.values, self.layout)

    def copy(self, source: int, target: int, first: int, last: int) -> None:
        self.index[target] = self.index[source]


class Passes:
    """What every engine's state shares: committed lengths, and each slot used once a pass."""

    lengths: np.ndarray

    def __init__(self, lengths: np.ndarray) -> None:
        self.lengths = lengths
        self._pending: np.ndarray | None = None
        self._taken: set[tuple[int, str]] = set()

    @property
    def batch(self) -> int:
        return len(self.lengths)

    def begin(self, lengths: np.ndarray) -> None:
        """Start a pass over ``lengths`` new rows; forgets a pass that was never committed."""
        if len(lengths) != self.batch:
            raise InputError(f"[state] expected {self.batch} sentences, got {len(lengths)}")
        self._pending = np.asarray(lengths, np.int64)
        self._taken = set()

    def take(self, key: tuple[int, str]) -> None:
        if key in self._taken:
            raise InputError(f"[state] slot {key} was already used in this pass")
        self._taken.add(key)

    def next(self) -> None:
        """Commit the rows of the last pass."""
        if self._pending is None:
            raise InputError("[state] nothing to commit: no pass since the last commit")
        self.lengths = self.lengths + self._pending
        self._pending = None

    def chosen(self, index: Sequence[int] | np.ndarray) -> np.ndarray:
        """The sentences that a fork is made of. Raises InputError for one that is not there."""
        chosen = np.asarray(index, np.int64)
        if chosen.size and not (chosen.min() >= 0 and chosen.max() < self.batch):
            raise InputError(f"[fork] expected indices in [0, {self.batch}), got {list(chosen)}")
        return chosen

    def replaced(self, index: Sequence[int] | np.ndarray) -> list[tuple[int, int]]:
        """The (source, target) pairs of ``replace``: every source stays as it is."""
        chosen = self.chosen(index)
        if len(chosen) != self.batch or not np.array_equal(chosen[chosen], chosen):
            raise InputError(
                f"[replace] expected a sentence for each of {self.batch}, each copied one in its"
                f" own place, got {list(chosen)}"
            )
        return [(int(i), target) for target, i in enumerate(chosen) if i != target]


class State(Passes):
    """The caches of a packed engine, one slot per attention."""

    def __init__(self, slots: dict[tuple[int, str], Grown | Remembered], lengths: np.ndarray):
        super().__init__(lengths)
        self.slots = slots
        #: int64 ``[B, B]``: how many rows, from the first on, two sentences are known to share.
        self.alike = np.zeros((len(lengths), len(lengths)), np.int64)

    @classmethod
    def empty(
        cls, specs: Iterable[SlotSpec], batch: int, dtype: np.dtype, capacity: int = 16
    ) -> State:
        """Nothing committed for ``batch`` sentences, room for ``capacity`` rows each.

        ``dtype`` is that of growing caches: int8, or what the engine computes in.
        """
        scale = SCALE if dtype == np.int8 else 0
        slots: dict[tuple[int, str], Grown | Remembered] = {}
        for spec in specs:
            if spec.part == "encoder":
                slots[spec.key] = Remembered(np.arange(batch, dtype=np.int64))
            else:
                widths = (spec.kv_heads * (d + scale) for d in (spec.key_dim, spec.value_dim))
                slots[spec.key] = Grown(*(np.zeros((batch, capacity, w), dtype) for w in widths))
        return cls(slots, np.zeros(batch, np.int64))

    def slot(self, index: int, part: str = "decoder") -> Grown | Remembered:
        """The cache of block ``index``; a second use within one pass raises InputError."""
        self.take((index, part))
        return self.slots[index, part]

    def extended(
        self, keys: Iterable[tuple[int, str]], rows: int
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """The keys and values of growing slots, each used in this pass, with room for ``rows``."""
        found = []
        for key in keys:
            slot = self.slot(*key)
            assert isinstance(slot, Grown)
            slot.reserve(rows)
            found.append((slot.keys, slot.values))
        return found

    def fork(self, index: Sequence[int] | np.ndarray) -> State:
        """A copy whose sentence i is this state's sentence ``index[i]`` (beams, prefixes)."""
        chosen = self.chosen(index)
        rows = int(self.lengths.max(initial=0))
        slots = {key: slot.fork(chosen, rows) for key, slot in self.slots.items()}
        fork = State(slots, self.lengths[chosen])
        same = chosen[:, None] == chosen
        fork.alike = np.where(same, fork.lengths, self.alike[np.ix_(chosen, chosen)])
        return fork

    def replace(self, index: Sequence[int] | np.ndarray) -> None:
        """In place: sentence i becomes a copy of sentence ``index[i]``, which must stay itself.

        Only the rows in which the two differ are copied.
        """
        self.lengths = self.lengths.copy()
        for source, target in self.replaced(index):
            first, last = int(self.alike[source, target]), int(self.lengths[source])
            for slot in self.slots.values():
                slot.copy(source, target, first, last)
            self.lengths[target] = last
            self.alike[target] = self.alike[source]
            self.alike[:, target] = self.alike[:, source]
            self.alike[source, target] = self.alike[target, source] = last
