"""``python -m benchmarks``: time quatrain and its peers, and print figures and ratios.

Every engine runs in a process of its own, since idle thread pools spin and caches are shared.
Processes follow one another in rounds, A B C A B C A B C, so that a machine that grows slower or
busier does so for all of them.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import material, tokenizer_table
from benchmarks.cases import CASES
from benchmarks.engines import ENGINES
from benchmarks.kernels import table as kernel_table
from benchmarks.report import Table, conditions
from quatrain import _core

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Plan:
    """A table to be filled: the command of each engine that can run."""

    table: Table
    commands: dict[str, list[str]]


def models(tasks: Sequence[str], threads: Sequence[int], repeats: int) -> list[Plan]:
    """The encoding and generation cases."""
    plans = []
    for case in CASES.values():
        if case.task not in tasks:
            continue
        material.checkpoint(case.task)
        for count in threads:
            plan = Plan(Table(case.name, count, case.amounts), {})
            for engine, (_, module) in ENGINES.items():
                if absent(module):
                    plan.table.missing[engine] = f"{module} is not installed"
                    continue
                command = ["benchmarks.worker", case.name, engine, str(count), str(repeats)]
                plan.commands[engine] = command
                if module == "onnxruntime":
                    material.exported(case.task)
            plans.append(plan)
    return plans


def tokenize(given: argparse.Namespace) -> str:
    """The table of tokenizers."""
    data = os.environ.get("QUATRAIN_TEST_DATA")
    if not data:
        raise SystemExit("tokenize: set QUATRAIN_TEST_DATA (see .ci/material.py)")
    lines = tokenizer_table.run(
        Path(data),
        given.peers,
        sys.executable,
        vocabularies=given.vocabulary,
        threads=given.threads,
        rounds=given.rounds,
        megabytes=given.megabytes,
        limit=given.limit,
        progress=progress,
    )
    progress("")
    if given.json is not None:
        keep(given.json.with_suffix(".tokenize.json"), [vars(line) for line in lines])
    parts = (tokenizer_table.summary, tokenizer_table.worst, tokenizer_table.table)
    return "\n\n".join(part(lines) for part in parts)


def kernels(given: argparse.Namespace) -> tuple[str, list[str]]:
    """The table of single operations, and what went wrong."""
    rows, missing = kernel_table.run(
        python=sys.executable,
        peers=given.peers,
        isa=_core.isa(),
        only=given.only,
        threads=given.threads,
        rounds=given.rounds * given.repeats,
        progress=progress,
    )
    progress("")
    if given.json is not None:
        keep(given.json.with_suffix(".kernels.json"), [row.as_json() for row in rows])
    absent = [f"{engine}: not measured, {why}." for engine, why in missing.items()]
    wrong = [
        f"{row.case.name}: {engine} {why}" for row in rows for engine, why in row.wrong.items()
    ]
    return "\n\n".join([kernel_table.table(rows), kernel_table.ways(rows), *absent]), wrong


def keep(file: Path, found: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=1) + "\n")


def absent(module: str) -> bool:
    return importlib.util.find_spec(module) is None


def measure(plans: Sequence[Plan], rounds: int) -> None:
    """Run every plan's engines in turn, ``rounds`` times over; fills the tables."""
    for number in range(rounds):
        for plan in plans:
            table = plan.table
            for engine, command in plan.commands.items():
                if engine in table.missing:
                    continue
                progress(f"{number + 1}/{rounds}: {table.name}, {table.threads}: {engine}")
                environment = os.environ | {"OMP_NUM_THREADS": str(table.threads)}
                done = subprocess.run(
                    [sys.executable, "-m", *command],
                    cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
                )  # fmt: skip
                if done.returncode:
                    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
                    table.missing[engine] = f"it failed: {last}"
                    continue
                result = json.loads(done.stdout.splitlines()[-1])
                table.add(engine, result["samples"], result["answer"])
    progress("")


def progress(line: str) -> None:
    """Show what is running, in place of what ran before, if somebody watches."""
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)


def disagreements(table: Table) -> list[str]:
    """The engines whose results are not the first one's: their times mean nothing."""
    answers = [(engine, np.array(answer)) for engine, answer in table.answers.items()]
    return [
        f"{table.name}: {engine} computed something else than {answers[0][0]}"
        for engine, answer in answers[1:]
        if answer.shape != answers[0][1].shape or not np.allclose(answer, answers[0][1], atol=1e-4)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    every = ("kernels", "encode", "generate", "tokenize")
    parser.add_argument("tasks", nargs="*", help=f"some of {', '.join(every)}; all by default")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], metavar="N")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each engine (3)")
    parser.add_argument("--repeats", type=int, default=3, help="timed repeats in each (3)")
    every_vocabulary = list(tokenizer_table.EVERY)
    parser.add_argument(
        "--vocabulary", nargs="+", choices=every_vocabulary, default=every_vocabulary,
        help="vocabularies to tokenize with; all by default",
    )  # fmt: skip
    parser.add_argument(
        "--peers", default=sys.executable, metavar="PYTHON",
        help="where the peers of kernels and tokenize are installed (requirements-*.txt here)",
    )  # fmt: skip
    parser.add_argument("--only", nargs="+", default=(), help="kernels whose name has one of these")
    parser.add_argument("--megabytes", type=float, default=3, help="of each text (3)")
    parser.add_argument("--limit", type=float, default=180, help="seconds for a process (180)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep every sample here")
    given = parser.parse_args()
    tasks = given.tasks or every
    if unknown := set(tasks) - set(every):
        parser.error(f"expected tasks among {', '.join(every)}, got {', '.join(unknown)}")

    before = conditions()
    plans = models(tasks, given.threads, given.repeats)
    measure(plans, given.rounds)

    tables = [plan.table for plan in plans]
    before["load at the end"] = round(os.getloadavg()[0], 1)
    before["samples"] = given.rounds * given.repeats
    print(", ".join(f"{name} {value}" for name, value in before.items()))
    for table in tables:
        print(table)
    if given.json is not None:
        keep(given.json, {"conditions": before, "tables": [table.as_json() for table in tables]})
    wrong: list[str] = []
    if "kernels" in tasks:
        text, wrong = kernels(given)
        print(f"\n### kernels, medians of {given.rounds * given.repeats}\n\n{text}")
    if "tokenize" in tasks:
        print(f"\n### tokenize, {given.megabytes:g} MB of each text\n\n{tokenize(given)}")
    wrong += [line for table in tables for line in disagreements(table)]
    wrong += [f"{t.name}: no engine could be measured" for t in tables if not t.samples]
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
