"""``quatrain export``: a model as an ONNX graph."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.filesize import decimal

from quatrain.commands.arguments import MODEL_HELP, JsonOption
from quatrain.commands.terminal import file_table, output, print_json, sizes
from quatrain.loader import load

PANEL = "Use a model"


def export(
    *,
    model: Annotated[
        list[str] | None, typer.Argument(metavar="MODEL", help=MODEL_HELP, show_default=False)
    ] = None,
    out: Annotated[
        str, typer.Argument(metavar="OUT", help="The folder to write, which must be new or empty.")
    ],
    json: JsonOption = False,
) -> None:
    """Write a folder with the model as an ONNX graph, which onnxruntime runs without quatrain.

    [dim]Example:[/dim]  quatrain export sentence-transformers/all-MiniLM-L6-v2 minilm-onnx

    Prints where the folder is, and its files: the settings, the tokenizer, onnx/model.onnx and
    its weights. With [bold]--json[/bold]: model, path and files with their sizes in bytes. The
    folder appears once it is complete, and nothing is ever overwritten.
    """
    if model and len(model) > 1:
        raise typer.BadParameter(f"expected one MODEL and OUT, got {len(model) + 1} paths")
    loaded = load(model[0] if model else None)
    path = loaded.export(out)
    if json:
        print_json({"model": str(loaded.path), "path": str(path), "files": sizes(path)})
        return
    console = output()
    console.print(f"{path}  {decimal(sum(sizes(path).values()))}", soft_wrap=True)
    console.print(file_table(path))
