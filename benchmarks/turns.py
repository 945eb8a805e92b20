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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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


class Worker:
    """A process with one engine. While another is timed it is stopped: its threads may spin."""

    def __init__(
        self, python: str, suite: str, engine: str, threads: int, isa: str, clock: str,
        **environment: str,
    ) -> None:  # fmt: skip
        count = dict.fromkeys(THREADS, str(threads))
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [python, "-m", "benchmarks.worker", suite, engine, str(threads), isa, clock],
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
    """A suite's engines at work, ours and ``peers``: ``mine`` is the interpreter of ours, and
    ``theirs`` the others'. ``environment`` is what holds all of them to ``isa``. One thread is
    timed by the processor's clock, which stands still while others have the processor; where one
    is compared with several, time is what a clock on the wall shows."""

    def __init__(
        self, suite: Any, *, peers: Sequence[str], mine: str, theirs: str, isa: str,
        environment: Mapping[str, str], threads: Sequence[int], progress: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.suite, self.isa, self.environment, self.progress = suite, isa, environment, progress
        self.name, self.threads = suite.__name__.split(".")[-2], threads
        self.clock = "processor" if set(threads) == {1} else "wall"
        self.timed = (LIMIT, OURS, *peers)
        foreign = set(suite.PEERS)
        self.interpreters = {
            engine: theirs if engine in foreign else mine
            for engine in dict.fromkeys((*self.timed, suite.JUDGE))
        }
        #: Engine -> why it is not there.
        self.missing: dict[str, str] = {}
        self._workers: dict[tuple[str, int], Worker] = {}

    def run(self, cases: Iterable[Case], rounds: int) -> Iterator[Row]:
        """Time every case."""
        try:
            for case in cases:
                yield from self._take_turns(case, rounds)
                if not self.suite.LASTING:
                    self._end()
        finally:
            self._end()

    def memory(self, cases: Iterable[Case]) -> Iterator[Row]:
        """The peak of processes that do a case twice, and nothing else."""
        for case, count in itertools.product(cases, self.threads):
            row = Row(case.name, "MB", case.amount, "", count)
            for engine in [name for name in self.timed if name != LIMIT]:
                self.progress(f"{case.name}, {count}: memory of {engine}")
                self._start(engine, count)
                try:
                    if self._ask(engine, count, case.name, **{"case": case.name, "try": False}):
                        self._ask(engine, count, case.name, round=0)
                        found = self._ask(engine, count, case.name, memory=True)
                        row.memory |= {engine: found["memory"]} if found else {}
                finally:
                    self._end()
            yield row

    def _take_turns(self, case: Case, rounds: int) -> list[Row]:
        rows = {n: Row(case.name, case.unit, case.amount, case.bound, n) for n in self.threads}
        answers: dict[tuple[str, int], Any] = {}
        for engine, timed in ((name, name in self.timed) for name in self.interpreters):
            for count in self.threads if timed else self.threads[:1]:
                self.progress(f"{case.name}, {count}: {engine} prepares")
                self._start(engine, count, **MEMORY)
                found = self._ask(engine, count, case.name, **{"case": case.name, "try": timed})
                if "answer" in found:
                    answers[engine, count] = unpacked(found["answer"])
                if found and timed:
                    rows[count].ways[engine] = found["ways"]
                if not timed and (engine, count) in self._workers:
                    self._end(engine, count)
        judge = answers.get((self.suite.JUDGE, self.threads[0]))
        for (engine, count), answer in answers.items():
            if judge is not None and engine != self.suite.JUDGE and answer.size:
                row = rows[count]
                row.accuracy[engine], why = self.suite.compare(case.name, answer, judge)
                row.wrong |= {engine: why} if why else {}
        for number in range(case.parts if case.parts > 1 else rounds):
            for count, row in rows.items():
                for engine in row.ways:
                    self.progress(f"{case.name}, {count}: {number + 1}/{rounds} {engine}")
                    if found := self._ask(engine, count, case.name, round=number):
                        row.seconds.setdefault(engine, []).append(found["seconds"])
        return list(rows.values())

    def _start(self, engine: str, threads: int, **environment: str) -> None:
        """Have a process of this engine."""
        if (engine, threads) not in self._workers:
            python = self.interpreters[engine]
            self._workers[engine, threads] = Worker(
                python,
                self.name,
                engine,
                threads,
                self.isa,
                self.clock,
                **self.environment | environment,
            )

    def _ask(self, engine: str, threads: int, work: str, /, **request: Any) -> dict[str, Any]:
        """Its answer; none if it is not there, or ended."""
        worker = self._workers.get((engine, threads))
        try:
            return worker.ask(**request) if worker else {}
        except RuntimeError as error:
            self.missing[engine] = f"{error} ({work})"
            self._end(engine, threads)
            return {}

    def _end(self, *one: Any) -> None:
        for key in [one] if one else list(self._workers):
            self._workers.pop(key).end()


def progress(line: str) -> None:
    """Show what is running, in place of what ran before, if somebody watches."""
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
