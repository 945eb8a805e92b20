"""One engine in a process of its own. It reads requests, a JSON object per line, and answers
likewise:

    {"case": name, "try": bool}  what each way to do it takes, and the result of the fastest, which
                                 it keeps; without "try" it takes the first way
    {"round": number}            seconds of a call
    {"memory": true}             MB that the process had at most

    python -m benchmarks.worker SUITE ENGINE THREADS ISA CLOCK
"""

from __future__ import annotations

import base64
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cases import Case
from benchmarks.limits import Limits

Call = Callable[[], Any]
#: Seconds that a sample takes at least, by repeating short calls.
SAMPLE = 0.02
#: Seconds that the trial of one way takes at most, but for the last of its samples.
TRIAL = 1.0
#: Ways that take at most so many times as long as the fastest are tried again.
CLOSE = 1.3
#: Bytes of a result that are compared: all of it, or values evenly spread over it.
COMPARED = 4_000_000


class Stopwatch:
    """Times calls by a clock that tells seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock

    def sample(self, call: Call, repeats: int) -> float:
        """Seconds per call."""
        start = self.clock()
        for _ in range(repeats):
            call()
        return (self.clock() - start) / repeats

    def trial(self, call: Call) -> float:
        """Seconds of a call: the shortest of at most five samples, the first of one call alone."""
        call()
        start, found = time.perf_counter(), [self.sample(call, 1)]
        while len(found) < 5 and time.perf_counter() - start < TRIAL:
            found.append(self.sample(call, repeats(found[0])))
        return min(found)


def repeats(seconds: float) -> int:
    """How many calls of so many seconds make a sample."""
    return max(1, round(SAMPLE / seconds))


def of_round(way: Callable[..., Any], case: Case) -> Callable[[int], Any]:
    """What a round of so many calls."""
    return lambda number: way(*case.given(number))


def packed(result: np.ndarray) -> dict[str, Any]:
    """An array as JSON; of a large one, values evenly spread."""
    if result.nbytes > COMPARED:
        flat = result.reshape(-1)
        result = flat[np.linspace(0, flat.size - 1, COMPARED // 64).astype(int)]
    data = base64.b64encode(np.ascontiguousarray(result, np.float32)).decode()
    return {"shape": result.shape, "data": data}


def unpacked(found: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(found["data"]), np.float32).reshape(found["shape"])


def peak_memory() -> float:
    """MB. (What getrusage says counts what the parent had before this process began.)"""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


class Engine:
    """What answers the requests."""

    def __init__(self, suite: Any, name: str, threads: int, isa: str, watch: Stopwatch) -> None:
        self.suite, self.watch = suite, watch
        self.limit = name == "limit"
        self.engine = Limits(threads, isa) if self.limit else suite.engine(name, threads)
        self.call: Callable[[int], Any] = lambda number: None
        self.repeats = 1

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if "case" in request:
            return self.prepare(self.suite.CASES[request["case"]], request["try"])
        if "memory" in request:
            return {"memory": peak_memory()}
        return {"seconds": self.watch.sample(partial(self.call, request["round"]), self.repeats)}

    def prepare(self, case: Case, several: bool) -> dict[str, Any]:
        self.call = lambda number: None
        calls: dict[str, Callable[[int], Any]] = {}
        ways: dict[str, float] = {}
        for name, way in self.engine.variants(case):
            calls[name] = of_round(way, case)
            ways[name] = self.watch.trial(partial(calls[name], 0)) if several else 0.0
            if not several:
                break
        if not ways:
            return {}
        if len(ways) > 1:
            # A neighbour may have disturbed one of them: who came close is tried once more.
            best = min(ways.values())
            for name in [name for name in ways if ways[name] < CLOSE * best]:
                again = self.watch.sample(partial(calls[name], 0), repeats(ways[name]))
                ways[name] = min(ways[name], again)
        self.call = calls[min(ways, key=ways.__getitem__)]
        result = self.call(0)
        if several:
            self.repeats = repeats(min(ways.values()))
        if self.limit:
            return {"ways": ways}
        return {"ways": ways, "answer": packed(self.engine.numpy(result, case))}


def main() -> None:
    suite, name, threads, isa, clock = sys.argv[1:]
    watch = Stopwatch({"processor": time.process_time, "wall": time.perf_counter}[clock])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    module = importlib.import_module(f"benchmarks.{suite}.suite")
    engine = Engine(module, name, int(threads), isa, watch)
    for line in sys.stdin:
        print(json.dumps(engine.answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
