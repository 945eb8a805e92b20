"""A bar for each stage of a long work."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

#: Called with what is done and what there is to do; 0 where that is not known.
Report = Callable[[int, int], None]


class Stages:
    """The bars, if they are wanted: None for "if standard error is a terminal"."""

    def __init__(self, wanted: bool | None):
        self._bars: Any = None
        if sys.stderr.isatty() if wanted is None else wanted:
            from rich.console import Console
            from rich.progress import Progress

            self._bars = Progress(console=Console(stderr=True))

    def __enter__(self) -> Stages:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def stage(self, name: str) -> Report:
        """Begins a stage."""
        if self._bars is None:
            return lambda done, total: None
        bars, task = self._bars, self._bars.add_task(name, total=None)
        return lambda done, total: bars.update(task, completed=done, total=total or None)
