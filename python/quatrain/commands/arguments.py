"""The arguments that several commands share, and how they are read."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from quatrain.errors import InputError
from quatrain.model import Text


class Engine(StrEnum):
    """The engines by name."""

    native = "native"
    reference = "reference"
    onnx = "onnx"


class CacheDtype(StrEnum):
    float32 = "float32"
    int8 = "int8"


class Dtype(StrEnum):
    """How the native engine can hold the weights of linear layers."""

    float32 = "float32"
    float16 = "float16"
    bfloat16 = "bfloat16"
    int8 = "int8"
    int4 = "int4"


MODEL_HELP = (
    "A folder, a .gguf file or a Hugging Face hub id; without it, the model that comes with"
    " quatrain."
)

ModelArgument = Annotated[
    str | None, typer.Argument(metavar="MODEL", help=MODEL_HELP, show_default=False)
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", "-m", metavar="MODEL", help=MODEL_HELP, show_default=False),
]
EngineOption = Annotated[Engine, typer.Option(help="Where the model runs.")]
DtypeOption = Annotated[
    Dtype | None,
    typer.Option(
        help="How native holds the weights of linear layers; float32, or what they were saved in.",
        show_default=False,
    ),
]
CacheDtypeOption = Annotated[
    CacheDtype | None,
    typer.Option(
        help="How keys and values of a generation are held: float32, or int8.",
        show_default=False,
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(min=1, help="Threads a call may use; all that are available by default."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
IdsOption = Annotated[
    bool, typer.Option("--ids", help="Texts are token ids: [bold]12,7,3[/bold] or '12 7 3'.")
]


def read(file: Path | None = None) -> str:
    """A file's text, or (None) that of standard input. Raises InputError if it is not UTF-8."""
    try:
        return sys.stdin.read() if file is None else file.read_text(encoding="utf-8")
    except UnicodeDecodeError as e:
        raise InputError(f"{file or 'standard input'}: expected UTF-8 text: {e}") from None


def text_of(argument: str) -> str:
    """A text argument; ``-`` stands for standard input."""
    return read() if argument == "-" else argument


def as_input(text: str, ids: bool) -> Text:
    """A text as a model takes it: itself, or the token ids that it lists."""
    if not ids:
        return text
    try:
        return [int(id) for id in text.replace(",", " ").split()]
    except ValueError:
        raise typer.BadParameter(f"--ids expects whole numbers, got {text!r}") from None
