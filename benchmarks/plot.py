"""The picture of throughput against length and batch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.models.cases import CURVES
from benchmarks.turns import LIMIT, OURS, Row

TITLES = {
    "tokens of a sentence": "MiniLM, 8 sentences",
    "sentences in a batch": "MiniLM, 32 tokens each",
    "continued at once": "GPT-2 shape, decoding",
}
COLOURS = {
    OURS: "#c2410c", "onnxruntime": "#2563eb", "torch": "#7c3aed", "ctranslate2": "#059669",
    "genai": "#64748b",
}  # fmt: skip
LABELS = {"genai": "genai (a Llama)"}


def save(rows: Mapping[str, Row], path: Path) -> bool:
    """A panel for each curve with points to join; False if there is none. Needs matplotlib."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    panels = {
        axis: measured
        for axis, curve in CURVES.items()
        if len(measured := [case for case in curve if case.name in rows]) > 1
    }
    if not panels:
        return False
    figure, axes = pyplot.subplots(
        1, len(panels), figsize=(4.6 * len(panels), 4), squeeze=False, layout="constrained"
    )
    for axis, (label, tasks) in zip(axes[0], panels.items(), strict=True):
        curve = [rows[case.name] for case in tasks]
        at = [case.tokens if label.startswith("tokens") else case.batch for case in tasks]
        each = [case.tokens if case.task == "encode" else 1 for case in tasks]
        for name in dict.fromkeys(name for row in curve for name in row.seconds):
            if name == LIMIT:
                continue
            rates = [
                rate * n if (rate := row.rate(name)) else None
                for row, n in zip(curve, each, strict=True)
            ]
            axis.plot(
                at, rates, marker="o", markersize=4, label=LABELS.get(name, name),
                color=COLOURS[name], linewidth=2.4 if name == OURS else 1.4,
                zorder=3 if name == OURS else 2,
            )  # fmt: skip
        axis.set_xscale("log", base=2)
        axis.set_xticks(at, [str(x) for x in at])
        axis.set_ylim(bottom=0)
        axis.set_xlabel(label)
        axis.set_title(TITLES[label], fontsize=11)
        axis.grid(color="#e5e7eb")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0][0].set_ylabel("tokens a second, one thread")
    handles = {}
    for axis in axes[0]:
        handles |= dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=5, frameon=False)
    figure.savefig(path, dpi=140)
    return True
