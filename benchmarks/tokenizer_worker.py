"""One tokenizer in a process of its own.

``python -m benchmarks.tokenizer_worker ENGINE FILE TASK...`` prints one line of JSON. The tasks are
``stream THREADS FIRST SECOND``: the documents of the file FIRST (a JSON list) are *cold*: this
process saw no text before; those of SECOND are *warm*, the caches being full of another text of the
same kind. And ``sentence``, ``load SMALL``, ``second FILE`` and ``worst``.

One thread is timed by the processor's clock, which other programs do not disturb.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
import time
import zlib
from array import array
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.tokenizer_engines import ENGINES, Engine

SENTENCE = "The quick brown fox jumps over the lazy dog near the river."


def digest(ids: Iterable[int]) -> int:
    return zlib.crc32(array("I", ids).tobytes())


def stream(engine: Engine, threads: str, *files: str) -> dict[str, Any]:
    clock = time.process_time if threads == "1" else time.perf_counter
    seconds, digests = [], []
    for file in files:
        texts = json.loads(Path(file).read_text(encoding="utf-8"))
        start = clock()
        found: Sequence[Iterable[int]] = engine.documents(texts, int(threads))
        seconds.append(clock() - start)
        digests.append([digest(ids) for ids in found])
    return {"seconds": seconds, "digests": digests}


def sentence(engine: Engine) -> dict[str, Any]:
    """Seconds of a call for one short sentence, without and with offsets."""
    calls = {"ids": engine.ids} | ({"full": engine.full} if engine.full else {})
    return {name: best(lambda call=call: call(SENTENCE)) for name, call in calls.items()}


def best(call: Callable[[], object], repeats: int = 5, calls: int = 3000) -> float:
    samples = []
    for _ in range(repeats):
        start = time.process_time()
        for _ in range(calls):
            call()
        samples.append((time.process_time() - start) / calls)
    return min(samples)


def worst(engine: Engine) -> dict[str, Any]:
    """Seconds for each text that breaks tokenizers, a tenth of it first: is growth linear?"""
    sys.path.append(str(Path(__file__).parents[1] / "tests"))
    from worst_texts import WORST

    found = {}
    for name, make in WORST.items():
        seconds = []
        for size in (100_000, 1_000_000):
            text = make(size)
            start = time.process_time()
            engine.ids(text)
            seconds.append(time.process_time() - start)
        found[name] = {"seconds": seconds, "bytes": len(text.encode())}
    return found


def second(engine: Engine, file: str) -> dict[str, Any]:
    """What a second thread gains on a batch, and what it gains where nothing is shared."""
    texts = json.loads(Path(file).read_text(encoding="utf-8")) * 4
    block = bytes(1 << 20)

    def bare(threads: int) -> None:
        def work() -> None:
            for _ in range(120 // threads):
                hashlib.sha256(block).digest()

        pool = [threading.Thread(target=work) for _ in range(threads)]
        for thread in pool:
            thread.start()
        for thread in pool:
            thread.join()

    calls: dict[str, Callable[[int], object]] = {
        "bare": bare,
        "batch": lambda threads: engine.documents(texts, threads),
    }
    seconds: dict[tuple[str, int], list[float]] = {}
    for turn in range(8):
        for name, call in calls.items():
            for threads in (1, 2):
                start = time.perf_counter()
                call(threads)
                if turn > 0:  # the first fills caches
                    seconds.setdefault((name, threads), []).append(time.perf_counter() - start)
    return {name: median(seconds[name, 1]) / median(seconds[name, 2]) for name in calls}


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    name, file, task, *given = sys.argv[1:]
    kind = ENGINES[name][0]
    if task == "load":
        kind(Path(given[0]))  # a small one first: imports and pools are not what is measured
        before, start = resident(), time.process_time()
        engine = kind(Path(file))
        seconds = time.process_time() - start
        result = {"seconds": seconds, "bytes": resident() - before}
        list(engine.ids("a"))
    else:
        tasks = {"stream": stream, "sentence": sentence, "second": second, "worst": worst}
        result = tasks[task](kind(Path(file)), *given)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
