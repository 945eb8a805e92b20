"""Jinja2's sandbox, made to keep count of work and of who wrote which character.

Templates are compiled with nothing evaluated in advance; their constants become the template's own
strings; loops, macros and operations report to `limits`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from types import BuiltinMethodType
from typing import Any, NoReturn

from jinja2 import Template, nodes, pass_context
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from quatrain.tokenizer.chat import limits
from quatrain.tokenizer.chat.filters import charged_filters, charged_tests
from quatrain.tokenizer.chat.rendered import Rendered, by_template, content_of, join
from quatrain.tokenizer.chat.view import View

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
_VIEWS = {"items", "keys", "values"}
_COMPARING = {"count", "index"}
_LONGEST_SOURCE = 2**20
# Filters for the compiled template alone: no template can spell these names.
_COUNTED, _MEASURED, _MADE, _KEY, _SPEND = " counted", " measured", " made", " key", " spend"


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
        self.filters = charged_filters(self.filters)
        self.filters[_COUNTED] = limits.counted
        self.filters[_MEASURED] = limits.spend_on
        self.filters[_MADE] = limits.made
        self.filters[_KEY] = limits.key
        self.filters[_SPEND] = lambda cost: limits.spend(limits.NODE * cost)
        self.tests = charged_tests(self.tests)
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
        owner: Any = getattr(__obj, "__self__", None)
        name = getattr(__obj, "__name__", "")
        if isinstance(__obj, BuiltinMethodType) or isinstance(owner, Rendered):
            if name not in next((n for t, n in _METHODS.items() if isinstance(owner, t)), ()):
                raise SecurityError(f"{type(owner).__name__}.{name} is not supported")
            if name == "get" and args:
                limits.key(args[0])
            limits.spend_on([args, kwargs])
            if isinstance(owner, str):
                args = _foreseen(owner, name, args)
            elif name in _VIEWS and not args and not kwargs:
                return limits.made(View(name, owner))
            elif name in _COMPARING:
                limits.spend_on(owner)
            return limits.made(super().call(__context, __obj, *args, **kwargs))
        if isinstance(owner, LoopContext):  # loop.changed compares
            limits.spend_on([args, kwargs])
        return super().call(__context, __obj, *args, **kwargs)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return super().getitem(obj, limits.key(argument))

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        found = super().wrap_str_format(value)
        if found is None:
            return None
        plain = found

        def checked(*args: Any, **kwargs: Any) -> str:
            limits.spend_on_format(value.__self__, [args, kwargs])
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
        left: Any = node
        for operand in node.ops:
            if operand.op in ("in", "notin"):
                left.expr = _filtered(left.expr, _KEY)
            left = operand
        node.expr = _filtered(node.expr, _MEASURED)
        for operand in node.ops:
            operand.expr = _filtered(operand.expr, _MEASURED)
        return node

    def visit_Pair(self, node: nodes.Pair) -> nodes.Pair:
        self.generic_visit(node)
        node.key = _filtered(node.key, _KEY)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:
        self.generic_visit(node)
        return _filtered(node, _MADE) if isinstance(node.arg, nodes.Slice) else node


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
        fields = _dict(*values, **kwargs)
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


def _raise(message: Any) -> NoReturn:
    raise TemplateError(str(limits.spend_on(message)))


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
    if args and not isinstance(args[0], dict):
        pairs = [tuple(limits.counted(pair)) for pair in limits.counted(args[0])]
        for pair in pairs:
            limits.key(pair[0] if pair else None)
        args = (pairs, *args[1:])
    return limits.made(dict(*args, **kwargs))
