"""The filters of chat templates: Jinja2's, each paid for before it works."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from types import GeneratorType
from typing import Any

from jinja2 import Environment, Undefined, pass_environment
from jinja2.filters import do_format, do_indent, do_round, do_unique, make_attrgetter

from quatrain.tokenizer.chat import limits
from quatrain.tokenizer.chat.rendered import Rendered, join

_FILTERS = (
    *("abs", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float"),
    *("format", "groupby", "indent", "int", "items", "join", "last", "length", "list", "lower"),
    *("map", "max", "min", "reject", "rejectattr", "replace", "reverse", "round", "safe"),
    *("select", "selectattr", "sort", "string", "sum", "title", "trim", "truncate", "unique"),
    *("upper", "wordcount"),
)


#: Filters that do not look into what they are given, or pay for it themselves.
_SHALLOW = {
    *("count", "d", "default", "first", "items", "join", "last", "length", "list", "map"),
    *("reject", "rejectattr", "reverse", "safe", "select", "selectattr", "tojson"),
}

#: Filters that read generators at once: what is lazy is compared unpaid, and nests unbounded.
_READING = {
    *("groupby", "map", "max", "min", "reject", "rejectattr", "select", "selectattr", "sort"),
    *("sum", "unique"),
}


def charged_filters(known: Mapping[str, Any]) -> dict[str, Any]:
    """The filters that templates may use; ``known`` are Jinja2's."""
    filters = {name: known[name] for name in _FILTERS} | _OWN_FILTERS
    return {
        name: _charged(function, name not in _SHALLOW, name in _READING)
        for name, function in filters.items()
    }


def charged_tests(known: Mapping[str, Any]) -> dict[str, Any]:
    """The tests that templates may use; ``known`` are Jinja2's."""
    tests = {**known, "in": _is_in}
    return {name: _charged(function, True, False) for name, function in tests.items()}


def _charged(function: Callable[..., Any], walks: bool, reads: bool) -> Callable[..., Any]:
    """A function that is paid for: whether it walks through values, and reads generators."""

    @wraps(function)
    def charged(*args: Any, **kwargs: Any) -> Any:
        limits.spend(limits.NODE)
        if reads:
            args = tuple(list(arg) if isinstance(arg, GeneratorType) else arg for arg in args)
        for value in (*args, *kwargs.values()):
            if walks:
                limits.spend_on(value)
            elif isinstance(value, (str, list, tuple, dict)):
                limits.made(value)
        result = function(*args, **kwargs)
        if isinstance(result, Iterator):
            return limits.counted(result)
        return limits.made(result)

    return charged


@pass_environment
def _join(
    environment: Environment, value: Iterable[Any], d: Any = "", attribute: Any = None
) -> Rendered:
    if attribute is not None:
        value = map(make_attrgetter(environment, attribute), value)
    pieces = [limits.made(_text(item)) for item in limits.counted(value)]
    limits.spend(len(pieces) * len(_text(d)))
    return join(pieces, _text(d))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(limits.spend_on(value))


def _replace(s: Any, old: Any, new: Any, count: int | None = None) -> str:
    text, old, new = _text(s), _text(old), _text(new)
    limits.spend(text.count(old) * len(new))
    return text.replace(old, new, -1 if count is None else count)


def _indent(s: Any, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    text = _text(s)
    limits.spend(len(text.splitlines()) * (width if isinstance(width, int) else len(width)))
    return str(do_indent(text, width, first, blank))


def _round(value: float, precision: int = 0, method: Any = "common") -> float:
    if abs(precision) > 300:
        raise limits.LimitError(f"round to {precision} digits is not supported")
    return do_round(value, precision, method)


def _format(form: Any, *args: Any, **kwargs: Any) -> str:
    limits.spend_on_format(form, [args, kwargs])
    return do_format(form, *args, **kwargs)


def _is_in(value: Any, values: Any) -> bool:
    return limits.key(value) in values


@pass_environment
def _sum(
    environment: Environment, iterable: Iterable[Any], attribute: Any = None, start: Any = 0
) -> Any:
    if attribute is not None:
        iterable = map(make_attrgetter(environment, attribute), iterable)
    numbers = list(iterable)
    for number in (start, *numbers):
        if not isinstance(number, (int, float, Undefined)):
            raise limits.LimitError("a sum of what is not a number is not supported")
    return sum(numbers, start)


@pass_environment
def _unique(
    environment: Environment,
    value: Iterable[Any],
    case_sensitive: bool = False,
    attribute: Any = None,
) -> Iterator[Any]:
    items = list(value)
    for item in map(make_attrgetter(environment, attribute), items):
        limits.key(item)
    return do_unique(environment, items, case_sensitive, attribute)


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | str | None = None,
    separators: Any = None,
    sort_keys: bool = False,
) -> str:
    limits.spend_on(value)
    if indent is None:
        return json.dumps(
            value, ensure_ascii=ensure_ascii, separators=separators, sort_keys=sort_keys
        )
    if (indent if isinstance(indent, int) else len(indent)) > 64:
        raise limits.LimitError(f"indent {indent!r:.20} is not supported")
    # In pieces: deep values are mostly indentation.
    encoder = json.JSONEncoder(
        ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )
    return "".join(limits.made(piece) for piece in encoder.iterencode(value))


_OWN_FILTERS: dict[str, Callable[..., Any]] = {
    "format": _format,
    "indent": _indent,
    "join": _join,
    "replace": _replace,
    "round": _round,
    "sum": _sum,
    "tojson": _tojson,
    "unique": _unique,
}
