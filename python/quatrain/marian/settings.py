"""The YAML that marian writes: names, each with a plain value or a list of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from quatrain.errors import ConfigError

QUOTED = r'"(?:[^"\\]|\\.)*"|' + "'(?:[^']|'')*'"
#: A name and what follows it. A quoted one may hold anything, a plain one ends at the last colon.
ENTRY = re.compile(rf"({QUOTED}|[^\s\"'].*?)\s*:(?:\s+(.*))?")
LITERALS = {"true": True, "false": False, "null": None, "~": None, "": None}


def parse(text: str, where: str) -> dict[str, Any]:
    """The values by name. Raises ConfigError for other YAML, naming ``where`` and the line."""
    found: dict[str, Any] = {}
    name = ""
    for number, line in lines(text):
        try:
            if line.startswith("- ") and name:
                # The list of the last name, which had no value beside it.
                found[name] = [*(found[name] or []), scalar(line[2:].strip())]
            else:
                name, found_value = entry(line)
                found[name] = value(found_value)
        except ValueError as e:
            raise ConfigError(f"{where}: line {number}: {e}") from None
    return found


def lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, with their numbers."""
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip("\r \t")
        if stripped and not stripped.startswith("#") and stripped not in ("---", "..."):
            yield number, stripped


def entry(line: str) -> tuple[str, str]:
    """A line's name and the text of its value. Raises ValueError."""
    match = ENTRY.fullmatch(line)
    if match is None:
        raise ValueError(f"expected a name, a colon and a value, found {line[:60]!r}")
    return unquoted(match[1]), match[2] or ""


def value(text: str) -> Any:
    """A plain value, or the list of them between brackets."""
    if text.startswith("[") and text.endswith("]"):
        return [scalar(part.strip()) for part in text[1:-1].split(",") if part.strip()]
    return scalar(text)


def scalar(text: str) -> Any:
    """A truth value, nothing, a number, or a string. Raises ValueError for a map or a list."""
    if text.startswith(("[", "{", "&", "*", "|", ">", "!")):
        raise ValueError(f"expected a plain value, found {text[:60]!r}")
    if text in LITERALS:
        return LITERALS[text]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return unquoted(text)


def unquoted(text: str) -> str:
    """A string without its quotes. Raises ValueError for an escape that JSON does not know."""
    if text[:1] == "'" and text[-1:] == "'" and len(text) > 1:
        return text[1:-1].replace("''", "'")
    if text[:1] == '"':
        return str(json.loads(re.sub(r"\\x(..)", r"\\u00\1", text), strict=False))
    return text
