"""One engine in a process of its own. It reads requests, one JSON per line, and answers likewise:
a case's name -> what each way to do it takes, and some of the result of the fastest, which it
keeps; an empty line -> seconds of that.

    python -m benchmarks.kernels.worker ENGINE THREADS ISA
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.kernels.cases import CASES

#: Seconds that a sample takes at least, by repeating short calls.
SAMPLE = 0.02
#: How many values of a result are compared.
COMPARED = 997


def engine(name: str, threads: int, isa: str) -> Any:
    if name == "limit":
        from benchmarks.kernels.limits import Limits

        return Limits(threads, isa)
    if name == "torch":
        from benchmarks.kernels.peer_torch import Torch

        return Torch(threads)
    if name == "onnxruntime":
        from benchmarks.kernels.peer_onnxruntime import Onnxruntime

        return Onnxruntime(threads)
    from benchmarks.kernels.ours import Numpy, Quatrain

    return {"quatrain": Quatrain, "numpy": Numpy}[name](threads)


def sample(call: Callable[[], Any], repeats: int) -> float:
    """Seconds per call."""
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def repeats(call: Callable[[], Any]) -> int:
    """How many calls make a sample."""
    call()
    return max(1, round(SAMPLE / sample(call, 1)))


def trial(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Of each of the engine's ways, the shortest of five samples."""
    found = {}
    for name, call in calls.items():
        count = repeats(call)
        found[name] = min(sample(call, count) for _ in range(5))
    return found


def main() -> None:
    name, threads, isa = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    maker = engine(name, int(threads), isa)
    call: Callable[[], Any] = lambda: None  # noqa: E731
    count = 1
    for line in sys.stdin:
        if line.strip():
            case = CASES[json.loads(line)]
            calls = maker.variants(case)
            found: dict[str, Any] = {}
            if calls:
                found["ways"] = trial(calls)
                call = calls[min(found["ways"], key=found["ways"].__getitem__)]
                count = repeats(call)
                if name != "limit":
                    values = maker.numpy(call(), case).reshape(-1)
                    at = np.linspace(0, values.size - 1, COMPARED).astype(int)
                    found["answer"] = values[at].astype(float).tolist()
            del calls
        else:
            found = {"seconds": sample(call, count)}
        print(json.dumps(found), file=answers, flush=True)


if __name__ == "__main__":
    main()
