"""``python -m benchmarks``: time quatrain and its peers, and print figures and ratios."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from benchmarks import report, tokenizer_table
from benchmarks.kernels import suite as kernels
from benchmarks.models import material
from benchmarks.models import suite as models
from benchmarks.turns import Row, Turns, progress
from quatrain import _core

SUITES = {"kernels": kernels, "models": models}


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


def suite(name: str, given: argparse.Namespace) -> tuple[list[Row], list[str]]:
    """Measure kernels or models. -> the rows, and what is to be said of them."""
    chosen = [
        case
        for case in SUITES[name].CASES.values()
        if not given.only or any(part in case.name for part in given.only)
    ]
    failed = material.prepare(given.peers) if name == "models" and chosen else {}
    turns = Turns(
        SUITES[name], python=sys.executable, peers=given.peers, isa=_core.isa(), progress=progress
    )
    rows = turns.run(chosen, given.threads, given.rounds)
    progress("")
    missing = (turns.missing | failed).items()
    return rows, [f"{engine}: not measured, {why}." for engine, why in missing]


def keep(file: Path, found: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=1) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    every = (*SUITES, "tokenize")
    parser.add_argument("tasks", nargs="*", help=f"some of {', '.join(every)}; all by default")
    parser.add_argument(
        "--only", nargs="+", default=(), metavar="PART", help="kernels and models with such names"
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1], metavar="N")
    parser.add_argument("--rounds", type=int, default=7, help="samples of each engine (7)")
    every_vocabulary = list(tokenizer_table.EVERY)
    parser.add_argument(
        "--vocabulary", nargs="+", choices=every_vocabulary, default=every_vocabulary,
        help="vocabularies to tokenize with; all by default",
    )  # fmt: skip
    parser.add_argument(
        "--peers", default=sys.executable, metavar="PYTHON",
        help="where the peers are installed (benchmarks/requirements-*.txt)",
    )  # fmt: skip
    parser.add_argument("--megabytes", type=float, default=3, help="of each text (3)")
    parser.add_argument("--limit", type=float, default=180, help="seconds for a process (180)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep every sample here")
    given = parser.parse_args()
    tasks = given.tasks or every
    if unknown := set(tasks) - set(every):
        parser.error(f"expected tasks among {', '.join(every)}, got {', '.join(unknown)}")

    conditions = report.conditions(given.peers)
    print(report.line(conditions), flush=True)
    tables = []
    wrong: list[str] = []
    for name in [name for name in SUITES if name in tasks]:
        rows, remarks = suite(name, given)
        table = {"suite": name, "rows": [row.as_json() for row in rows], "remarks": remarks}
        tables.append(table)
        print(f"\n### {name}, medians of {given.rounds}\n\n{report.table(rows)}\n")
        print("\n".join([report.ways(rows), "", *remarks]), flush=True)
        wrong += [
            f"{row.name}: {engine} {why}" for row in rows for engine, why in row.wrong.items()
        ]
        wrong += [f"{row.name}: no engine could be measured" for row in rows if not row.seconds]
    if given.json is not None and tables:
        keep(given.json, {"conditions": conditions, "rounds": given.rounds, "tables": tables})
    if "tokenize" in tasks:
        print(f"\n### tokenize, {given.megabytes:g} MB of each text\n\n{tokenize(given)}")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
