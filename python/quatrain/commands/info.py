"""``quatrain info``: what a model is, and what it can run on here."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Annotated, Any

import typer
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from quatrain.commands.arguments import CacheDtypeOption, DtypeOption, JsonOption, ModelArgument
from quatrain.commands.terminal import BAD, file_table, output, print_json, sizes
from quatrain.engines import available, make_engine
from quatrain.files import read_json
from quatrain.folder import DEFAULT, Folder
from quatrain.hub import resolve
from quatrain.loader import opened, outline, unbound
from quatrain.models import Network
from quatrain.packed import FORMAT, PackedFile
from quatrain.tasks.memory import forecast, resident
from quatrain.tokenizer.of_model import tokenizer_of
from quatrain.tokenizer.opening import format_in
from quatrain.weights import Tensors

PANEL = "Look inside"
#: A size's name here -> its names in the families' configs.
SIZES = {
    "layers": ("num_hidden_layers", "n_layer", "num_layers", "n_layers", "encoder_layers"),
    "width": ("hidden_size", "n_embd", "d_model", "dim"),
    "heads": ("num_attention_heads", "n_head", "num_heads", "n_heads", "encoder_attention_heads"),
}


PlanOption = Annotated[bool, typer.Option("--plan", help="Say what memory it will take.")]
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

    Prints the family, format, sizes, parameters, dtype, context, vocabulary, tokenizer and files,
    without loading the weights. With [bold]--json[/bold]: the same, with the whole config. With
    [bold]--plan[/bold]: the memory too that the native engine will take for so many texts of so
    many tokens, at its peak, with the weights in [bold]--dtype[/bold] and the keys and values of a
    generation in [bold]--cache-dtype[/bold]; the weights are not loaded for that either.
    """
    folder = opened(DEFAULT if model is None else resolve(model))
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
    for name in ("model", "family", "format"):
        table.add_row(name, facts[name])
    for name in ("parameters", *SIZES, "context", "vocabulary"):
        value = facts[name]
        table.add_row(name, "-" if value is None else f"{value:,}")
    if facts["left out"]:
        table.add_row("left out", ", ".join(facts["left out"]))
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
    """What there is to know of a model without loading its weights."""
    net, checkpoint = unbound(folder)
    packed = PackedFile.of(checkpoint)
    used = weights_used(net, checkpoint, packed)
    config = dataclasses.asdict(net.config)
    return {
        "model": str(folder.path),
        "family": folder.config["model_type"],
        "format": FORMAT if packed else checkpoint.format,
        "parameters": sum(map(math.prod, used.values())),
        **{name: first_of(config, keys) for name, keys in SIZES.items()},
        "context": net.context,
        "vocabulary": net.vocab_size,
        "left out": left_out(net, checkpoint),
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
    """Bytes that work takes on the native engine, whose weights are not loaded for that.

    ``library``: what a process takes without them, with its tokenizer.
    """
    engine = make_engine("native", None, dtype, cache_dtype)
    network = outline(folder, engine)
    where = folder.vocabulary
    tokenizer = where and tokenizer_of(where, folder.config)  # held until its memory is known
    found = {"library": resident()}
    del tokenizer
    found |= forecast(network, engine, batch=batch, tokens=tokens)
    return found | {"peak": sum(found.values())}


def weights_used(
    net: Network, checkpoint: Tensors, packed: PackedFile | None
) -> dict[str, tuple[int, ...]]:
    """The checkpoint's weights that the network takes, and their shapes; tied ones count once.

    What could be computed as well counts for none.
    """
    stored = {net.key(name): name for name in checkpoint.names()}
    if packed:
        stored |= {key: key for key in packed.shapes}
    used = {
        param: (stored[key], param.shape)
        for key, param, *_ in net.params()
        if key in stored and param.default is None
    }
    return dict(used.values())


def left_out(net: Network, checkpoint: Tensors) -> list[str]:
    """The heads, and what else the files have beside the part that is run."""
    keys = map(net.key, checkpoint.names())
    beside = [key for key in keys if any(re.fullmatch(one, key) for one in net.beside)]
    return sorted({key.partition(".")[0] for key in beside})


def first_of(config: dict[str, Any], keys: tuple[str, ...]) -> int | None:
    """The value of the first of ``keys`` that the config has."""
    return next((config[key] for key in keys if key in config), None)


def tokenizer_kind(folder: Folder) -> str | None:
    """The algorithm that ``tokenizer.json`` names (BPE, WordPiece), or another file's format."""
    if folder.vocabulary is None:
        return None
    if folder.vocabulary.is_file():
        return "GGUF"
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
