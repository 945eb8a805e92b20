"""The command line: one function per command, in ``quatrain.commands``, and what they share here.

Every exception of ``quatrain.errors`` becomes one line on standard error and exit code 2, as
wrong usage does. Ctrl-C exits with 130; a reader that went away (``| head``) ends quietly.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from quatrain import __version__
from quatrain.commands import (
    demo,
    encode,
    export,
    generate,
    info,
    quantize,
    tokenize,
    train_tokenizer,
    transcribe,
    verify,
)
from quatrain.commands.terminal import print_error
from quatrain.errors import QuatrainError


class Commands(TyperGroup):
    """The group of all commands: runs one, and turns what went wrong into an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except QuatrainError as e:
            print_error(str(e))
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except BrokenPipeError:
            # What is still buffered would raise again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
        except OSError as e:
            print_error(f"{e.filename}: {e.strerror}" if e.filename else str(e))
            raise typer.Exit(2) from None


EPILOG = (
    "Each command explains itself: [bold]quatrain generate --help[/bold]. A model is a folder or a"
    " Hugging Face hub id; without one, it is the small model that comes with quatrain."
)

app = typer.Typer(
    name="quatrain",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def quatrain(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=show_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Transformers in the open, without a framework.

    One definition of a model runs on three engines: in NumPy ([bold]reference[/bold]), in C++
    ([bold]native[/bold]) and as a graph in onnxruntime ([bold]onnx[/bold]). Begin with
    [bold]quatrain demo[/bold].
    """


def reflowed(doc: str | None) -> str:
    """A docstring as help: paragraphs that the terminal's width breaks into lines."""
    return "\n\n".join(" ".join(part.split()) for part in (doc or "").split("\n\n"))


app.callback(help=reflowed(quatrain.__doc__), epilog=EPILOG)(quatrain)
for module in (
    demo,
    encode,
    generate,
    transcribe,
    export,
    quantize,
    train_tokenizer,
    tokenize,
    verify,
    info,
):
    function = getattr(module, module.__name__.rsplit(".", 1)[-1])
    app.command(help=reflowed(function.__doc__), rich_help_panel=module.PANEL)(function)


def main() -> None:
    """The entry point ``quatrain``."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal or a pipe that is not UTF-8 gets an escape, not an exception.
            stream.reconfigure(errors="backslashreplace")
    app()


if __name__ == "__main__":
    main()
