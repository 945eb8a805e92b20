"""``python -m benchmarks``: time quatrain and its peers, and print figures and ratios."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Container, Iterator
from dataclasses import asdict
from pathlib import Path

from benchmarks import report, tokenizer_table
from benchmarks.models import material
from benchmarks.sections import SECTIONS, SUITES, WIDER
from benchmarks.turns import Row, Turns, progress
from quatrain import _core


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
        threads=given.threads or [1],
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


def measure(
    name: str, given: argparse.Namespace, installed: Container[str]
) -> Iterator[report.Table]:
    """A section's tables, each again with every row that it gains. ``installed`` names the peers'
    packages."""
    section = SECTIONS[name]
    if section.isa and _core.isa() not in WIDER:
        yield report.Table(name, "", [], [f"{name}: no other than {_core.isa()} here."])
        return
    for suite, every in section.cases.items():
        cases = [c for c in every if not given.only or any(part in c.name for part in given.only)]
        if not cases:
            continue
        failed = material.prepare(given.peers, installed) if suite == "models" else {}
        if "sentences" in failed:
            cases = [case for case in cases if case.parts == 1]
        turns = Turns(
            SUITES[suite], peers=section.peers(suite), mine=sys.executable, theirs=given.peers,
            isa=section.isa or _core.isa(), environment=section.environment,
            threads=given.threads or section.threads, progress=progress,
        )  # fmt: skip
        measured = turns.memory(cases) if section.memory else turns.run(cases, given.rounds)
        rows: list[Row] = []
        for row in measured:
            rows.append(row)
            missing = (turns.missing | failed).items()
            remarks = [f"{who}: not measured, {why}." for who, why in missing]
            yield report.Table(name, suite, rows, remarks)
        progress("")


def keep(file: Path, found: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=1) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    every = (*SECTIONS, "tokenize")
    parser.add_argument(
        "sections", nargs="*", help=f"some of {', '.join(every)}; by default all but tokenize"
    )
    parser.add_argument(
        "--only", nargs="+", default=(), metavar="PART", help="work with such names"
    )
    parser.add_argument("--threads", type=int, nargs="+", metavar="N", help="1, but in threads")
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
    sections = given.sections or SECTIONS
    if unknown := set(sections) - set(every):
        parser.error(f"expected sections among {', '.join(every)}, got {', '.join(unknown)}")

    conditions = report.conditions(given.peers)
    print(report.line(conditions), flush=True)
    tables: list[report.Table] = []
    for name in [name for name in SECTIONS if name in sections]:
        latest: dict[str, report.Table] = {}
        for table in measure(name, given, conditions):
            latest[table.suite] = table
            if given.json is not None:
                every_row = [asdict(table) for table in (*tables, *latest.values())]
                found = {"conditions": conditions, "rounds": given.rounds, "tables": every_row}
                keep(given.json, found)
        tables += latest.values()
        for suite, table in latest.items():
            title = " ".join(filter(None, dict.fromkeys((name, suite))))
            print(f"\n### {title}, medians of {given.rounds}\n\n{table.markdown()}", flush=True)
    wrong = [line for table in tables for line in table.wrong()]
    if "tokenize" in sections:
        print(f"\n### tokenize, {given.megabytes:g} MB of each text\n\n{tokenize(given)}")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
