"""Looking inside: every intermediate of a pass under its name, on any engine.

A module's output takes the module's path (``h.3.attn``); an operation inside is
``<path>.<operation>``, and attention adds ``.scores`` and ``.weights``. A repeated name gets
``:1``, ``:2``; the parts of a tuple ``.0``, ``.1``. Only calls that a model makes are named, so
an engine that fuses or decomposes operations has the same names as one that does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from quatrain.errors import InputError
from quatrain.layout import Packed
from quatrain.module import Module
from quatrain.ops import Ops


class Recording(dict[str, list[np.ndarray]]):
    """Name -> one array per sentence, in the order of computation.

    Rows are ``[T, ...]``, scores ``[H, T, S]``, one row per sentence ``[...]``. ``recomputed``
    names the values that the engine's fused kernel hides and that were computed beside it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.recomputed: set[str] = set()

    def unpack(self, name: str, value: Any, kind: str, layout: Packed) -> None:
        """Record a packed engine's value, cut into sentences."""
        if kind == "rows":
            self[name] = layout.sentences(value)
        elif kind == "table":
            self[name] = [value] * layout.batch
        else:
            self[name] = list(value)

    def follow(self, later: Recording) -> None:
        """Add what a later pass recorded; names that are there already count on (``shared:1``)."""
        for name, arrays in later.items():
            stem, _, count = name.rpartition(":") if ":" in name else (name, "", "0")
            number = int(count)
            while (free := f"{stem}:{number}" if number else stem) in self:
                number += 1
            self[free] = arrays
            if name in later.recomputed:
                self.recomputed.add(free)


class Trace(Mapping[str, np.ndarray]):
    """The intermediates of one sentence: ``t["h.3.attn"]``."""

    def __init__(self, recording: Recording, sentence: int = 0) -> None:
        self._arrays = {name: arrays[sentence] for name, arrays in recording.items()}
        self.recomputed = frozenset(recording.recomputed)

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._arrays:
            near = [known for known in self._arrays if known.endswith(name.rsplit(".", 1)[-1])]
            raise InputError(
                f"[trace] no value named {name!r}; try {', '.join(near[:5]) or 'list(t)'}"
            )
        return self._arrays[name]

    def __contains__(self, name: object) -> bool:
        return name in self._arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        return "\n".join(f"{name}  {list(x.shape)}" for name, x in self._arrays.items())


class Tracer:
    """Stands between a model and an engine, and names each operation that the model calls.

    One object per pass. ``inside`` asks attention for its scores and weights as well. The engine
    is told a call's name before it (``begin``) and gets each result with its name (``named``).
    """

    names = True
    activation = Ops.activation

    def __init__(self, engine: Any, *, inside: bool = True) -> None:
        self.engine = engine
        self.inside = inside
        self.values: dict[str, tuple[Any, str, int]] = {}
        self.recomputed: set[str] = set()
        self._path = ""
        self._seen: Counter[str] = Counter()
        # Kind, and how many tokens a row stands for. By id(): sound because _alive holds every
        # object that has a kind.
        self._kinds: dict[int, tuple[str, int]] = {}
        self._alive: list[Any] = []

    def enter(self, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call ``module`` with its path as the scope, and record what it returns."""
        outer, self._path = self._path, module.path
        try:
            result = module.forward(self, *args, **kwargs)
        finally:
            self._path = outer
        if module.path:
            self._record(self._unique(module.path), result)
        return result

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = getattr(Ops, name, None)
        if operation is None or not hasattr(operation, "kind"):
            raise AttributeError(f"{name!r} is not an operation of the vocabulary")

        def call(*args: Any, **kwargs: Any) -> Any:
            full = self._unique(f"{self._path}.{name}" if self._path else name)
            keep: dict[str, Any] = {}
            if name == "attention" and self.inside:
                kwargs["keep"] = keep
            self.engine.begin(full)
            result = getattr(self.engine, name)(*args, **kwargs)
            kind, stride = self._kind(args[0])
            layout = next((x for x in args if hasattr(x, "every")), None)
            if layout is not None:
                stride = layout.stride * kwargs.get("stride", 1)
            for part, value in keep.items():
                scores = "cross" if args[1] is None else "scores"
                self._record(f"{full}.{part}", value, (scores, stride))
                if self.engine.recomputes:
                    self.recomputed.add(f"{full}.{part}")
            self._record(full, result, (operation.kind or kind, stride))
            return result

        return call

    def collect(self, layout: Packed) -> Recording:
        """What was recorded, by sentence (packed engines)."""
        recording = Recording()
        for name, (value, kind, stride) in self.values.items():
            own = layout if stride == 1 else layout.every(stride)
            recording.unpack(name, value, kind, own)
        recording.recomputed = self.recomputed
        return recording

    def _unique(self, name: str) -> str:
        count = self._seen[name]
        self._seen[name] += 1
        return f"{name}:{count}" if count else name

    def _kind(self, value: Any) -> tuple[str, int]:
        return self._kinds.get(id(value), ("rows", 1))

    def stride(self, value: Any) -> int:
        """How many tokens of the pass a row of a value stands for."""
        return self._kind(value)[1]

    def _record(self, name: str, result: Any, kind: tuple[str, int] | None = None) -> None:
        if isinstance(result, tuple):
            for i, part in enumerate(result):
                self._record(f"{name}.{i}", part, kind)
        elif result is not None:
            kind = kind or self._kind(result)
            self._kinds[id(result)] = kind
            self._alive.append(result)
            self.values[name] = self.engine.named(name, result), *kind
