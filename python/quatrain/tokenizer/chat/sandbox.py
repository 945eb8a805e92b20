"""Jinja2's sandbox, made to keep count of work and of who wrote which character.

Templates are compiled with nothing evaluated in advance; their constants become the template's own
strings; loops, macros and operations report to `limits`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import wraps
from types import BuiltinMethodType
from typing import Any, NoReturn

from jinja2 import Environment, Template, nodes, pass_context, pass_environment
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.filters import do_format, do_indent, do_round, make_attrgetter
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from quatrain.tokenizer.chat import limits
from quatrain.tokenizer.chat.rendered import Rendered, by_template, content_of, join

_FILTERS = (
    *("abs", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float"),
    *("format", "groupby", "indent", "int", "items", "join", "last", "length", "list", "lower"),
    *("map", "max", "min", "reject", "rejectattr", "replace", "reverse", "round", "safe"),
    *("select", "selectattr", "sort", "string", "sum", "title", "trim", "truncate", "unique"),
    *("upper", "wordcount"),
)
#: Methods of built-in types whose results are not much longer than what they are given.
_METHODS = {
    str: {
        *("capitalize", "casefold", "count", "endswith", "find", "index", "isalnum", "isalpha"),
        *("isascii", "isdecimal", "isdigit", "islower", "isnumeric", "isspace", "istitle"),
        *("isupper", "join", "lower", "lstrip", "partition", "removeprefix", "removesuffix"),
        *("replace", "rfind", "rindex", "rpartition", "rsplit", "rstrip", "split", "splitlines"),
        *("startswith", "strip", "swapcase", "title", "upper"),
    },
    list: {"copy", "count", "index"},
    tuple: {"count", "index"},
    dict: {"copy", "get", "items", "keys", "values"},
}
#: Filters that compare or print what they are given, however deep it is.
_WALKING = {"groupby", "max", "min", "sort", "string", "sum", "unique", "wordcount"}
_LONGEST_SOURCE = 2**20
# Filters for the compiled template alone: no template can spell these names.
_COUNTED, _MEASURED, _SPEND = " counted", " measured", " spend"


class Sandbox(ImmutableSandboxedEnvironment):
    """Where chat templates run."""

    intercepted_binops = frozenset(("+", "*", "**", "%"))
    concat = staticmethod(lambda pieces: _collect(pieces))

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,
            finalize=_finalize,
            extensions=[_Generation, loopcontrols],
        )
        self.binop_table.update(
            {"*": limits.multiply, "**": limits.power, "%": limits.remainder, "+": _add}
        )
        filters = {name: self.filters[name] for name in _FILTERS} | _OWN_FILTERS
        self.filters = {name: _charged(name, function) for name, function in filters.items()}
        self.filters[_COUNTED] = limits.counted
        self.filters[_MEASURED] = limits.spend_on
        self.filters[_SPEND] = lambda cost: limits.spend(limits.NODE * cost)
        tests: dict[str, Any] = dict(self.tests)
        self.tests = {name: _charged("sort", test) for name, test in tests.items()}
        for unused in ("lipsum", "cycler", "joiner"):
            del self.globals[unused]
        self.globals |= {
            "dict": _dict,
            "namespace": _Variables,
            "raise_exception": _raise,
            "range": _range,
            "strftime_now": _strftime_now,
        }

    def from_source(self, source: str) -> Template:
        """A compiled template. Raises TemplateError or another Exception for a bad one."""
        if len(source) > _LONGEST_SOURCE:
            raise limits.LimitError(f"{len(source)} characters, expected {_LONGEST_SOURCE} at most")
        return self.from_string(_Metered().visit(self.parse(source)))

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        limits.spend(limits.NODE)
        owner, name = getattr(__obj, "__self__", None), getattr(__obj, "__name__", "")
        if isinstance(__obj, BuiltinMethodType) or isinstance(owner, Rendered):
            if name not in next((n for t, n in _METHODS.items() if isinstance(owner, t)), ()):
                raise SecurityError(f"{type(owner).__name__}.{name} is not supported")
            if isinstance(owner, str):
                args = _foreseen(owner, name, args)
            return limits.made(super().call(__context, __obj, *args, **kwargs))
        return super().call(__context, __obj, *args, **kwargs)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        found = super().wrap_str_format(value)
        if found is None:
            return None
        plain = found

        def checked(*args: Any, **kwargs: Any) -> str:
            limits.check_format(value.__self__)
            limits.spend_on([args, kwargs])
            return str(limits.made(plain(*args, **kwargs)))

        return checked

    by_template = staticmethod(by_template)

    @staticmethod
    def tilde(values: Iterable[Any]) -> Rendered:
        """What ``a ~ b`` gives."""
        return _collect(v if isinstance(v, str) else str(limits.spend_on(v)) for v in values)


class _Generator(CodeGenerator):
    """Writes constants as strings of the template's own."""

    def visit_Const(self, node: nodes.Const, frame: Frame) -> None:
        if isinstance(node.value, str):
            self.write(f"environment.by_template({node.value!r})")
        else:
            super().visit_Const(node, frame)

    def visit_TemplateData(self, node: nodes.TemplateData, frame: Frame) -> None:
        self.write(f"environment.by_template({node.data!r})")

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        self.write("environment.tilde((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")

    def _output_const_repr(self, group: Iterable[Any]) -> str:
        return f"environment.by_template({''.join(group)!r})"


