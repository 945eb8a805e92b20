"""What the commands print with: consoles, colours, JSON, files and tokens."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

# Middle tones, readable on a dark and on a light background.
ACCENT, GOOD, BAD = "#3a86c8", "#2e9e5b", "#d1495b"
#: Backgrounds of tokens, in turn; the text on them is always dark.
CHIPS = ("#fde2b3", "#c9e4ca", "#bcd9f2", "#e3cdf4", "#f8c8cf", "#bfe6e2")
CHIP_TEXT = "#1b1b1b"
#: How white space inside a token is shown.
VISIBLE = str.maketrans({" ": "·", "\n": "↵", "\t": "→", "\r": "↵"})


def output() -> Console:
    """The console of standard output. Colours only where it is a terminal; texts as they are."""
    return Console(highlight=False, markup=False, emoji=False)


def messages() -> Console:
    """The console of standard error: for what is not the result."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def print_error(message: str) -> None:
    """One line on standard error, whatever its width."""
    line = Text.assemble(("error: ", f"bold {BAD}"), " ".join(message.splitlines()))
    messages().print(line, soft_wrap=True)


def print_json(value: Any) -> None:
    """A JSON value on one line of standard output. Strict JSON: NaN and Infinity are refused."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")


class Cell(NamedTuple):
    """A token as it is shown: its text, and what is written below it."""

    text: str
    notes: tuple[str, ...]


def token_text(tokenizer: Any, id: int) -> str:
    """A token's text with white space visible; what cannot be shown by its number, as ``<e4>``."""
    data = tokenizer.token_bytes(id)
    try:
        text = data.decode("utf-8").translate(VISIBLE)
    except UnicodeDecodeError:
        return "".join(f"<{byte:02x}>" for byte in data)
    return "".join(letter if letter.isprintable() else f"<{ord(letter):02x}>" for letter in text)


def chip(text: str, index: int) -> Text:
    """A token on its coloured ground."""
    return Text(text, style=f"{CHIP_TEXT} on {CHIPS[index % len(CHIPS)]}")


def chips(cells: Sequence[Cell], width: int) -> Text:
    """Tokens side by side with their notes below, in as many rows as ``width`` asks for."""
    rows: list[list[tuple[Text, list[str]]]] = [[]]
    left = width
    for index, cell in enumerate(cells):
        size = max(cell_len(part) for part in (cell.text, *cell.notes))
        if rows[-1] and size > left:
            rows.append([])
            left = width
        notes = [centred(note, size) for note in cell.notes]
        rows[-1].append((chip(centred(cell.text, size), index), notes))
        left -= size + 1
    return Text("\n\n").join(chip_row(row) for row in rows if row)


def chip_row(row: Sequence[tuple[Text, list[str]]]) -> Text:
    """One row of tokens, and the lines of their notes."""
    notes = zip(*(notes for _, notes in row), strict=True)
    below = (Text(" ".join(line), style="dim") for line in notes)
    return Text("\n").join([Text(" ").join(token for token, _ in row), *below])


def centred(text: str, width: int) -> str:
    """``text`` in the middle of ``width`` terminal cells."""
    room = width - cell_len(text)
    return " " * (room // 2) + text + " " * (room - room // 2)


def sizes(folder: Path) -> dict[str, int]:
    """The files below a folder, or a file itself, and their sizes in bytes."""
    if folder.is_file():
        return {folder.name: folder.stat().st_size}
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}


def file_table(folder: Path) -> Table:
    """The files below a folder, with their sizes."""
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right", style="dim", no_wrap=True)
    for name, size in sizes(folder).items():
        table.add_row(name, decimal(size))
    return table
