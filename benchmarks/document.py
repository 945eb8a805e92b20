"""``python -m benchmarks.document FILE.json...``: docs/speed.md and its pictures, from what
``python -m benchmarks --json FILE`` kept. Of work that is in several files, the last counts."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks import plot, report
from benchmarks.turns import Row

Table = Callable[[Sequence[Row]], str]
DOCS = Path(__file__).resolve().parents[1] / "docs"
INTRODUCTION = """# Speed

Single operations and whole models beside peers, each at its best setting and in a process of its
own, taking turns: absolute figures drift with the machine, ratios of one run are what counts. The
limit is what a bare loop of the same machine reaches in the same rounds on the same work:
multiply-adds (fma), int8 dot products (int8; peers may have wider units, such as AMX), or reading
or copying as many bytes; the share is ours of it. One thread, but where it says two. A figure with
a remark does not count. How it is measured: [benchmarks/README.md](../benchmarks/README.md). This
page is written by `python -m benchmarks.document`, from what `python -m benchmarks --json` keeps.
"""
SENTENCES = """The real sentences are 4,000 of Wikipedia, of 5 to 146 tokens, 31 on average, timed
in eight parts of 500 that every engine takes in turns. Peers pad them in batches sorted by length,
of the size (10 or 20) that is best for each; ours has no padding.
"""
THREADS = """What two threads gain over one, beside what they gain in a bare loop of multiply-adds
in the same rounds: medians of the gains, and of their ratio.
"""
AVX2 = """The same with everybody held to AVX2, by switches that
[benchmarks/sections.py](../benchmarks/sections.py) lists, and the limit of AVX2. onnxruntime, and
genai on it, have no such switch, so they are not here.
"""
BLOCKS = """Decoding with a file of SmolLM2-135M's shape, of random weights, which quatrain and
llama.cpp read as it is; the embedding has 8 bits. CTranslate2 (8 bits alone) and genai run the
checkpoint that it was made of, at their nearest.
"""
ACCURACY = """Against the specification in float64: of vectors the mean cosine, of new tokens the
share that is equal.
"""
MEMORY = "MB at the peak of a process that loads the model and does the work twice.\n"


def collected(files: Sequence[dict[str, Any]]) -> dict[tuple[str, str], list[Row]]:
    """Section and suite -> rows."""
    found: dict[tuple[str, str], dict[tuple[str, int], Row]] = {}
    for table in (table for file in files for table in file["tables"]):
        rows = found.setdefault((table["section"], table["suite"]), {})
        rows |= {(row["name"], row["threads"]): Row(**row) for row in table["rows"]}
    return {key: list(rows.values()) for key, rows in found.items()}


def main() -> None:
    files = [json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:]]
    found = collected(files)
    conditions = report.line(files[0]["conditions"])
    medians = " or ".join(str(n) for n in sorted({file["rounds"] for file in files}))
    parts = [INTRODUCTION, f"{conditions}; medians of {medians}."]

    def write(section: str, title: str, text: str, table: Table) -> None:
        if suites := [rows for (name, _), rows in found.items() if name == section]:
            apart = suites if table is both else [list(chain(*suites))]
            parts.extend(filter(None, [f"\n## {title}\n", text, *map(table, apart)]))

    def both(rows: Sequence[Row]) -> str:
        return f"{report.rates(rows)}\n\n{report.ways(rows)}\n"

    def pictures(rows: Sequence[Row]) -> str:
        names = plot.save({row.name: row for row in rows}, DOCS)
        return "\n\n".join(f"![{title}]({name})" for name, title in names.items())

    write("kernels", "Single operations", "", both)
    write("models", "Models", SENTENCES, both)
    write("blocks", "GGUF files", BLOCKS, both)
    write("threads", "A second thread", THREADS, report.gains)
    write("curves", "Length, context and batch", "", pictures)
    write("avx2", "On AVX2", AVX2, both)
    write("models", "Accuracy", ACCURACY, report.accuracy)
    write("memory", "Memory", MEMORY, report.memory)
    remarks = [line for file in files for table in file["tables"] for line in table["remarks"]]
    parts += ["", *dict.fromkeys(remarks)]
    (DOCS / "speed.md").write_text("\n".join(parts).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
