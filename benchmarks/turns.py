"""Engines take turns at a piece of work, each in a process of its own.

Processes follow one another in rounds, A B C A B C A B C, so that a machine that grows slower or
busier does so for all of them; the machine's own limits are one of the "engines".
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.cases import Case
from benchmarks.worker import unpacked

ROOT = Path(__file__).resolve().parents[1]
OURS, LIMIT = "quatrain", "limit"
#: No engine pays for fresh pages at every call: memory that was freed is kept.
MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 36)}
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass
class Row:
    """One case at one number of threads."""

    name: str
    unit: str
    amount: float
    bound: str
    threads: int
    #: Engine -> seconds of a call, in every round.
    seconds: dict[str, list[float]] = field(default_factory=dict)
    #: Engine -> seconds of a trial of each of its ways; the fastest is what was timed.
    ways: dict[str, dict[str, float]] = field(default_factory=dict)
    #: Engine -> how near its result is to the judge's, in the suite's terms.
    accuracy: dict[str, float] = field(default_factory=dict)
    #: Engine -> why its figure does not count.
    wrong: dict[str, str] = field(default_factory=dict)
    #: Engine -> MB at the peak, of a process that did this and nothing else.
    memory: dict[str, float] = field(default_factory=dict)

    def median(self, engine: str) -> float:
        return median(self.seconds[engine])

    def rate(self, engine: str) -> float | None:
        return self.amount / self.median(engine) if engine in self.seconds else None

    def way(self, engine: str) -> str:
        tried = self.ways.get(engine, {"": 0.0})
        return min(tried, key=tried.__getitem__)

    def best(self) -> str | None:
        """The fastest peer."""
        peers = [name for name in self.seconds if name not in (OURS, LIMIT, *self.wrong)]
        return min(peers, key=self.median, default=None)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Worker:
    """A process with one engine. While another is timed it is stopped: its threads may spin."""

    def __init__(
        self, python: str, suite: str, engine: str, threads: int, isa: str, **environment: str
    ) -> None:
        count = dict.fromkeys(THREADS, str(threads))
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [python, "-m", "benchmarks.worker", suite, engine, str(threads), isa],
            cwd=ROOT, env=os.environ | count | environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
        )  # fmt: skip

    def ask(self, **request: Any) -> dict[str, Any]:
        """Raises RuntimeError with the process's last words if it ended."""
        assert self.process.stdin and self.process.stdout
        self.process.send_signal(signal.SIGCONT)
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self.errors.seek(0)
            raise RuntimeError((self.errors.read().strip().splitlines() or ["it ended"])[-1])
        self.process.send_signal(signal.SIGSTOP)
        found: dict[str, Any] = json.loads(line)
        return found

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.errors.close()


class Turns:
    """A suite's engines at work: ``python`` is the interpreter of ours, ``peers`` the others'."""

    def __init__(
        self, suite: Any, *, python: str, peers: str, isa: str, progress: Callable[[str], None]
    ) -> None:
        self.suite, self.isa, self.progress = suite, isa, progress
        self.name = suite.__name__.split(".")[-2]
        mine = (LIMIT, OURS, *suite.MINE)
        self.interpreters = dict.fromkeys(mine, python) | dict.fromkeys(suite.PEERS, peers)
        #: Engine -> why it is not there.
        self.missing: dict[str, str] = {}

    def run(self, cases: Iterable[Case], threads: Sequence[int], rounds: int) -> list[Row]:
        rows = []
        workers: dict[Any, Worker] = {}
        try:
            for case in cases:
                rows += self._take_turns(case, threads, rounds, workers)
                if not self.suite.LASTING:
                    end(workers)
        finally:
            end(workers)
        return rows

    def _take_turns(
        self, case: Case, threads: Sequence[int], rounds: int, workers: dict[Any, Worker]
    ) -> list[Row]:
        rows = {n: Row(case.name, case.unit, case.amount, case.bound, n) for n in threads}
        answers: dict[Any, Any] = {}

        def ask(engine: str, count: int, **request: Any) -> dict[str, Any]:
            try:
                return workers[engine, count].ask(**request)
            except RuntimeError as error:
                self.missing[engine] = f"{error} ({case.name})"
                workers.pop((engine, count)).end()
                return {}

        for engine, count in itertools.product(self.interpreters, threads):
            self.progress(f"{case.name}, {count}: {engine} prepares")
            timed = engine not in self.suite.MINE
            if (engine, count) not in workers:
                workers[engine, count] = self._worker(engine, count, **MEMORY)
            found = ask(engine, count, **{"case": case.name, "try": timed})
            if "answer" in found:
                answers[engine, count] = unpacked(found["answer"])
            if found and timed:
                rows[count].ways[engine] = found["ways"]
            elif not timed and (engine, count) in workers:
                workers.pop((engine, count)).end()
        for number in range(rounds):
            for count, row in rows.items():
                for engine in [name for name in row.ways if (name, count) in workers]:
                    self.progress(f"{case.name}, {count}: {number + 1}/{rounds} {engine}")
                    if found := ask(engine, count):
                        row.seconds.setdefault(engine, []).append(found["seconds"])
        for (engine, count), answer in answers.items():
            judge = answers.get((self.suite.JUDGE, count))
            if judge is None or engine == self.suite.JUDGE or not answer.size:
                continue
            row = rows[count]
            row.accuracy[engine], why = self.suite.compare(case.name, answer, judge)
            if why:
                row.wrong[engine] = why
        if case.memory:
            for count, row in rows.items():
                row.memory = {
                    engine: self._memory(case, engine, count)
                    for engine in row.seconds
                    if engine != LIMIT
                }
        return list(rows.values())

    def _worker(self, engine: str, threads: int, **environment: str) -> Worker:
        python = self.interpreters[engine]
        return Worker(python, self.name, engine, threads, self.isa, **environment)

    def _memory(self, case: Case, engine: str, threads: int) -> float:
        """MB at the peak of a process that does the case twice."""
        self.progress(f"{case.name}, {threads}: memory of {engine}")
        worker = self._worker(engine, threads)
        try:
            worker.ask(**{"case": case.name, "try": False})
            worker.ask()
            return float(worker.ask(memory=True)["memory"])
        finally:
            worker.end()


def end(workers: dict[Any, Worker]) -> None:
    while workers:
        workers.popitem()[1].end()


def progress(line: str) -> None:
    """Show what is running, in place of what ran before, if somebody watches."""
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
