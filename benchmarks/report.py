"""Tables of what was measured, and the conditions under which it was."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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


def table(rows: Sequence[Row]) -> str:
    """Markdown: rates, ours divided by the best peer's, and ours as a share of the limit."""
    engines = [OURS, *dict.fromkeys(e for row in rows for e in row.seconds if e not in MINE)]
    head = ["work", "threads", "unit", *engines, "ours / best peer", "limit", "share"]
    text = ["| " + " | ".join(head) + " |", "|---|--:|---|" + "--:|" * (len(head) - 3)]
    for row in rows:
        ours, limit, best = row.rate(OURS), row.rate(LIMIT), row.best()
        peer = row.rate(best) if best else None
        cells = [row.name, str(row.threads), row.unit, *(cell(row, name) for name in engines)]
        cells.append(f"{ours / peer:.2f} {best}" if ours and peer else "-")
        cells.append(f"{figure(limit)} {row.bound}" if limit else "-")
        cells.append(f"{ours / limit:.0%}" if ours and limit else "-")
        text.append("| " + " | ".join(cells) + " |")
    return "\n".join(text)


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
