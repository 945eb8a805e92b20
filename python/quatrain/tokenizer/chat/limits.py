"""How much work one rendering may do. A template is a program, and may be a stranger's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import Any

from jinja2.exceptions import TemplateRuntimeError
from jinja2.utils import Namespace

from quatrain.tokenizer.chat.view import View, held

#: In characters made; a node of the syntax tree that is executed counts as `NODE` of them.
_BASE = 2**26
_PER_CHARACTER = 64
_PER_ITEM = 2**15
NODE = 16
_LARGEST_BITS = 4096
_WIDTH = re.compile(r"\*|\d{4}|\{[^{}]*\{")
_NUMBER = re.compile(r"\d+")

_left: ContextVar[int] = ContextVar("left")


class LimitError(TemplateRuntimeError):
    """The template does more than any chat needs."""


def start(characters: int, items: int) -> None:
    """Sets the budget of one rendering, by the size of what is rendered."""
    _left.set(_BASE + _PER_CHARACTER * characters + _PER_ITEM * items)


def spend(amount: int) -> None:
    """Raises LimitError when the budget is used up."""
    left = _left.get() - amount
    if left < 0:
        raise LimitError("the template does too much work, or makes too long a text")
    _left.set(left)


def spend_on(value: Any) -> Any:
    """Spends what it takes to walk through a value, which may hold itself many times over."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, (str, bytes)):
            spend(1 + len(item) // NODE)
        elif isinstance(item, dict):
            spend(NODE * (1 + len(item)))
            pending += [*item.keys(), *item.values()]
        elif isinstance(item, (list, tuple, set)):
            spend(NODE * (1 + len(item)))
            pending += item
        elif isinstance(item, View):
            pending.append(held(item))
        elif isinstance(item, Namespace):
            pending.append(item._Namespace__attrs)
    return value


def key(value: Any) -> Any:
    """Refuses what cannot be hashed in bounded time and depth: nothing guards a tuple's hash."""
    if isinstance(value, tuple):
        raise LimitError("a tuple as a key is not supported")
    return value


def made(value: Any) -> Any:
    """Spends what it took to make a value of parts that are paid for."""
    if hasattr(value, "__len__"):
        spend(len(value))
    return value


def counted(items: Iterable[Any], cost: int = 1) -> Iterator[Any]:
    """The items, each for the price of ``cost`` nodes."""
    for item in items:
        spend(NODE * cost)
        yield item


def multiply(left: Any, right: Any) -> Any:
    for value, times in ((left, right), (right, left)):
        if not isinstance(value, int) and hasattr(value, "__len__") and isinstance(times, int):
            spend(len(value) * max(times, 0))
    is_whole = isinstance(left, int) and isinstance(right, int)
    if is_whole and left.bit_length() + right.bit_length() > _LARGEST_BITS:
        raise LimitError("a number is too large")
    return left * right


def power(left: Any, right: Any) -> Any:
    is_whole = isinstance(left, int) and isinstance(right, int)
    if is_whole and left.bit_length() * abs(right) > _LARGEST_BITS:
        raise LimitError("a number is too large")
    return left**right


def remainder(left: Any, right: Any) -> Any:
    if isinstance(left, (str, bytes)):
        spend_on_format(left, right)
    return left % right


def check_format(form: Any) -> None:
    """Refuses widths that make long texts of short ones, and spends what the others make."""
    if not isinstance(form, str) or _WIDTH.search(form):
        raise LimitError(f"the format {str(form)[:40]!r} is not supported: it may set large widths")
    spend(sum(map(int, _NUMBER.findall(form))))


def spend_on_format(form: Any, values: Any) -> None:
    """Spends what it takes to write the values wherever the format may name them."""
    check_format(form)
    before = _left.get()
    spend_on(values)
    spend((before - _left.get()) * NODE * (form.count("%") + form.count("{")))
