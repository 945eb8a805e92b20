"""``python -m benchmarks kernels``: every operation on every engine, in turn, and the table."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.kernels.cases import CASES, UNITS, Case

ROOT = Path(__file__).resolve().parents[2]
OURS, JUDGE, LIMIT = "quatrain", "numpy", "limit"
PEERS = ("numpy", "onnxruntime", "torch")
#: No engine pays for fresh pages at every call: memory that was freed is kept.
MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 36)}


@dataclass
class Row:
    """One operation: of each engine, seconds of every round, and of a trial of its ways."""

    case: Case
    threads: int
    seconds: dict[str, list[float]] = field(default_factory=dict)
    #: Of each way that was tried; the fastest is what is timed.
    ways: dict[str, dict[str, float]] = field(default_factory=dict)
    #: Engine -> why its figure does not count.
    wrong: dict[str, str] = field(default_factory=dict)

    def median(self, engine: str) -> float:
        return median(self.seconds[engine])

    def rate(self, engine: str) -> float | None:
        """GFLOP/s or GB/s."""
        if engine not in self.seconds:
            return None
        return self.case.work / self.median(engine) / 1e9

    def best(self) -> str | None:
        """The fastest peer."""
        peers = [name for name in PEERS if name in self.seconds and name not in self.wrong]
        return min(peers, key=self.median, default=None)

    def as_json(self) -> dict[str, Any]:
        return {
            "case": self.case.name,
            "threads": self.threads,
            "bound": self.case.bound,
            "work": self.case.work,
            "seconds": self.seconds,
            "ways": self.ways,
            "wrong": self.wrong,
        }


class Worker:
    """A process with one engine. While another is timed it is stopped: its threads may spin."""

    def __init__(self, python: str, engine: str, threads: int, isa: str) -> None:
        count = {
            name: str(threads)
            for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        }
        self.process = subprocess.Popen(
            [python, "-m", "benchmarks.kernels.worker", engine, str(threads), isa],
            cwd=ROOT, env=os.environ | MEMORY | count, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def ask(self, request: str) -> dict[str, Any]:
        """Raises RuntimeError with the process's last words if it ended."""
        assert self.process.stdin and self.process.stdout and self.process.stderr
        try:
            self.process.send_signal(signal.SIGCONT)
            self.process.stdin.write(request + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            last = self.process.stderr.read().strip().splitlines() or ["it ended"]
            raise RuntimeError(last[-1])
        self.process.send_signal(signal.SIGSTOP)
        found: dict[str, Any] = json.loads(line)
        return found

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


def run(
    *,
    python: str,
    peers: str,
    isa: str,
    only: Sequence[str],
    threads: Sequence[int],
    rounds: int,
    progress: Callable[[str], None],
) -> tuple[list[Row], dict[str, str]]:
    """Measure; ``python`` has quatrain, ``peers`` the others. -> rows, and who is missing why."""
    chosen = [case for name, case in CASES.items() if not only or any(o in name for o in only)]
    missing: dict[str, str] = {}
    rows = []
    for count in threads:
        workers = {
            name: Worker(python if name in (OURS, LIMIT) else peers, name, count, isa)
            for name in (LIMIT, OURS, *PEERS)
        }
        try:
            for case in chosen:
                row = Row(case, count)
                measure(row, workers, rounds, missing, progress)
                rows.append(row)
        finally:
            for worker in workers.values():
                worker.end()
    return rows, missing


def measure(
    row: Row,
    workers: dict[str, Worker],
    rounds: int,
    missing: dict[str, str],
    progress: Callable[[str], None],
) -> None:
    """One row: every engine prepares, then they take turns."""
    answers = {}

    def ask(engine: str, request: str) -> dict[str, Any]:
        try:
            return workers[engine].ask(request)
        except RuntimeError as error:
            missing[engine] = str(error)
            workers.pop(engine).end()
            return {}

    for engine in list(workers):
        progress(f"{row.case.name}, {row.threads}: {engine} prepares")
        if "ways" in (found := ask(engine, json.dumps(row.case.name))):
            row.ways[engine] = found["ways"]
            answers[engine] = np.array(found.get("answer", []))
    for number in range(rounds):
        for engine in [name for name in workers if name in row.ways]:
            progress(f"{row.case.name}, {row.threads}: {number + 1}/{rounds} {engine}")
            if found := ask(engine, ""):
                row.seconds.setdefault(engine, []).append(found["seconds"])
    judge = answers.get(JUDGE)
    for engine, answer in answers.items():
        if engine == LIMIT or judge is None:
            continue
        if answer.shape != judge.shape:
            row.wrong[engine] = f"{answer.size} values, not {judge.size}"
            continue
        error = float(np.abs(answer - judge).max() / np.abs(judge).max())
        if not error <= row.case.tolerance:
            row.wrong[engine] = f"differs by {error:.1e}"


def table(rows: Iterable[Row]) -> str:
    """Markdown: rates, ours divided by the best peer's, and ours as a share of the limit."""
    head = ["operation", "threads", "unit", OURS, *PEERS, "ours / best peer", "limit", "share"]
    text = ["| " + " | ".join(head) + " |", "|---|--:|---|" + "--:|" * (len(head) - 3)]
    for row in rows:
        ours, limit, best = row.rate(OURS), row.rate(LIMIT), row.best()
        peer = row.rate(best) if best else None
        cells = [row.case.name, str(row.threads), UNITS[row.case.bound]]
        cells += [cell(row, engine) for engine in (OURS, *PEERS)]
        cells.append(f"{ours / peer:.2f} {best}" if ours and peer else "-")
        cells.append(f"{limit:.1f}" if limit else "-")
        cells.append(f"{ours / limit:.0%}" if ours and limit else "-")
        text.append("| " + " | ".join(cells) + " |")
    return "\n".join(text)


def cell(row: Row, engine: str) -> str:
    rate = row.rate(engine)
    if rate is None:
        return "-"
    return f"{rate:.1f}" + (f" ({row.wrong[engine]})" if engine in row.wrong else "")


def ways(rows: Iterable[Row]) -> str:
    """Which of its ways each peer did each operation in."""
    lines = []
    for row in rows:
        best = {name: min(tried, key=tried.__getitem__) for name, tried in row.ways.items()}
        said = [f"{name} {best[name]}" for name in PEERS if best.get(name)]
        lines.append(f"- {row.case.name}: {', '.join(said)}")
    return "\n".join(dict.fromkeys(lines))
