"""What every timed piece of work has in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Case:
    """One piece of work. ``amount`` of ``unit`` are done in a call: its rate is what is shown.

    ``bound`` is the loop of ``limits.py`` whose time for ``work`` (operations, or bytes) no engine
    can undercut: "fma", "int8", "read" or "copy".
    """

    name: str
    amount: float
    unit: str
    bound: str
    work: float
    #: How weights are stored: "float32", "int8", "int4", or a GGUF type.
    dtype: str = "float32"

    @property
    def parts(self) -> int:
        """Into how many calls the work is cut; a call then does the work of an average part."""
        return 1

    def given(self, number: int) -> tuple[Any, ...]:
        """The arguments of an engine's call in round ``number``."""
        return ()
