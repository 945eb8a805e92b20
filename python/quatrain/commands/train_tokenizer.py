"""``quatrain train-tokenizer``: a vocabulary learned from text."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from quatrain.commands.arguments import JsonOption, ThreadsOption
from quatrain.commands.terminal import output, print_json
from quatrain.tokenizer import Tokenizer

PANEL = "Make a tokenizer"


class Algorithm(StrEnum):
    """The algorithms by name."""

    bpe = "bpe"
    wordpiece = "wordpiece"
    unigram = "unigram"


def train_tokenizer(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILES", help="UTF-8 files; each line is a text.")
    ],
    out: Annotated[Path, typer.Option(help="The folder to write tokenizer.json into.")],
    algorithm: Annotated[Algorithm, typer.Option(help="How to learn.")] = Algorithm.bpe,
    vocab_size: Annotated[int, typer.Option(help="The most tokens.")] = 30000,
    like: Annotated[
        str | None,
        typer.Option(
            help="What surrounds the model: gpt2 (the default of bpe), llama3, llama, bert-uncased"
            " (the default of wordpiece), bert-cased, t5 (that of unigram).",
            show_default=False,
        ),
    ] = None,
    special_tokens: Annotated[
        list[str] | None,
        typer.Option(
            "--special-token",
            metavar="TOKEN",
            help="A special token; may be repeated. By default those of --like.",
            show_default=False,
        ),
    ] = None,
    min_frequency: Annotated[
        int | None,
        typer.Option(help="Rarer pairs are not joined (bpe, wordpiece).", show_default=False),
    ] = None,
    threads: ThreadsOption = None,
    json: JsonOption = False,
) -> None:
    """Learn a tokenizer's vocabulary from text files.

    [dim]Example:[/dim]  quatrain train-tokenizer book.txt --vocab-size 8000 --out ./tokenizer

    Writes a tokenizer.json, which the tokenizers library reads too, with the same ids, and a
    tokenizer_config.json, which says what the special tokens are for. With [bold]--json[/bold]: out
    and tokens, the number of them.
    """
    tokenizer = Tokenizer.train(
        files,
        algorithm.value,
        vocab_size,
        like=like,
        special_tokens=special_tokens,
        min_frequency=min_frequency,
        threads=threads,
    )
    tokenizer.save(out)
    if json:
        print_json({"out": str(out), "tokens": len(tokenizer)})
    else:
        output().print(f"{out}  {len(tokenizer)} tokens", soft_wrap=True)
