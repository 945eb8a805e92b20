"""``quatrain verify``: the same numbers on every engine, layer by layer."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from quatrain.commands.arguments import (
    Engine,
    IdsOption,
    JsonOption,
    ModelArgument,
    ThreadsOption,
    as_input,
)
from quatrain.commands.terminal import BAD, GOOD, messages, output, print_json
from quatrain.loader import load
from quatrain.parity import NONE, TOLERANCE, Diff, Difference
from quatrain.verify import Report
from quatrain.verify import verify as compare

PANEL = "Look inside"


def verify(
    model: ModelArgument = None,
    text: Annotated[
        list[str] | None,
        typer.Option(help="A text to run instead of the built-in ones; may be given again."),
    ] = None,
    ids: IdsOption = False,
    tolerance: Annotated[
        float,
        typer.Option(min=0, help="The largest difference allowed, relative to the largest value."),
    ] = TOLERANCE,
    out: Annotated[
        Path,
        typer.Option(dir_okay=False, help="The JSON file that every difference is written to."),
    ] = Path("parity.json"),
    all: Annotated[bool, typer.Option("--all", help="A row per name, not per block.")] = False,
    threads: ThreadsOption = None,
    json: JsonOption = False,
) -> None:
    """Run a model on every engine and compare all intermediate values with the reference.

    [dim]Example:[/dim]  quatrain verify ./all-MiniLM-L6-v2

    Texts go through alone and together, padded on either side, and for decoders in pieces through
    the caches. The judge is the reference in float64. Prints each block's largest difference per
    engine and the first name that differs beyond the tolerance; ends with 1 if there is one.
    Everything is written to parity.json, and printed instead with [bold]--json[/bold].
    """
    if not math.isfinite(tolerance):
        raise typer.BadParameter(f"--tolerance expects a finite number, got {tolerance}")
    texts = [as_input(one, ids) for one in text] if text else None
    with messages().status("running every engine ..."):
        loaded = load(model, Engine.native, threads)
        report = compare(loaded, texts, tolerance=tolerance, report=out)
    if json:
        print_json(report.as_json())
    else:
        show(report, output(), all=all)
        messages().print(f"All differences are in {out}.", style="dim", soft_wrap=True)
    if not report.passed:
        raise typer.Exit(1)


def show(report: Report, console: Console, *, all: bool) -> None:
    """The table of differences, and a line of judgement per engine."""
    rows = {engine: by_block(diff, all=all) for engine, diff in report.engines.items()}
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("layer", overflow="fold")
    for engine in report.engines:
        table.add_column(engine, justify="right", no_wrap=True)
    names = list(dict.fromkeys(name for found in rows.values() for name in found))
    for name in names:
        shown = (difference(found.get(name), report.tolerance) for found in rows.values())
        table.add_row(name, *shown)
    console.print(f"{report.model}: {len(report.cases)} cases", soft_wrap=True)
    console.print(
        f"Largest difference from float64, relative to the largest value; at most"
        f" {report.tolerance:g} is allowed.",
        style="dim",
    )
    console.print(table)
    for engine, diff in report.engines.items():
        console.print(judgement(engine, diff, report), soft_wrap=True)


def by_block(diff: Diff, *, all: bool) -> dict[str, Difference]:
    """The worst difference of each block (``h.3``), or every name's."""
    if all:
        return diff.rows
    blocks: dict[str, Difference] = {}
    for name, found in diff.rows.items():
        block = block_of(name)
        blocks[block] = blocks.get(block, NONE).worst(found)
    return blocks


def block_of(name: str) -> str:
    """A name up to its first number: ``h.3.attn.c_proj`` -> ``h.3``; else its first part."""
    parts = name.split(".")
    number = next((i for i, part in enumerate(parts) if part.isdigit()), 0)
    return ".".join(parts[: number + 1])


def difference(found: Difference | None, tolerance: float) -> Text:
    """A cell: the relative difference, marked when it is beyond the tolerance."""
    if found is None:
        return Text("-", style="dim")
    size = f"{found.relative:.1e}" if found.relative else "0"
    if found.relative <= tolerance:
        return Text(size)
    return Text(f"{size} ✗", style=f"bold {BAD}")


def judgement(engine: str, diff: Diff, report: Report) -> Text:
    """Whether an engine agrees, and if not, where it first differs."""
    if diff.agree:
        return Text.assemble(
            ("✓ ", GOOD), f"{engine} agrees; its worst is {report.worst(engine).relative:.1e}"
        )
    first, reasons = diff.first_divergence, []
    if first is not None:
        reasons.append(f"first diverges at {first} ({diff.rows[first].relative:.1e})")
    if diff.unmatched:
        reasons.append(f"does not match the names {', '.join(diff.unmatched[:5])}")
    return Text.assemble(("✗ ", BAD), f"{engine} {' and '.join(reasons)}")
