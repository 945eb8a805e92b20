"""``quatrain tokenize``: a text cut into tokens."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from quatrain.commands.arguments import JsonOption, ModelOption, text_of
from quatrain.commands.terminal import Cell, chips, output, print_json, token_text
from quatrain.folder import DEFAULT
from quatrain.tokenizer import Tokenizer

PANEL = "Look inside"
#: The fields of an encoding, as ``--json`` prints them.
FIELDS = ("ids", "tokens", "offsets", "type_ids", "attention_mask", "special_tokens_mask")


def tokenize(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The text, or - for standard input.")],
    pair: Annotated[
        str | None, typer.Option(help="A second text, encoded as a pair with the first.")
    ] = None,
    special: Annotated[
        bool, typer.Option("--special/--no-special", help="Add the model's special tokens.")
    ] = True,
    model: ModelOption = None,
    json: JsonOption = False,
) -> None:
    """Cut a text into tokens, and show their ids and where they stand in the text.

    [dim]Example:[/dim]  quatrain tokenize 'Humpty Dumpty sat on a wall.'

    Prints the tokens as the model sees them, without padding and without truncation: each on a
    coloured ground, spaces visible as ·, with its id and its character offsets below. With
    [bold]--json[/bold]: text, pair, ids, tokens, offsets, type_ids, attention_mask and
    special_tokens_mask.
    """
    text = text_of(text)
    tokenizer = (
        Tokenizer.from_pretrained(DEFAULT if model is None else model)
        .without_padding()
        .without_truncation()
    )
    encoding = tokenizer.encode(text, pair, add_special_tokens=special)
    if json:
        fields = {name: as_lists(getattr(encoding, name)) for name in FIELDS}
        print_json({"text": text, "pair": pair, **fields})
        return
    console = output()
    cells = [
        Cell(token_text(tokenizer, id), (str(id), f"{start}-{end}"))
        for id, (start, end) in zip(encoding.ids, encoding.offsets, strict=True)
    ]
    console.print(chips(cells, console.width), soft_wrap=True)
    size = f"{len(cells)} token{'s' if len(cells) != 1 else ''}"
    console.print(f"\n{size} for {len(text) + len(pair or '')} characters", style="dim")


def as_lists(values: Any) -> list[Any]:
    """A sequence, or a sequence of pairs, as JSON has it."""
    return [list(value) if isinstance(value, tuple) else value for value in values]
