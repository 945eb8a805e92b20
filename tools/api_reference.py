"""Write ``docs/api.md`` from the docstrings of the public surface.

    python tools/api_reference.py            # writes it
    python tools/api_reference.py --check    # exits 1 if what is there is out of date

A docstring is the only place where a function is described; this is its printer.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import quatrain
from quatrain import errors
from quatrain.ops import layout_reading, primitives, rowwise
from quatrain.tasks.generate import Beam, Likelihood
from quatrain.tasks.settings import Settings
from quatrain.tokenizer import Chat

PAGE = Path(__file__).parents[1] / "docs" / "api.md"
COLUMNS = 88
#: Parts of the page: title -> what it shows, in the order in which one meets them.
PARTS: dict[str, list[Any]] = {
    "Models": [quatrain.load, quatrain.Model],
    "Generation": [Settings, quatrain.Generation, Likelihood, Beam],
    "Tokenizers": [quatrain.Tokenizer, quatrain.Encoding, Chat],
    "Looking inside": [quatrain.Trace, quatrain.diff, quatrain.Diff],
    "Export and verify": [quatrain.export, quatrain.verify, quatrain.Report],
}
TIERS = {
    "Primitives": (primitives, primitives.Primitives),
    "Row-wise": (rowwise, rowwise.RowWise),
    "Layout-reading": (layout_reading, layout_reading.LayoutReading),
}
HEAD = """\
# API reference

Made from the docstrings by `tools/api_reference.py`; change those, not this page.

`import quatrain` gives every name of the first five parts but `Settings`, `Likelihood` and `Beam`,
whose fields are what `generate` takes and gives, and `Chat`, which `apply_chat_template` gives.
Wherever a text goes in, a sequence of token ids may go in too.
"""


class Verbatim:
    """An annotation or default that prints as it was written."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def signature(name: str, function: Callable[..., Any], *, bound: bool = False) -> str:
    """``name(parameters) -> result``, over several lines where one is too long."""
    found = inspect.signature(function)
    parameters = [
        p.replace(
            annotation=p.empty if p.annotation is p.empty else written(p.annotation),
            default=Verbatim("...") if "factory" in repr(p.default) else p.default,
        )
        for p in list(found.parameters.values())[bound:]
    ]
    result = found.return_annotation
    result = found.empty if result in (found.empty, None, "None") else written(result)
    line = name + str(found.replace(parameters=parameters, return_annotation=result))
    if len(line) <= COLUMNS:
        return line
    kinds = [p.kind for p in parameters]
    parts = []
    for i, p in enumerate(parameters):
        if p.kind is p.KEYWORD_ONLY and p.KEYWORD_ONLY not in kinds[:i]:
            parts.append("*")
        parts.append(str(p))
    end = "" if result is found.empty else f" -> {result!r}"
    return f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){end}"


def written(annotation: Any) -> Verbatim:
    """An annotation as its source has it (a string, under postponed evaluation)."""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return Verbatim(text)


def prose(thing: Any) -> str:
    """A docstring as Markdown: its ``Args:`` and ``Raises:`` blocks become lists."""
    lines = (inspect.getdoc(thing) or "").splitlines()
    out: list[str] = []
    inside = False
    for line in lines:
        if re.fullmatch(r"[A-Z][a-z]+:", line):
            inside = True
            out += [f"*{line}*", ""]
        elif inside and (entry := re.fullmatch(r"    (\w+(?:, \w+)*): (.*)", line)):
            names = ", ".join(f"`{name}`" for name in entry[1].split(", "))
            out.append(f"- {names}: {entry[2]}")
        elif inside and line.startswith("        "):
            out.append("  " + line.strip())
        else:
            inside = inside and not line
            out.append(line)
    return "\n".join(out).strip()


def code(text: str) -> str:
    return f"```python\n{text}\n```"


def public(cls: type) -> Iterator[tuple[str, Any]]:
    """What a class defines itself for others, in the order of its source."""
    for name, value in vars(cls).items():
        if not name.startswith("_"):
            yield name, value


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """What a class and the bases that are not described themselves define for others."""
    for base in cls.__mro__:
        if base.__module__.startswith("quatrain"):
            yield from public(base)


def describe(thing: Any) -> Iterator[str]:
    """A function, or a class with its members."""
    yield f"### {thing.__name__}"
    if not inspect.isclass(thing):
        yield code(signature(thing.__name__, thing))
        yield prose(thing)
        return
    # A class that says nothing about how to make it is made by other functions.
    made = dataclasses.is_dataclass(thing) or vars(thing).get("__init__").__doc__
    if made:
        yield code(signature(thing.__name__, thing))
    yield prose(thing)
    if made and not dataclasses.is_dataclass(thing):
        yield prose(thing.__init__)
    fields = {field.name for field in dataclasses.fields(thing)} if made_of_fields(thing) else set()
    for name, value in members(thing):
        if name in fields:
            continue
        function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        if isinstance(value, property):
            result = inspect.signature(value.fget).return_annotation
            yield f"#### {thing.__name__}.{name}"
            yield code(f"{name}: {written(result)!r}")
            yield prose(value)
        elif inspect.isfunction(function):
            bound = not isinstance(value, staticmethod)
            yield f"#### {thing.__name__}.{name}"
            yield code(signature(name, function, bound=bound))
            yield prose(function)


def made_of_fields(cls: type) -> bool:
    return dataclasses.is_dataclass(cls)


def page() -> str:
    blocks = [HEAD.strip()]
    titles = [*PARTS, "Errors", "Operations"]
    blocks.append("\n".join(f"- [{t}](#{t.lower().replace(' ', '-')})" for t in titles))
    for title, things in PARTS.items():
        blocks.append(f"## {title}")
        for thing in things:
            blocks += describe(thing)
    blocks += ["## Errors", prose(errors), error_tree(errors.QuatrainError)]
    blocks += ["## Operations", prose(sys.modules["quatrain.ops"])]
    for title, (module, cls) in TIERS.items():
        blocks += [f"### {title}", prose(module)]
        for name, value in public(cls):
            if hasattr(value, "kind"):
                blocks += [f"#### {name}", code(signature(f"op.{name}", value, bound=True))]
                blocks.append(prose(value))
    return "\n\n".join(block for block in blocks if block) + "\n"


def error_tree(cls: type, depth: int = 0) -> str:
    """The exceptions below ``cls`` as nested list items."""
    lines = ["  " * depth + f"- `{cls.__name__}`: {' '.join(prose(cls).split())}"]
    for below in cls.__subclasses__():
        if below.__module__ == errors.__name__:
            lines.append(error_tree(below, depth + 1))
    return "\n".join(lines)


def main() -> int:
    text = page()
    if "--check" in sys.argv[1:]:
        if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
            print(f"{PAGE.name} is out of date: run python tools/api_reference.py", file=sys.stderr)
            return 1
        return 0
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
