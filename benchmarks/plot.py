"""The pictures of throughput: encoding, and decoding."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.models.cases import CURVES, Task
from benchmarks.turns import LIMIT, OURS, Row

#: File -> what it is of, and its panels: horizontal axis -> title.
PICTURES = {
    "encoding.png": ("MiniLM, float32, one thread: tokens encoded a second", {
        "tokens of a sentence": "8 sentences at once",
        "sentences in a batch": "of 32 tokens each",
    }),
    "decoding.png": ("GPT-2's shape, float32, one thread: new tokens a second", {
        "tokens so far": "one sentence",
        "sentences at once": "from their first tokens on",
    }),
}  # fmt: skip
#: Colours that the colour-blind can tell apart (Okabe and Ito's), and shapes without any.
STYLES = {
    OURS: ("#d55e00", "o"), "onnxruntime": ("#0072b2", "s"), "torch": ("#cc79a7", "^"),
    "ctranslate2": ("#009e73", "D"), "genai": ("#56b4e9", "v"),
}  # fmt: skip
LABELS = {"genai": "genai (a Llama of that size)"}
INK, GRID = "#374151", "#e5e7eb"


def save(rows: Mapping[str, Row], folder: Path) -> dict[str, str]:
    """Draw what there is something to show of. -> file: what it is of. Needs matplotlib."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.rcParams |= {
        "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK,
        "ytick.color": INK, "axes.grid": True, "grid.color": GRID, "axes.axisbelow": True,
        "axes.spines.top": False, "axes.spines.right": False, "font.size": 10,
    }  # fmt: skip
    saved = {}
    for name, (title, panels) in PICTURES.items():
        shown = {
            axis: cases
            for axis in panels
            if len(cases := [case for case in CURVES[axis] if case.name in rows]) > 1
        }
        if not shown:
            continue
        figure, axes = pyplot.subplots(
            1, len(shown), figsize=(4.8 * len(shown), 4.1), squeeze=False, layout="constrained"
        )
        handles: dict[str, Any] = {}
        for axis, (label, cases) in zip(axes[0], shown.items(), strict=True):
            handles |= panel(axis, cases, rows)
            axis.set_title(panels[label], fontsize=10)
            axis.set_xlabel(label)
        axes[0][0].set_ylabel("tokens / s")
        figure.suptitle(title, fontsize=11, fontweight="bold")
        figure.legend(
            handles.values(), handles, loc="outside lower center", ncols=len(handles), frameon=False
        )
        figure.savefig(folder / name, dpi=160)
        pyplot.close(figure)
        saved[name] = title
    return saved


def panel(axis: Any, cases: list[Task], rows: Mapping[str, Row]) -> dict[str, Any]:
    """Draw a line for each engine. -> label -> line."""
    several = len({case.batch for case in cases}) > 1
    at = [case.batch if several else case.tokens for case in cases]
    each = [case.tokens if case.task == "encode" else 1 for case in cases]
    lines = {}
    for name in dict.fromkeys(name for case in cases for name in rows[case.name].seconds):
        if name == LIMIT:
            continue
        rates = [
            rate * n if (rate := rows[case.name].rate(name)) else None
            for case, n in zip(cases, each, strict=True)
        ]
        colour, marker = STYLES[name]
        ours = name == OURS
        (lines[LABELS.get(name, name)],) = axis.plot(
            at, rates, color=colour, marker=marker, markersize=6 if ours else 4.5,
            linewidth=2.8 if ours else 1.4, zorder=3 if ours else 2,
        )  # fmt: skip
    axis.set_xscale("log", base=2)
    axis.set_xticks(at, [str(x) for x in at])
    axis.minorticks_off()
    axis.set_ylim(0, 1.08 * axis.dataLim.ymax)
    return lines
