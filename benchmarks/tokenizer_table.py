"""The one table of ``python -m benchmarks tokenize``: a line per work, a column per tokenizer."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import tokenizer_texts
from benchmarks.tokenizer_engines import ENGINES, EVERY

ROOT = Path(__file__).resolve().parents[1]
JUDGES = ("tokenizers", "sentencepiece")
#: In the name of a line of ours for a text that breaks tokenizers.
WORST = ", worst, "


@dataclass
class Line:
    """One work. ``values`` are rates (the more the better) or, with a unit of time, costs."""

    name: str
    unit: str
    values: dict[str, list[float]] = field(default_factory=dict)
    #: Engine -> what stands behind its figure: why it does not count.
    remarks: dict[str, str] = field(default_factory=dict)

    def cell(self, engine: str) -> str:
        figures = self.values.get(engine)
        remark = self.remarks.get(engine, "")
        if not figures:
            return remark or "-"
        return f"{median(figures):.3g} {remark}".strip()

    def best(self) -> tuple[str, float] | None:
        """The best peer that is exact, and our figure as a multiple of its (above 1: ahead)."""
        ours = self.values.get("quatrain")
        peers = {
            engine: median(figures)
            for engine, figures in self.values.items()
            if engine != "quatrain" and engine not in self.remarks
        }
        if not ours or not peers:
            return None
        if self.unit in ("MB/s", "times"):
            name = max(peers, key=peers.__getitem__)
            return name, median(ours) / peers[name]
        name = min(peers, key=peers.__getitem__)
        return name, peers[name] / median(ours)


def run(
    data: Path,
    peers: str,
    python: str,
    *,
    vocabularies: Sequence[str],
    threads: Sequence[int],
    rounds: int,
    megabytes: float,
    limit: float,
    progress: Callable[[str], None],
) -> list[Line]:
    """Measure everything; ``peers`` and ``python`` are the interpreters of the peers and ours."""
    lines: dict[tuple[str, ...], Line] = {}

    def line(unit: str, *name: str) -> Line:
        return lines.setdefault(name, Line(", ".join(name), unit))

    def ask(engine: str, vocabulary: str, *task: str) -> dict[str, Any] | str:
        """What the worker printed, or why it did not."""
        progress(f"{vocabulary}, {' '.join(Path(part).stem for part in task)}: {engine}")
        interpreter = python if engine == "quatrain" else peers
        file = tokenizer_texts.vocabulary(vocabulary, data)
        command = [interpreter, "-m", "benchmarks.tokenizer_worker", engine, str(file), *task]
        return _ask(command, limit)

    for number in range(rounds):
        for name in vocabularies:
            for kind in tokenizer_texts.TEXTS:
                first, second, size = tokenizer_texts.halves(kind, data, megabytes)
                files = [str(first), str(second)][:: -1 if number % 2 else 1]
                for count in threads:
                    label = (name, kind, f"{count} thread{'s' * (count > 1)}")
                    answers = {
                        engine: ask(engine, name, "stream", str(count), *files)
                        for engine in _engines(name, count)
                    }
                    for place, heat in enumerate(("cold", "warm")):
                        _fill(line("MB/s", *label, heat), answers, place, size / 1e6)
    for name in (n for n in ("gpt2", "cl100k", "minilm") if n in vocabularies):
        for engine in _engines(name, 1):
            answer = ask(engine, name, "sentence")
            for key, what in (("ids", "ids of one sentence"), ("full", "the same with offsets")):
                target = line("us", name, what)
                if isinstance(answer, str):
                    target.remarks[engine] = answer
                elif key in answer:
                    target.values[engine] = [1e6 * answer[key]]
    for name in vocabularies:
        second = str(tokenizer_texts.halves("English", data, megabytes)[1])
        answer = ask("quatrain", name, "second", second)
        if not isinstance(answer, str):
            target = line("times", name, "gain of a second thread, over that of a bare loop")
            target.values["quatrain"] = [answer["batch"] / answer["bare"]]
    if "llama3" in vocabularies:
        small = str(tokenizer_texts.vocabulary("minilm", data))
        for engine in _engines("llama3", 1):
            answer = ask(engine, "llama3", "load", small)
            if not isinstance(answer, str):
                line("ms", "llama3", "loading").values[engine] = [1e3 * answer["seconds"]]
                line("MB", "llama3", "memory").values[engine] = [answer["bytes"] / 1e6]
    for name in vocabularies:
        answer = ask("quatrain", name, "worst")
        if not isinstance(answer, str):
            for what, found in answer.items():
                target = line("MB/s", f"{name}{WORST}{what}")
                target.values["quatrain"] = [found["bytes"] / 1e6 / found["seconds"][1]]
    return list(lines.values())


def _engines(vocabulary: str, threads: int) -> list[str]:
    return [
        engine
        for engine, (kind, known) in ENGINES.items()
        if vocabulary in known and (threads == 1 or kind.threaded)
    ]


def _ask(command: Sequence[str], limit: float) -> dict[str, Any] | str:
    environment = os.environ | {"TOKENIZERS_PARALLELISM": "true"}
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=limit,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"over {limit:.0f} s"
    if done.returncode:
        error = done.stderr.strip().splitlines() or [f"exit {done.returncode}"]
        return "not installed" if "No module named" in error[-1] else f"failed: {error[-1]:.60}"
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _fill(line: Line, answers: dict[str, Any], place: int, megabytes: float) -> None:
    """Rates, and in how many documents an engine's ids are not the judge's."""
    judge = next((answers[name] for name in JUDGES if name in answers), None)
    for engine, answer in answers.items():
        if isinstance(answer, str):
            line.remarks[engine] = answer
            continue
        line.values.setdefault(engine, []).append(megabytes / answer["seconds"][place])
        if isinstance(judge, str) or judge is None:
            continue
        pairs = zip(answer["digests"][place], judge["digests"][place], strict=True)
        if wrong := sum(mine != right for mine, right in pairs):
            line.remarks[engine] = f"({wrong}/{len(judge['digests'][place])} wrong)"


def table(lines: Iterable[Line]) -> str:
    """Markdown. Figures with a remark do not count as a peer's best."""
    rows = [line for line in lines if WORST not in line.name]
    shown = [engine for engine in ENGINES if any(engine in row.values for row in rows)]
    head = ["work", "unit", *shown, "best exact peer", "ours / its"]
    text = ["| " + " | ".join(head) + " |", "|---|---|" + "--:|" * (len(head) - 2)]
    for row in rows:
        best = row.best()
        name, ratio = (best[0], f"{best[1]:.2f}") if best else ("-", "-")
        cells = [row.name, row.unit, *(row.cell(engine) for engine in shown), name, ratio]
        text.append("| " + " | ".join(cells) + " |")
    missing = {
        f"{engine}: {why}"
        for row in rows
        for engine, why in row.remarks.items()
        if engine not in shown
    }
    return "\n".join([*text, "", *sorted(missing)])


