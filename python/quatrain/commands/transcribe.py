"""``quatrain transcribe``: the text of a recording."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from quatrain.commands.arguments import (
    DtypeOption,
    Engine,
    EngineOption,
    JsonOption,
    ThreadsOption,
)
from quatrain.commands.terminal import messages, output, print_json
from quatrain.loader import load
from quatrain.tasks.generate import Options

PANEL = "Use a model"


def transcribe(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A .wav file: one channel, 16000 samples per second, up to 30 seconds.",
        ),
    ],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL",
            help="A Whisper: a folder or a Hugging Face hub id. The model that comes with quatrain"
            " hears nothing, so there is no default.",
        ),
    ],
    language: Annotated[
        str | None,
        typer.Option(help="What is spoken, by its code: en. Found out where it is not given."),
    ] = None,
    task: Annotated[
        str, typer.Option(help="Write down what is said: transcribe; or in English: translate.")
    ] = "transcribe",
    max_new_tokens: Annotated[int | None, typer.Option(help="At most this many.")] = None,
    num_beams: Annotated[
        int | None, typer.Option(help="Above 1, search: continue this many texts at once.")
    ] = None,
    engine: EngineOption = Engine.native,
    dtype: DtypeOption = None,
    threads: ThreadsOption = None,
    json: JsonOption = False,
) -> None:
    """Write down what is said in a recording.

    [dim]Example:[/dim]  quatrain transcribe -m ./whisper-tiny.en speech.wav

    Prints the text alone. With [bold]--json[/bold]: model, engine, file, text, language, ids,
    finish_reason and seconds.
    """
    loaded = load(model, engine, threads, dtype)
    given: Options = {"max_new_tokens": max_new_tokens, "num_beams": num_beams}
    begun = time.perf_counter()
    found = loaded.transcribe(file, language=language, task=task, **given)
    seconds = time.perf_counter() - begun
    if json:
        print_json(
            {
                "model": str(loaded.path),
                "engine": engine.value,
                "file": str(file),
                "text": found.text,
                "language": found.language,
                "ids": found.ids,
                "finish_reason": found.finish_reason,
                "seconds": seconds,
            }
        )
        return
    output().print(found.text, markup=False, highlight=False, soft_wrap=True)
    if messages().is_terminal:
        ended = f"{found.language}, {len(found.ids)} tokens in {seconds:.2f} s"
        messages().print(f"{ended}, ended by {found.finish_reason}", style="dim")
