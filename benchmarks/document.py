"""``python -m benchmarks.document FILE.json...``: docs/speed.md and its picture, from what
``python -m benchmarks kernels models --json FILE`` kept."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import plot, report
from benchmarks.models.cases import TABLE
from benchmarks.turns import LIMIT, OURS, Row

DOCS = Path(__file__).resolve().parents[1] / "docs"
INTRODUCTION = """# Speed

Single operations and whole models beside peers, each at its best setting and in a process of its
own, taking turns: absolute figures drift with the machine, ratios of one run are what counts. The
limit is what a bare loop of the same machine reaches in the same rounds on the same work:
multiply-adds (fma), int8 dot products (int8; peers may have wider units, such as AMX), or reading
or copying as many bytes; the share is ours of it. A figure with a remark does not count.
How it is measured: [benchmarks/README.md](../benchmarks/README.md). This page is written by
`python -m benchmarks.document`, from the files that `python -m benchmarks --json` keeps.
"""


def rows_of(found: Sequence[dict[str, Any]], suite: str) -> list[Row]:
    return [
        Row(**row)
        for file in found
        for table in file["tables"]
        if table["suite"] == suite
        for row in table["rows"]
    ]


def details(rows: Sequence[Row]) -> str:
    """Markdown: likeness to the reference in float64, and memory."""
    text = []
    exact = [row for row in rows if row.accuracy.keys() - {LIMIT}]
    if exact:
        engines = list(dict.fromkeys(name for row in exact for name in row.accuracy))
        text += [
            "## Accuracy\n",
            "Against the specification in float64: of vectors the mean cosine (of at most 1,000),"
            " of new tokens the share that is equal.\n",
            "| work | " + " | ".join(engines) + " |",
            "|---|" + "--:|" * len(engines),
        ]
        for row in exact:
            cells = [f"{row.accuracy[e]:.6f}" if e in row.accuracy else "-" for e in engines]
            text.append(f"| {row.name} | {' | '.join(cells)} |")
        text.append("")
    measured = [row for row in rows if row.memory]
    if measured:
        engines = list(dict.fromkeys(name for row in measured for name in row.memory))
        text += [
            "## Memory\n",
            "MB at the peak of a process that loads the model and does the work twice.\n",
            "| work | " + " | ".join(engines) + " |",
            "|---|" + "--:|" * len(engines),
        ]
        for row in measured:
            cells = [f"{row.memory[e]:.0f}" if e in row.memory else "-" for e in engines]
            text.append(f"| {row.name} | {' | '.join(cells)} |")
        text.append("")
    return "\n".join(text)


def gains(rows: Sequence[Row]) -> str:
    """Markdown: what a second thread gains, as a share of what it gains in a bare loop."""
    by_name: dict[str, dict[int, Row]] = {}
    for row in rows:
        by_name.setdefault(row.name, {})[row.threads] = row
    text = []
    for name, counts in by_name.items():
        if {1, 2} <= counts.keys() and OURS in counts[2].seconds and OURS in counts[1].seconds:
            one, two = counts[1], counts[2]
            ours = one.median(OURS) / two.median(OURS)
            bare = one.median(LIMIT) / two.median(LIMIT)
            text.append(f"| {name} | {ours:.2f} | {bare:.2f} | {ours / bare:.2f} |")
    if not text:
        return ""
    head = ["## A second thread\n", "| work | gain | of a bare loop | share |", "|---|--:|--:|--:|"]
    return "\n".join([*head, *text, ""])


def main() -> None:
    found = [json.loads(Path(file).read_text(encoding="utf-8")) for file in sys.argv[1:]]
    conditions = found[0]["conditions"]
    kernels, models = rows_of(found, "kernels"), rows_of(found, "models")
    listed = {case.name for case in TABLE}
    rounds = sorted({file["rounds"] for file in found})
    medians = " or ".join(str(count) for count in rounds)
    runs = f", in {len(found)} runs, each of whole rows" if len(found) > 1 else ""
    parts = [INTRODUCTION, f"{report.line(conditions)}; medians of {medians}{runs}.\n"]
    for title, rows in (
        ("Single operations", [row for row in kernels if row.threads == 1]),
        ("Models", [row for row in models if row.threads == 1 and row.name in listed]),
    ):
        parts += [f"## {title}\n", report.table(rows), "", report.ways(rows), ""]
    if plot.save({row.name: row for row in models if row.threads == 1}, DOCS / "speed.png"):
        parts += ["## Length and batch\n", "![Throughput of each engine](speed.png)\n"]
    parts += [details([row for row in models if row.threads == 1]), gains([*kernels, *models])]
    remarks = [line for file in found for table in file["tables"] for line in table["remarks"]]
    parts += dict.fromkeys(remarks)
    (DOCS / "speed.md").write_text("\n".join(parts).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
