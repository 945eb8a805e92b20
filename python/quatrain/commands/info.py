"""``quatrain info``: what a model is, and what it can run on here."""

from __future__ import annotations

import dataclasses
import math
from typing import Annotated, Any

import typer
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from quatrain.commands.arguments import CacheDtypeOption, DtypeOption, JsonOption, ModelArgument
from quatrain.commands.terminal import BAD, file_table, output, print_json, sizes
from quatrain.engines import available
from quatrain.files import read_json
from quatrain.folder import DEFAULT, Folder
from quatrain.hub import resolve
from quatrain.loader import load, network_of
from quatrain.models import Network
from quatrain.packed import PackedFile
from quatrain.tasks.memory import forecast, peak, resident
from quatrain.tokenizer.opening import format_in
from quatrain.weights import Tensors, strip

PANEL = "Look inside"
#: A size's name here -> its names in the families' configs.
SIZES = {
    "layers": ("num_hidden_layers", "n_layer", "num_layers", "n_layers"),
    "width": ("hidden_size", "n_embd", "d_model", "dim"),
    "heads": ("num_attention_heads", "n_head", "num_heads", "n_heads"),
}


PlanOption = Annotated[bool, typer.Option("--plan", help="Load it, and say what memory it takes.")]
BatchOption = Annotated[int, typer.Option(min=1, help="With --plan: texts at once.")]
TokensOption = Annotated[int, typer.Option(min=1, help="With --plan: tokens of each.")]


def info(
    model: ModelArgument = None,
    plan: PlanOption = False,
    batch: BatchOption = 1,
    tokens: TokensOption = 128,
    dtype: DtypeOption = None,
    cache_dtype: CacheDtypeOption = None,
    json: JsonOption = False,
) -> None:
    """Show what a model is, what its folder holds, and which engines run here.

    [dim]Example:[/dim]  quatrain info ./all-MiniLM-L6-v2

    Prints the family, sizes, parameters, dtype, context, vocabulary, tokenizer and files, without
    loading the weights. With [bold]--json[/bold]: the same, with the whole config. With
    [bold]--plan[/bold] the weights are loaded, and the memory is said that the native engine takes
    for so many texts of so many tokens, at its peak, with the weights in [bold]--dtype[/bold] and
    the keys and values of a generation in [bold]--cache-dtype[/bold].
    """
    folder = Folder(DEFAULT if model is None else resolve(model))
    # First: what is loaded to describe a folder would count.
    taken = {"memory": memory(folder, batch, tokens, dtype, cache_dtype)} if plan else {}
    facts = describe(folder) | taken
    if json:
        print_json(facts)
        return
    console = output()
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name in ("model", "family"):
        table.add_row(name, facts[name])
    for name in ("parameters", *SIZES, "context", "vocabulary"):
        value = facts[name]
        table.add_row(name, "-" if value is None else f"{value:,}")
    table.add_row("dtype", ", ".join(facts["dtypes"]))
    table.add_row("tokenizer", facts["tokenizer"] or "none")
    for name, state in facts["engines"].items():
        table.add_row(name, engine_line(state))
    for name, size in facts.get("memory", {}).items():
        table.add_row(f"memory: {name}", decimal(size))
    table.add_row("files", decimal(sum(facts["files"].values())))
    table.add_row("", file_table(folder.path))
    console.print(table)


def describe(folder: Folder) -> dict[str, Any]:
    """What there is to know of a folder without loading its weights."""
    net = network_of(folder)
    checkpoint = folder.checkpoint()
    packed = PackedFile.of(checkpoint)
    used = weights_used(net, checkpoint, packed)
    config = dataclasses.asdict(net.config)
    return {
        "model": str(folder.path),
        "family": folder.config["model_type"],
        "parameters": sum(map(math.prod, used.values())),
        **{name: first_of(config, keys) for name, keys in SIZES.items()},
        "context": net.context,
        "vocabulary": net.vocab_size,
        "dtypes": sorted(set(packed.dtypes.values()))
        if packed
        else sorted({checkpoint.dtype(key) for key in used}),
        "tokenizer": tokenizer_kind(folder),
        "engines": available(),
        "files": sizes(folder.path),
        "config": config,
    }


def memory(
    folder: Folder,
    batch: int,
    tokens: int,
    dtype: str | None = None,
    cache_dtype: str | None = None,
) -> dict[str, int]:
    """Bytes that work takes on the native engine; ``library`` is what this process takes."""
    library = resident()
    model = load(folder.path, dtype=dtype, cache_dtype=cache_dtype)
    found = {"library": library} | forecast(model, batch=batch, tokens=tokens)
    return found | {"peak": max(sum(found.values()), peak())}


def weights_used(
    net: Network, checkpoint: Tensors, packed: PackedFile | None
) -> dict[str, tuple[int, ...]]:
    """The checkpoint's weights that the network takes, and their shapes; tied ones count once."""
    stored = {strip(name, net.prefixes): name for name in checkpoint.names()}
    if packed:
        stored |= {key: key for key in packed.shapes}
    used = {
        id(param): (stored[key], param.shape) for key, param, *_ in net.params() if key in stored
    }
    return dict(used.values())


def first_of(config: dict[str, Any], keys: tuple[str, ...]) -> int | None:
    """The value of the first of ``keys`` that the config has."""
    return next((config[key] for key in keys if key in config), None)


def tokenizer_kind(folder: Folder) -> str | None:
    """The algorithm that ``tokenizer.json`` names (BPE, WordPiece), or another file's format."""
    format = format_in(folder.path)
    if format != "tokenizer.json":
        return format
    fields = read_json(folder.path / "tokenizer.json")
    model = fields.get("model") if isinstance(fields, dict) else None
    return str(model["type"]) if isinstance(model, dict) and "type" in model else "unnamed"


def engine_line(state: dict[str, Any]) -> Text:
    """An engine in a few words."""
    if reason := state.get("unavailable"):
        return Text.assemble(("not available: ", BAD), reason)
    return Text(", ".join(f"{name} {value}" for name, value in state.items()))
