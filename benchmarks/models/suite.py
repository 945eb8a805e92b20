"""Whole models: which engines there are, and how their results are compared."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.models.cases import CASES

PEERS = ("onnxruntime", "torch", "ctranslate2", "genai", "llama.cpp")
#: quatrain's specification in float64: it answers, and is not timed.
JUDGE = "reference"
MINE = (JUDGE,)
#: A process ends with its case: several large models do not fit beside each other.
LASTING = False


def engine(name: str, threads: int) -> Any:
    if name == "onnxruntime":
        from benchmarks.models.peer_onnxruntime import Onnxruntime

        return Onnxruntime(threads)
    if name == "torch":
        from benchmarks.models.peer_torch import Torch

        return Torch(threads)
    if name in ("ctranslate2", "genai"):
        from benchmarks.models import peer_runtimes

        return {"ctranslate2": peer_runtimes.Ctranslate2, "genai": peer_runtimes.Genai}[name](
            threads
        )
    if name == "llama.cpp":
        from benchmarks.models.peer_llamacpp import LlamaCpp

        return LlamaCpp(threads)
    from benchmarks.models.ours import Quatrain, Reference

    return {"quatrain": Quatrain, "reference": Reference}[name](threads)


def compare(name: str, answer: np.ndarray, judge: np.ndarray) -> tuple[float, str]:
    """Vectors: the mean cosine. New ids: the share that is equal. Float32 has to be right."""
    case = CASES[name]
    answer = answer[: len(judge)]
    if answer.shape != judge.shape:
        return float("nan"), f"shape {answer.shape}, not {judge.shape}"
    if case.task == "encode":
        alike = float((answer * judge).sum(-1).mean())
        least = 0.9999
    else:
        alike = float((answer == judge).mean())
        least = 0.9
    return alike, f"wrong: {alike:.4f}" if case.dtype == "float32" and alike < least else ""


__all__ = ["CASES", "JUDGE", "LASTING", "MINE", "PEERS", "compare", "engine"]