Sandbox.code_generator_class = _Generator


class _Metered(NodeTransformer):
    """Makes a template pay for what it repeats: the size of a body, whenever it is run."""

    def visit_For(self, node: nodes.For) -> nodes.For:
        if node.recursive and node.test is not None:
            raise limits.LimitError("a recursive loop with a condition is not supported")
        cost = 1 if node.test is None else 1 + _size([node.test])
        _pay(node)
        self.generic_visit(node)
        node.iter = _filtered(node.iter, _COUNTED, nodes.Const(cost))
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:
        _pay(node)
        return self.generic_visit(node)

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:
        _pay(node)
        return self.generic_visit(node)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Compare:
        self.generic_visit(node)
        node.expr = _filtered(node.expr, _MEASURED)
        for operand in node.ops:
            operand.expr = _filtered(operand.expr, _MEASURED)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:
        self.generic_visit(node)
        return _filtered(node, _MEASURED) if isinstance(node.arg, nodes.Slice) else node


def _pay(node: nodes.For | nodes.Macro | nodes.CallBlock) -> None:
    price = nodes.Const(_size(node.body), lineno=node.lineno)
    node.body.insert(0, nodes.ExprStmt(_filtered(price, _SPEND), lineno=node.lineno))


def _size(body: list[nodes.Node]) -> int:
    return sum(1 + sum(1 for _ in node.find_all(nodes.Node)) for node in body)


def _filtered(node: nodes.Node, name: str, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(
        node, name, list(args), [], None, None, lineno=node.lineno, environment=node.environment
    )


class _Generation(Extension):
    """``{% generation %}``, which marks what the model says: it is rendered like the rest."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)


class _Variables(Namespace):
    """``namespace(...)``, without names that reach Python's internals."""

    def __init__(*args: Any, **kwargs: Any) -> None:
        self, *values = args
        fields = dict(*values, **kwargs)
        for name in fields:
            _check_name(name)
        Namespace.__init__(self, fields)

    def __setitem__(self, name: str, value: Any) -> None:
        _check_name(name)
        super().__setitem__(name, value)


def _check_name(name: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"a namespace cannot hold {name!r}")


def _collect(pieces: Iterable[str]) -> Rendered:
    return join(limits.made(piece) for piece in limits.counted(pieces))


@pass_context
def _finalize(context: Context, value: Any) -> Any:
    return value if isinstance(value, str) else limits.spend_on(value)


def _foreseen(owner: str, name: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments of a string's method, its result paid for before it is made."""
    limits.spend(len(owner))
    if name == "join" and args:
        pieces = [limits.made(piece) for piece in limits.counted(args[0])]
        limits.spend(len(owner) * len(pieces))
        return (pieces, *args[1:])
    if name == "replace" and len(args) > 1 and isinstance(args[0], str):
        limits.spend(owner.count(args[0]) * len(args[1]))
    return args


def _add(left: Any, right: Any) -> Any:
    if hasattr(left, "__len__") and hasattr(right, "__len__"):
        limits.spend(len(left) + len(right))
    return left + right


def _charged(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    walks = name in _WALKING

    @wraps(function)
    def charged(*args: Any, **kwargs: Any) -> Any:
        limits.spend(limits.NODE)
        for value in (*args, *kwargs.values()):
            if isinstance(value, (str, list, tuple, dict)):
                _ = limits.spend_on(value) if walks else limits.made(value)
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
    limits.check_format(form)
    return do_format(form, *args, **kwargs)


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


def _raise(message: Any) -> NoReturn:
    raise TemplateError(str(message))


def _strftime_now(form: str) -> str:
    limits.check_format(form)
    text = datetime.now().strftime(form)
    is_own = isinstance(form, Rendered) and not content_of(form)
    return by_template(text) if is_own else text


def _range(*args: int) -> range:
    found = range(*args)
    limits.spend(limits.NODE * len(found))
    return found


def _dict(*args: Any, **kwargs: Any) -> dict[Any, Any]:
    return limits.made(dict(*args, **kwargs))


_OWN_FILTERS: dict[str, Callable[..., Any]] = {
    "format": _format,
    "indent": _indent,
    "join": _join,
    "replace": _replace,
    "round": _round,
    "tojson": _tojson,
}
