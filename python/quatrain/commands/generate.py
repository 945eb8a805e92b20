"""``quatrain generate``: a text continued."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any, Literal

import typer
from rich.table import Table
from rich.text import Text as Line

from quatrain.commands.arguments import (
    CacheDtypeOption,
    DtypeOption,
    Engine,
    EngineOption,
    IdsOption,
    JsonOption,
    ModelOption,
    ThreadsOption,
    as_input,
    text_of,
)
from quatrain.commands.terminal import messages, output, print_json, token_text
from quatrain.loader import load
from quatrain.model import Text
from quatrain.tasks.generate import Options, Run

PANEL = "Use a model"


class EarlyStopping(StrEnum):
    """When a search stops, as ``early_stopping`` has it."""

    true = "true"
    false = "false"
    never = "never"

    @property
    def setting(self) -> bool | Literal["never"]:
        return "never" if self is EarlyStopping.never else self is EarlyStopping.true


def generate(
    prompt: Annotated[
        str, typer.Argument(metavar="PROMPT", help="The text to continue, or - for standard input.")
    ],
    model: ModelOption = None,
    max_new_tokens: Annotated[int | None, typer.Option(help="At most this many.")] = None,
    temperature: Annotated[
        float | None, typer.Option(help="0 takes the likeliest token; above 0 samples.")
    ] = None,
    top_k: Annotated[
        int | None, typer.Option(help="Sample among the k likeliest tokens; 0: among all.")
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(help="Sample among the fewest tokens whose probabilities reach p."),
    ] = None,
    min_p: Annotated[
        float | None,
        typer.Option(help="Not tokens less than p times as likely as the likeliest."),
    ] = None,
    repetition_penalty: Annotated[
        float | None, typer.Option(help="Above 1 makes tokens seen before less likely.")
    ] = None,
    presence_penalty: Annotated[
        float | None, typer.Option(help="Taken from the logits of tokens written before.")
    ] = None,
    frequency_penalty: Annotated[
        float | None, typer.Option(help="The same, as often as they were written.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="The same seed gives the same text, on every engine.")
    ] = None,
    num_beams: Annotated[
        int | None, typer.Option(help="Above 1, search: continue this many texts at once.")
    ] = None,
    num_return_sequences: Annotated[
        int | None, typer.Option(help="How many of the texts found are shown.")
    ] = None,
    length_penalty: Annotated[
        float | None,
        typer.Option(help="Scores are divided by the length to this power; above 0 favours long."),
    ] = None,
    early_stopping: Annotated[
        EarlyStopping | None,
        typer.Option(
            help="Once num_beams texts have ended, stop at once, when none seems better, or when"
            " none can be."
        ),
    ] = None,
    stop: Annotated[
        list[str] | None, typer.Option(help="End before this string; may be given again.")
    ] = None,
    logprobs: Annotated[
        int | None, typer.Option(help="Show each token's probability and the n likeliest.")
    ] = None,
    decoder_ids: Annotated[
        str | None,
        typer.Option(help="Ids that an encoder-decoder's text must begin with.", metavar="IDS"),
    ] = None,
    ids: IdsOption = False,
    engine: EngineOption = Engine.native,
    dtype: DtypeOption = None,
    cache_dtype: CacheDtypeOption = None,
    threads: ThreadsOption = None,
    json: JsonOption = False,
) -> None:
    """Continue a text, or translate one with an encoder-decoder.

    [dim]Example:[/dim]  quatrain generate 'Humpty Dumpty sat on a' --max-new-tokens 20

    Prints the continuation alone, as it is generated; a search prints the best text, and a table if
    several are asked for. What is not given comes from the model's generation_config.json; without
    one: 64 tokens, the likeliest each time. With [bold]--json[/bold]: model, engine, prompt, text,
    ids, finish_reason, tokens_per_second, logprobs and beams.
    """
    given: Options = {
        "max_new_tokens": max_new_tokens,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "repetition_penalty": repetition_penalty,
        "presence_penalty": presence_penalty,
        "frequency_penalty": frequency_penalty,
        "seed": seed,
        "num_beams": num_beams,
        "num_return_sequences": num_return_sequences,
        "length_penalty": length_penalty,
        "early_stopping": None if early_stopping is None else early_stopping.setting,
        "stop": tuple(stop) if stop else None,
        "logprobs": logprobs,
    }
    text = as_input(text_of(prompt), ids)
    target = None if decoder_ids is None else as_input(decoder_ids, ids=True)
    run = Run(load(model, engine, threads, dtype, cache_dtype=cache_dtype), text, given, target)
    begun = time.perf_counter()
    if json:
        for _ in run.pieces():
            pass
    else:
        stream(run, text)
    speed = len(run.ids) / (time.perf_counter() - begun)
    if json:
        print_json(as_json(run, text) | {"tokens_per_second": speed})
        return
    if messages().is_terminal:
        ended = f"{len(run.ids)} tokens, {speed:,.0f} per second, ended by {run.finish_reason}"
        messages().print(ended, style="dim")
    if run.logprobs:
        output().print(probabilities(run))
    if len(run.beams) > 1:
        output().print(scores(run))


def stream(run: Run, prompt: Text) -> None:
    """Write the continuation as it comes; a person's terminal also shows what it continues."""
    if isinstance(prompt, str) and output().is_terminal and messages().is_terminal:
        messages().print(prompt, style="dim", end="", soft_wrap=True)
    for piece in run.pieces():
        sys.stdout.write(piece)
        sys.stdout.flush()
    if run.model.target_tokenizer is None:
        sys.stdout.write(" ".join(map(str, run.ids)))
    sys.stdout.write("\n")


def as_json(run: Run, prompt: Text) -> dict[str, Any]:
    """A finished generation as JSON has it."""

    def named(id: int, logprob: float) -> dict[str, Any]:
        tokenizer = run.model.target_tokenizer
        token = tokenizer.id_to_token(id) if tokenizer else None
        return {"id": id, "token": token, "logprob": logprob}

    return {
        "model": str(run.model.path),
        "engine": run.model.engine.name,
        "prompt": prompt,
        "text": run.text,
        "ids": run.ids,
        "finish_reason": run.finish_reason,
        "logprobs": [
            named(one.id, one.logprob) | {"top": [named(*pair) for pair in one.top]}
            for one in run.logprobs
        ],
        "beams": [asdict(beam) for beam in run.beams],
    }


def probabilities(run: Run) -> Table:
    """Each new token's probability, beside the likeliest ones."""
    tokenizer = run.model.target_tokenizer

    def shown(id: int) -> str:
        return token_text(tokenizer, id) if tokenizer else str(id)

    table = Table("token", "id", "probability", "likeliest", box=None, header_style="dim")
    for one in run.logprobs:
        top = "  ".join(f"{shown(id)} {math.exp(p):.1%}" for id, p in one.top)
        table.add_row(shown(one.id), str(one.id), f"{math.exp(one.logprob):.1%}", top)
    return table


def scores(run: Run) -> Table:
    """The texts that a search found, best first."""
    table = Table("score", "tokens", "ended by", "text", box=None, header_style="dim")
    for beam in run.beams:
        text = beam.text if run.model.target_tokenizer else " ".join(map(str, beam.ids))
        text = text.replace("\n", "⏎")
        table.add_row(f"{beam.score:.4f}", str(len(beam.ids)), beam.finish_reason, Line(text))
    return table
