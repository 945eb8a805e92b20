"""``quatrain quantize``: a model with its weights in fewer bits."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.filesize import decimal

from quatrain.commands.arguments import MODEL_HELP, Dtype, JsonOption
from quatrain.commands.terminal import file_table, output, print_json, sizes
from quatrain.loader import load

PANEL = "Use a model"


def quantize(
    *,
    model: Annotated[
        list[str] | None, typer.Argument(metavar="MODEL", help=MODEL_HELP, show_default=False)
    ] = None,
    out: Annotated[
        str, typer.Argument(metavar="OUT", help="The folder to write, which must be new or empty.")
    ],
    dtype: Annotated[Dtype, typer.Option(help="How the weights of linear layers are held.")],
    json: JsonOption = False,
) -> None:
    """Write a folder with the model's weights in fewer bits, for the native engine.

    [dim]Example:[/dim]  quatrain quantize ./all-MiniLM-L6-v2 minilm-int8 --dtype int8

    Encode, generate and info take the folder as they take the model; it is mapped, so it loads at
    once. Prints where it is, and its files. With [bold]--json[/bold]: model, path and files with
    their sizes in bytes. The folder appears once it is complete, and nothing is ever overwritten.
    """
    if model and len(model) > 1:
        raise typer.BadParameter(f"expected one MODEL and OUT, got {len(model) + 1} paths")
    loaded = load(model[0] if model else None, dtype=dtype)
    path = loaded.save(out)
    if json:
        print_json({"model": str(loaded.path), "path": str(path), "files": sizes(path)})
        return
    console = output()
    console.print(f"{path}  {decimal(sum(sizes(path).values()))}", soft_wrap=True)
    console.print(file_table(path))
