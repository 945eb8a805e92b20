"""``quatrain encode``: sentence vectors."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from quatrain.commands.arguments import (
    DtypeOption,
    Engine,
    EngineOption,
    IdsOption,
    JsonOption,
    ThreadsOption,
    as_input,
    read,
)
from quatrain.commands.terminal import output, print_json
from quatrain.files import new_file
from quatrain.loader import load

PANEL = "Use a model"
#: Up to this many texts are compared with each other on the terminal.
COMPARED = 8
#: How many numbers of a vector are shown.
SHOWN = 4


def encode(
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL",
            help="An encoder: a folder, a .gguf file or a Hugging Face hub id. The model that"
            " comes with quatrain is a decoder, so there is no default.",
        ),
    ],
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT",
            help="The texts; without any, the lines of standard input.",
            show_default=False,
        ),
    ] = None,
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Read the texts' lines here.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write the vectors here, as .npy.")
    ] = None,
    prompt: Annotated[
        str | None, typer.Option(help="Put this before every text, such as 'query: '.")
    ] = None,
    prompt_name: Annotated[
        str | None, typer.Option(help="Or the prompt that the folder calls so, such as query.")
    ] = None,
    ids: IdsOption = False,
    engine: EngineOption = Engine.native,
    dtype: DtypeOption = None,
    threads: ThreadsOption = None,
    json: JsonOption = False,
) -> None:
    """Turn each text into one vector: close meanings, close vectors.

    [dim]Example:[/dim]  quatrain encode -m ./all-MiniLM-L6-v2 'A cat sat.' 'A kitten rested.'

    Prints the first numbers of each vector, and for a few texts how alike they are (cosine).
    With [bold]--out[/bold], all vectors go into a NumPy file, float32 N x D, written whole or not
    at all. With [bold]--json[/bold]: model, engine, shape, and vectors or out.
    """
    if texts and file:
        raise typer.BadParameter("expected texts or --file, got both")
    given = [as_input(text, ids) for text in texts or lines(file)]
    loaded = load(model, engine, threads, dtype)
    encoded = partial(loaded.encode, given, prompt=prompt, prompt_name=prompt_name)
    if out is None:
        vectors = encoded()
    else:
        with new_file(out) as draft:
            vectors = encoded()
            with draft.open("wb") as handle:
                np.save(handle, vectors)
    if json:
        result = {"model": str(loaded.path), "engine": engine.value, "shape": list(vectors.shape)}
        print_json(result | ({"out": str(out)} if out else {"vectors": as_lists(vectors)}))
    elif out:
        output().print(f"{out}  float32 {list(vectors.shape)}", soft_wrap=True)
    else:
        show(texts or [str(text) for text in given], vectors)


def lines(file: Path | None) -> list[str]:
    """The lines of a file, or of standard input."""
    if file is None and sys.stdin.isatty():
        raise typer.BadParameter("expected texts, --file, or lines on standard input")
    text = read(file)
    return text.removesuffix("\n").split("\n") if text else []


def as_lists(vectors: np.ndarray) -> list[list[float]]:
    """Vectors as JSON has them: the nine digits that tell every float32 from the next."""
    return [[float(f"{x:.9g}") for x in vector] for vector in vectors]


def show(texts: Sequence[str], vectors: np.ndarray) -> None:
    """The beginnings of the vectors, and the cosines of a few."""
    console = output()
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("", style="dim", justify="right")
    table.add_column("text", overflow="ellipsis", no_wrap=True)
    table.add_column(f"vector of {vectors.shape[1]} numbers", no_wrap=True)
    for number, (text, vector) in enumerate(zip(texts, vectors, strict=True), 1):
        start = " ".join(f"{x:+.3f}" for x in vector[:SHOWN])
        table.add_row(str(number), text, f"{start} …")
    console.print(table)
    if 1 < len(texts) <= COMPARED:
        console.print()
        console.print(cosines(vectors))


def cosines(vectors: np.ndarray) -> Table:
    """How alike each two vectors are, from -1 to 1."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(norms == 0, 1, norms)
    table = Table(box=None, header_style="dim", title="cosine", title_justify="left")
    table.add_column("", style="dim", justify="right")
    for number in range(1, len(vectors) + 1):
        table.add_column(str(number), justify="right")
    for number, row in enumerate(unit @ unit.T, 1):
        table.add_row(str(number), *(f"{x:.3f}" for x in row))
    return table
