"""``quatrain tokenize``: a text cut into tokens, or a file of any size into ids on disk."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from quatrain.commands.arguments import MODEL_HELP, JsonOption, ThreadsOption, text_of
from quatrain.commands.terminal import Cell, chips, output, print_json, token_text
from quatrain.errors import InputError
from quatrain.folder import DEFAULT, Folder
from quatrain.hub import resolve
from quatrain.tokenizer import Tokenizer
from quatrain.tokenizer.formats import FORMATS
from quatrain.tokenizer.of_model import tokenizer_of

PANEL = "Look inside"
#: The fields of an encoding, as ``--json`` prints them.
FIELDS = ("ids", "tokens", "offsets", "type_ids", "attention_mask", "special_tokens_mask")
PATHS = ("path", "offsets_path")
FILES = "Files"
READING = "The tokenizer"


class Special(StrEnum):
    """What the text of a special token becomes."""

    allow = "allow"
    text = "text"
    error = "error"


def tokenize(
    text: Annotated[
        str,
        typer.Argument(
            metavar="TEXT", help="The text (with --out: its file), or - for standard input."
        ),
    ],
    pair: Annotated[
        str | None, typer.Option(help="A second text, encoded as a pair with the first.")
    ] = None,
    add_special_tokens: Annotated[
        bool,
        typer.Option(
            "--add-special-tokens/--no-add-special-tokens", help="Add those around the text."
        ),
    ] = True,
    special: Annotated[
        Special, typer.Option(help="What a special token's text becomes: it, text, or an error.")
    ] = Special.allow,
    json: JsonOption = False,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL",
            help=f"{MODEL_HELP} Or a tokenizer's file: tokenizer.json, a SentencePiece .model,"
            " .tiktoken, vocab.json, vocab.txt, .gguf.",
            show_default=False,
            rich_help_panel=READING,
        ),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            help=f"What the file is, whatever its name: {', '.join(FORMATS)}.",
            rich_help_panel=READING,
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(
            help="Of tiktoken's ranks: cl100k_base, llama3, ...; by default the file's name tells.",
            rich_help_panel=READING,
        ),
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option(
            help="Of other ranks: the regular expression that cuts text.", rich_help_panel=READING
        ),
    ] = None,
    behavior: Annotated[
        str | None,
        typer.Option(
            help="Of a SentencePiece model: the library to equal, sentencepiece (the default) or"
            " tokenizers.",
            rich_help_panel=READING,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write a file's ids to this .npy instead.", rich_help_panel=FILES),
    ] = None,
    separator: Annotated[
        str | None,
        typer.Option(
            help=r"What ends a document; \n (the default), \t and the like.",
            show_default=False,
            rich_help_panel=FILES,
        ),
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="The file is one document.", rich_help_panel=FILES)
    ] = False,
    threads: ThreadsOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that exist.", rich_help_panel=FILES)
    ] = False,
) -> None:
    """Cut a text into tokens, and show their ids and where they stand in the text.

    [dim]Example:[/dim]  quatrain tokenize 'Humpty Dumpty sat on a wall.'

    [dim]Example:[/dim]  quatrain tokenize -m cl100k_base.tiktoken 'Humpty Dumpty'

    [dim]Example:[/dim]  quatrain tokenize corpus.txt --out ids.npy

    Prints the tokens as the model sees them, without padding and without truncation: each on a
    coloured ground, spaces visible as ·, with its id and its character offsets below. With
    [bold]--json[/bold]: text, pair, ids, tokens, offsets, type_ids, attention_mask and
    special_tokens_mask.

    With [bold]--out[/bold], cuts a UTF-8 file of any size into documents (its lines) and writes
    their ids end to end, as uint16 or uint32, and where each document begins to a second .npy
    beside it. Memory is constant.
    """
    choices = {"format": format, "encoding": encoding, "pattern": pattern, "behavior": behavior}
    tokenizer = opened(model, {name: v for name, v in choices.items() if v is not None})
    if out is not None:
        if pair is not None:
            raise InputError("--pair and --out do not go together")
        written = tokenizer.encode_to_file(
            "/dev/stdin" if text == "-" else text,
            out,
            separator=None if whole else unescaped(r"\n" if separator is None else separator),
            add_special_tokens=add_special_tokens,
            special=special.value,
            threads=threads,
            overwrite=force,
        )
        if json:
            print_json(written._asdict() | {name: str(getattr(written, name)) for name in PATHS})
        else:
            output().print(
                f"{written.path}: {written.tokens:,} tokens of {written.documents:,} documents\n"
                f"{written.offsets_path}: where each begins",
                soft_wrap=True,
            )
        return
    for option, given in {"--whole": whole, "--force": force, "--separator": separator}.items():
        if given not in (None, False):
            raise InputError(f"{option} needs --out")
    text = text_of(text)
    tokenizer = tokenizer.without_padding().without_truncation()
    shown = tokenizer.encode(text, pair, add_special_tokens, special=special.value)
    if json:
        fields = {name: as_lists(getattr(shown, name)) for name in FIELDS}
        print_json({"text": text, "pair": pair, **fields})
        return
    console = output()
    cells = [
        Cell(token_text(tokenizer, id), (str(id), f"{start}-{end}"))
        for id, (start, end) in zip(shown.ids, shown.offsets, strict=True)
    ]
    console.print(chips(cells, console.width), soft_wrap=True)
    size = f"{len(cells)} token{'s' if len(cells) != 1 else ''}"
    console.print(f"\n{size} for {len(text) + len(pair or '')} characters", style="dim")


def opened(model: str | None, options: dict[str, Any]) -> Tokenizer:
    """The tokenizer of a file, a folder or a hub id; that of the default model without one.

    Without options, that of a model's folder is the one that `quatrain.load` gives the model.
    """
    if model is not None and (path := Path(model).expanduser()).is_file():
        return Tokenizer.from_file(path, **options)
    folder = resolve(DEFAULT if model is None else model, expected="a tokenizer's file or folder")
    if not options and (folder / "config.json").is_file():
        tokenizer = tokenizer_of(folder, Folder(folder).config)
        if tokenizer is not None:
            return tokenizer
    return Tokenizer.from_pretrained(folder, **options)


def unescaped(separator: str) -> str:
    """A separator in which ``\\n`` and its like stand for a character.

    Raises InputError if it is not well formed.
    """
    try:
        plain = separator.encode("latin-1", "backslashreplace").decode("unicode_escape")
        plain.encode()
    except UnicodeError:
        raise InputError(f"--separator is {separator!r}, expected text and escapes") from None
    return plain


def as_lists(values: Any) -> list[Any]:
    """A sequence, or a sequence of pairs, as JSON has it."""
    return [list(value) if isinstance(value, tuple) else value for value in values]
