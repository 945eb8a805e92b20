"""Single operations: which engines there are, and how their results are compared."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.kernels.cases import CASES

PEERS = ("numpy", "onnxruntime", "torch")
#: The engine whose results judge the others.
JUDGE = "numpy"
#: quatrain's own that only answer.
MINE = ()
#: Processes stay from case to case.
LASTING = True


def engine(name: str, threads: int) -> Any:
    if name == "torch":
        from benchmarks.kernels.peer_torch import Torch

        return Torch(threads)
    if name == "onnxruntime":
        from benchmarks.kernels.peer_onnxruntime import Onnxruntime

        return Onnxruntime(threads)
    from benchmarks.kernels.ours import Numpy, Quatrain

    return {"quatrain": Quatrain, "numpy": Numpy}[name](threads)


def compare(name: str, answer: np.ndarray, judge: np.ndarray) -> tuple[float, str]:
    """The largest difference relative to the largest value, and what is wrong with it, if so."""
    if answer.shape != judge.shape:
        return float("nan"), f"shape {answer.shape}, not {judge.shape}"
    error = float(np.abs(answer - judge).max() / np.abs(judge).max())
    return error, "" if error <= CASES[name].tolerance else f"differs by {error:.1e}"


__all__ = ["CASES", "JUDGE", "LASTING", "MINE", "PEERS", "compare", "engine"]
