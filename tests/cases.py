"""One list of cases for every operation; it serves parity (``test_ops.py``) and benchmarks."""

from __future__ import annotations

from case import ENGINES, Bound, Case
from cases_layout import layout_reading
from cases_rowwise import primitives, semantic

__all__ = ["CASES", "ENGINES", "Bound", "Case"]

CASES: list[Case] = [*primitives(), *semantic(), *layout_reading()]
