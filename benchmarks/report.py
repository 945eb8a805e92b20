"""Tables of what was measured, and the conditions under which it was."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import Any

#: Instruction sets that peers have kernels for.
WIDEST = ("avx2", "avx512f", "avx512_vnni", "amx_tile")
PACKAGES = ("quatrain", "numpy", "onnxruntime", "torch", "transformers", "tokenizers", "tiktoken")


@dataclass
class Table:
    """One case at one number of threads: a row per engine, ours first."""

    name: str
    threads: int
    #: Figure -> (how much one timed call does, what the rate is called).
    amounts: Mapping[str, tuple[float, str]]
    #: Engine -> figure -> seconds of every repeat of every round.
    samples: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    #: Engine -> what it computed.
    answers: dict[str, list[Any]] = field(default_factory=dict)
    #: Engine -> why it is not here.
    missing: dict[str, str] = field(default_factory=dict)

    def add(self, engine: str, samples: Mapping[str, Sequence[float]], answer: list[Any]) -> None:
        for figure, seconds in samples.items():
            self.samples.setdefault(engine, {}).setdefault(figure, []).extend(seconds)
        self.answers[engine] = answer

    def __str__(self) -> str:
        plural = "s" if self.threads > 1 else ""
        lines = [f"\n### {self.name}, {self.threads} thread{plural}\n"]
        ours = next(iter(self.samples), None)
        for figure, (amount, unit) in self.amounts.items():
            lines += [
                f"| {figure} | median ms | middle half ms | {unit} | time / {ours}'s |",
                "|---|--:|--:|--:|--:|",
            ]
            for engine, figures in self.samples.items():
                seconds = sorted(figures[figure])
                middle, quarter = median(seconds), len(seconds) // 4
                ratio = middle / median(self.samples[ours][figure])
                span = f"{1e3 * seconds[quarter]:.1f} - {1e3 * seconds[-1 - quarter]:.1f}"
                lines.append(
                    f"| {engine} | {1e3 * middle:.1f} | {span} | {amount / middle:.1f}"
                    f" | {ratio:.2f} |"
                )
            lines.append("")
        lines += [f"{engine}: not measured, {why}." for engine, why in self.missing.items()]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        return {
            "case": self.name,
            "threads": self.threads,
            "amounts": self.amounts,
            "samples": self.samples,
            "missing": self.missing,
        }


def conditions() -> dict[str, Any]:
    """The processor, how busy it is, and the versions of everything compared."""
    from quatrain import _core

    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
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
