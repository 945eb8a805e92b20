"""``quatrain demo``: the whole journey of a sentence, on one screen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Annotated

import typer
from rich.bar import Bar
from rich.console import Console, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from quatrain.commands.arguments import Engine, JsonOption, ModelOption, ThreadsOption
from quatrain.commands.terminal import (
    ACCENT,
    BAD,
    GOOD,
    Cell,
    chip,
    chips,
    file_table,
    output,
    print_json,
    token_text,
)
from quatrain.loader import load
from quatrain.parity import TOLERANCE
from quatrain.tasks.demo import Finding, Journey

PANEL = "Begin here"
PROMPT = "Humpty Dumpty sat on a"
#: What a step shows is indented by this much, and no line is longer, however wide the terminal.
INDENT, WIDEST = 4, 104


def demo(
    prompt: Annotated[str, typer.Option(help="The text to continue.")] = PROMPT,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="How far to continue it.")] = 48,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where to export to: a new or empty folder. Without it, a new one among the"
            " system's temporary folders."
        ),
    ] = None,
    model: ModelOption = None,
    threads: ThreadsOption = None,
    json: JsonOption = False,
) -> None:
    """Follow one sentence all the way: tokens, probabilities, text, three engines, ONNX.

    [dim]Example:[/dim]  quatrain demo --prompt 'Mary had a little'

    Works offline, in a few seconds. Ends with 1 if the engines disagree: another text, or logits
    further apart than 1e-4 of the largest. An engine that is not installed is no disagreement:
    its row says what to install. With [bold]--json[/bold]: model, prompt, tokens, next, engines,
    exported and agree.
    """
    loaded = load(model, Engine.native, threads)
    journey = Journey(loaded, prompt, max_new_tokens=max_new_tokens, threads=threads)
    # First, so that a folder that cannot be written is known before anything is shown.
    exported = journey.export(out)
    findings = as_json(journey, exported) if json else show(journey, exported, output())
    if not all(finding.agrees for finding in findings):
        raise typer.Exit(1)


def as_json(journey: Journey, exported: Path) -> list[Finding]:
    """The journey as one JSON object."""
    name = journey.model.tokenizer.id_to_token
    findings = list(journey.findings())
    print_json(
        {
            "model": str(journey.model.path),
            "prompt": journey.prompt,
            "tokens": [{"id": id, "token": name(id)} for id in journey.ids],
            "next": [{"id": id, "token": name(id), "probability": p} for id, p in journey.likely()],
            "engines": [finding.as_json() for finding in findings],
            "exported": str(exported),
            "agree": all(finding.agrees for finding in findings),
        }
    )
    return findings


def show(journey: Journey, exported: Path, console: Console) -> list[Finding]:
    """The journey in five steps, each printed as soon as it is known."""
    console.width = min(console.width, WIDEST)
    vocabulary = f"{journey.model.network.vocab_size:,}"

    explain = f"Pieces from a vocabulary of {vocabulary}. The number below each is its id."
    step(console, 1, "Text becomes tokens", explain)
    show_tokens(journey, console)

    explain = f"A forward pass scores all {vocabulary} tokens; softmax makes probabilities."
    step(console, 2, "The model weighs what may come next", explain)
    body(console, bars(journey))

    explain = "Streamed by the native engine, which keeps past keys and values."
    step(console, 3, "It appends the likeliest, and asks again", explain)
    show_continuation(journey, console)

    explain = "reference is NumPy, native our C++, onnx a graph in onnxruntime."
    step(console, 4, "The same definition on every engine", explain)
    findings = show_findings(journey, console)

    explain = "onnxruntime runs this folder without quatrain."
    step(console, 5, "It leaves as an ONNX graph", explain)
    body(console, Text(str(exported), style="bold", overflow="fold"))
    body(console, file_table(exported))

    console.print()
    console.print(verdict(findings))
    return findings


def step(console: Console, number: int, title: str, explanation: str) -> None:
    """A step's heading, and a sentence that explains it."""
    console.print()
    console.print(
        Text.assemble((f" {number} ", f"bold #ffffff on {ACCENT}"), (f" {title}", "bold"))
    )
    body(console, Text(explanation, style="dim"))
    console.print()


