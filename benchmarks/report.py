"""Tables of what was measured, and the conditions under which it was."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.turns import LIMIT, OURS, Row

#: Instruction sets that peers have kernels for.
WIDEST = ("avx2", "avx512f", "avx512_vnni", "amx_tile")
MINE = (OURS, LIMIT)
PACKAGES = (
    "numpy", "onnxruntime", "torch", "transformers", "ctranslate2", "onnxruntime-genai",
    "tokenizers", "tiktoken",
)  # fmt: skip
#: A program that prints, as JSON, the versions of those of its arguments that are installed.
VERSIONS = """
import json, sys
from importlib.metadata import distributions
found = {d.metadata["Name"]: d.version for d in distributions()}
print(json.dumps({name: found[name] for name in sys.argv[1:] if name in found}))
"""


@dataclass(frozen=True)
class Table:
    """The rows of a section's suite, and what is to be said of them."""

    section: str
    suite: str
    rows: list[Row]
    remarks: list[str]

    def markdown(self) -> str:
        if not self.rows:
            parts = []
        elif self.section == "memory":
            parts = [memory(self.rows)]
        elif self.section == "threads":
            parts = [gains(self.rows)]
        else:
            parts = [rates(self.rows), ways(self.rows)]
        return "\n\n".join(filter(None, [*parts, "\n".join(self.remarks)]))

    def wrong(self) -> list[str]:
        """Why the whole is not to be believed."""
        found = [f"{row.name}: {who} {why}" for row in self.rows for who, why in row.wrong.items()]
        nothing = [row.name for row in self.rows if not row.seconds and not row.memory]
        return found + [f"{name}: nothing was measured" for name in nothing]


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> str:
    """A table of which so many columns at the left are text."""
    lines = ["| " + " | ".join(head) + " |", "|---" * texts + "|--:" * (len(head) - texts) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def engines(rows: Iterable[Row], part: str) -> list[str]:
    """Those of which a part of the rows speaks, ours first; not the machine's limit."""
    named = dict.fromkeys([OURS, *(name for row in rows for name in getattr(row, part))])
    return [name for name in named if name != LIMIT]


def rates(rows: Sequence[Row]) -> str:
    """Rates, ours divided by the best peer's, and ours as a share of the limit."""
    columns = engines(rows, "seconds")
    several = {row.threads for row in rows} != {1}
    head = ["work", "unit", *columns, "ours / best peer", "limit", "share"]
    lines = []
    for row in rows:
        ours, limit, best = row.rate(OURS), row.rate(LIMIT), row.best()
        peer = row.rate(best) if best else None
        name = f"{row.name}, {row.threads} threads" if several else row.name
        cells = [name, row.unit, *(cell(row, engine) for engine in columns)]
        cells.append(f"{ours / peer:.2f} {best}" if ours and peer else "-")
        cells.append(f"{figure(limit)} {row.bound}" if limit else "-")
        cells.append(f"{ours / limit:.0%}" if ours and limit else "-")
        lines.append(cells)
    return markdown(head, lines, texts=2)


def gains(rows: Sequence[Row]) -> str:
    """What a second thread gains, and that as a share of what it gains in a bare loop."""
    pairs: dict[str, dict[int, Row]] = {}
    for row in rows:
        pairs.setdefault(row.name, {})[row.threads] = row
    lines = []
    for name, pair in pairs.items():
        if not {1, 2} <= pair.keys() or any(OURS not in row.seconds for row in pair.values()):
            continue
        ours, bare = (
            np.divide(pair[1].seconds[engine], pair[2].seconds[engine]) for engine in (OURS, LIMIT)
        )
        figures = (np.median(ours), np.median(bare), np.median(ours / bare))
        lines.append([name, *(f"{figure:.2f}" for figure in figures)])
    return markdown(["work", "quatrain's gain", "a bare loop's gain", "share"], lines)


def memory(rows: Sequence[Row]) -> str:
    """MB at the peak."""
    columns = engines(rows, "memory")
    lines = [
        [row.name, *(f"{row.memory[e]:.0f}" if e in row.memory else "-" for e in columns)]
        for row in rows
    ]
    return markdown(["work", *columns], lines)


def accuracy(rows: Sequence[Row]) -> str:
    """Likeness to the specification in float64."""
    columns = engines(rows, "accuracy")
    lines = [
        [row.name, *(f"{row.accuracy[e]:.6f}" if e in row.accuracy else "-" for e in columns)]
        for row in rows
        if row.accuracy
    ]
    return markdown(["work", *columns], lines)


def cell(row: Row, engine: str) -> str:
    """A rate, and what is wrong with it."""
    rate = row.rate(engine)
    if rate is None:
        return "-"
    return figure(rate) + (f" ({row.wrong[engine]})" if engine in row.wrong else "")


def figure(rate: float) -> str:
    return f"{rate:.0f}" if rate >= 1000 else f"{rate:.3g}"


def ways(rows: Iterable[Row]) -> str:
    """Which of its ways each peer did each piece of work in."""
    lines = []
    for row in rows:
        said = [
            f"{name} {row.way(name)}" for name in row.ways if name not in MINE and row.way(name)
        ]
        if said:
            lines.append(f"- {row.name}: {', '.join(said)}")
    return "\n".join(dict.fromkeys(lines))


def line(conditions: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in conditions.items())


def conditions(peers: str = sys.executable) -> dict[str, Any]:
    """The processor, how busy it is, and the versions of what the interpreter
    ``peers`` has to compare with."""
    from quatrain import _core

    command = [peers, "-c", VERSIONS, *PACKAGES]
    versions = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    info = processor()
    flags = info.get("flags", "").split()
    return {
        "processor": info.get("model name") or platform.processor() or platform.machine(),
        "cores": _core.default_threads(),
        # Peers choose their own, which may be wider than ours: say so beside the ratios.
        "has": " ".join(flag for flag in WIDEST if flag in flags),
        "quatrain uses": _core.isa(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **versions,
    }


def processor() -> dict[str, str]:
    """What Linux says of the first processor: model name, flags; nothing elsewhere."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            first = file.read().split("\n\n")[0]
    except OSError:
        return {}
    fields = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in fields}
