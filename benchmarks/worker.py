"""One engine in a process of its own: it warms up, times itself, and answers in JSON.

``python -m benchmarks.worker CASE ENGINE THREADS REPEATS`` prints one line, the last:
{"samples": {figure: [seconds, ...]}, "answer": [...]}; what was computed goes with the times, so
that engines which disagree are not compared.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.cases import CASES, NEW_TOKENS, Case
from benchmarks.engines import ENGINES


def timed(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def encode(engine: Any, case: Case, repeats: int) -> tuple[dict[str, list[float]], list[Any]]:
    ids = case.ids()
    answer = engine.encode(ids)[:, :4].tolist()
    engine.encode(ids)
    return {"time": [timed(lambda: engine.encode(ids)) for _ in range(repeats)]}, answer


def generate(engine: Any, case: Case, repeats: int) -> tuple[dict[str, list[float]], list[Any]]:
    """``prefill``: seconds to the first token; ``decode``: seconds per token after it."""
    (ids,) = case.ids()
    answer = engine.generate(ids, NEW_TOKENS + 1)
    engine.generate(ids, 1)
    samples: dict[str, list[float]] = {"prefill": [], "decode": []}
    for _ in range(repeats):
        first = timed(lambda: engine.generate(ids, 1))
        whole = timed(lambda: engine.generate(ids, NEW_TOKENS + 1))
        samples["prefill"].append(first)
        samples["decode"].append((whole - first) / NEW_TOKENS)
    return samples, answer


def main() -> None:
    name, engine_name, threads, repeats = sys.argv[1:]
    case = CASES[name]
    engine = ENGINES[engine_name][0](case.task, int(threads))
    run = {"encode": encode, "generate": generate}[case.task]
    samples, answer = run(engine, case, int(repeats))
    print(json.dumps({"samples": samples, "answer": answer}))


if __name__ == "__main__":
    main()