def body(console: Console, content: RenderableType) -> None:
    """What a step shows, indented."""
    console.print(indented(content))


def indented(content: RenderableType) -> Padding:
    return Padding(content, (0, 0, 0, INDENT), expand=False)


def show_tokens(journey: Journey, console: Console) -> None:
    """The prompt's tokens on coloured grounds, their ids below."""
    tokenizer = journey.model.tokenizer
    cells = [Cell(token_text(tokenizer, id), (str(id),)) for id in journey.ids]
    body(console, chips(cells, console.width - INDENT))


def bars(journey: Journey) -> Table:
    """The likeliest next tokens, each with a bar as long as its probability."""
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(ratio=1)
    for rank, (id, probability) in enumerate(journey.likely()):
        token = chip(token_text(journey.model.tokenizer, id), rank)
        share = Text(f"{probability:.1%}", style="" if rank else "bold")
        table.add_row(token, share, Bar(1, 0, probability, color=ACCENT))
    return table


def show_continuation(journey: Journey, console: Console) -> None:
    """The prompt, and behind it the text as it comes."""
    text = Text(journey.prompt, style="dim")
    with Live(indented(text), console=console, refresh_per_second=30, transient=True):
        for piece in journey.pieces():
            text.append(piece, style="not dim bold")
    body(console, text)


def show_findings(journey: Journey, console: Console) -> list[Finding]:
    """A row per engine."""
    with console.status("running each engine ..."):
        findings = list(journey.findings())
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), expand=True)
    table.add_column("engine", style="bold", no_wrap=True)
    table.add_column("text", ratio=1)
    table.add_column("tokens/s", justify="right", no_wrap=True)
    table.add_column("logits differ by", justify="right", no_wrap=True)
    for finding in findings:
        table.add_row(finding.engine, *cells_of(finding, judge=findings[0]))
    body(console, table)
    return findings


def cells_of(finding: Finding, judge: Finding) -> tuple[Text, str, Text]:
    """A row of the table of engines, behind the engine's name."""
    if finding.unavailable:
        return Text(finding.unavailable, style=BAD), "-", Text("-", style="dim")
    text = one_line(flat(finding.text), flat(judge.text))
    mark, style = ("✓", GOOD) if finding.agrees else ("✗", f"bold {BAD}")
    difference = Text(f"{finding.difference.absolute:.1e} {mark}", style=style)
    if finding is judge:
        difference = Text("the judge", style="dim")
    return text, f"{finding.tokens_per_second:,.0f}", difference


def flat(text: str) -> str:
    """A text on one line; line ends become slashes, as in quoted verse."""
    return re.sub(r"\s*\n\s*", " / ", text.strip())


def one_line(text: str, judge: str) -> Text:
    """As much of a text as fits; if it is not the judge's, from a little before the two part."""
    if text == judge:
        return Text(text, no_wrap=True, overflow="ellipsis")
    pairs = enumerate(zip_longest(text, judge))
    parting = next(i for i, (mine, theirs) in pairs if mine != theirs)
    start = max(0, parting - 12)
    before = ("…" if start else "") + text[start:parting]
    after = text[parting:] or "(ends here)"
    return Text.assemble(before, (after, f"bold {BAD}"), no_wrap=True, overflow="ellipsis")


def verdict(findings: Sequence[Finding]) -> Text:
    """Whether the engines agree."""
    ran = [finding for finding in findings if not finding.unavailable]
    apart = [finding.engine for finding in ran if not finding.agrees]
    if apart:
        return Text.assemble(
            ("✗ ", BAD), (f"{' and '.join(apart)} and the reference disagree", "bold")
        )
    return Text.assemble(
        ("✓ ", GOOD),
        (f"{len(ran)} engines agree", "bold"),
        f": the same text, logits within {TOLERANCE:g} of the largest.",
    )