def summary(lines: Iterable[Line]) -> str:
    """Markdown, a row per vocabulary: our rates on one thread, each with the multiple of the best
    exact peer's; cold, then warm."""
    rates = {tuple(line.name.split(", ")): line for line in lines if line.unit == "MB/s"}
    kinds = list(tokenizer_texts.TEXTS)
    text = [f"| MB/s, cold / warm | {' | '.join(kinds)} |", "|---|" + "--:|" * len(kinds)]
    for vocabulary in dict.fromkeys(name[0] for name in rates):
        cells = []
        for kind in kinds:
            halves = []
            for heat in ("cold", "warm"):
                line = rates.get((vocabulary, kind, "1 thread", heat))
                best = line and line.best()
                halves.append(f"{line.cell('quatrain')} ({best[1]:.1f}x)" if line and best else "-")
            cells.append(" / ".join(halves))
        if any("x" in cell for cell in cells):
            text.append(f"| {vocabulary} | {' | '.join(cells)} |")
    return "\n".join(text)


def worst(lines: Iterable[Line]) -> str:
    """Markdown, a row per vocabulary: ours on a megabyte of each text that breaks tokenizers."""
    found: dict[str, dict[str, Line]] = {}
    for line in lines:
        vocabulary, _, what = line.name.partition(WORST)
        if what:
            found.setdefault(vocabulary, {})[what] = line
    kinds = list(dict.fromkeys(kind for cells in found.values() for kind in cells))
    text = [f"| MB/s | {' | '.join(kinds)} |", "|---|" + "--:|" * len(kinds)]
    for vocabulary, cells in found.items():
        text.append(
            f"| {vocabulary} | {' | '.join(cells[kind].cell('quatrain') for kind in kinds)} |"
        )
    return "\n".join(text)


__all__ = ["EVERY", "Line", "run", "summary", "table", "worst"]
