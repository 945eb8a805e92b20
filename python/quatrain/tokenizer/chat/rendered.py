"""Strings that know which of their characters a chat template wrote."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any, SupportsIndex

Ranges = tuple[tuple[int, int], ...]
_BEGIN, _END = itemgetter(0), itemgetter(1)


class Rendered(str):
    """A string and the ranges of it that the template itself wrote; the rest is content.

    A template meets no other strings: its constants are the template's whole, what the caller
    passes is content. The methods here carry the ranges along. Whatever else is done to a string
    gives a plain `str`, which is content: so an operation that is forgotten here may turn a marker
    into text, but never text into a marker. Templates reach every name that does not begin with an
    underscore: there is none here that `str` has not.
    """

    __slots__ = ("_written",)
    _written: Ranges

    def __new__(cls, text: str, written: Ranges = ()) -> Rendered:
        self = super().__new__(cls, text)
        self._written = written
        return self

    def _cut(self, begin: int, end: int) -> Rendered:
        if begin >= end:
            return Rendered("")
        # A piece pays for the ranges in it alone: a text may be cut into many.
        first_in = bisect_right(self._written, begin, key=_END)
        past = bisect_left(self._written, end, lo=first_in, key=_BEGIN)
        written = tuple(
            (max(first, begin) - begin, min(last, end) - begin)
            for first, last in self._written[first_in:past]
        )
        return Rendered(str.__getitem__(self, slice(begin, end)), written)

    def _tiled(self, pieces: Iterable[str], between: int = 0) -> list[Rendered]:
        """These pieces of the text, which follow each other at this distance."""
        found, at = [], 0
        for piece in pieces:
            found.append(self._cut(at, at + len(piece)))
            at += len(piece) + between
        return found

    def _words(self, pieces: Iterable[str]) -> list[Rendered]:
        """These pieces of the text, with white space between them and none at their beginnings."""
        found, at = [], 0
        for piece in pieces:
            at = self.index(piece, at)
            found.append(self._cut(at, at + len(piece)))
            at += len(piece)
        return found

    def __str__(self) -> str:
        return self

    def __add__(self, other: Any) -> Any:
        # Strings that escape what is added to them keep their say.
        if not isinstance(other, str) or hasattr(other, "__html__"):
            return NotImplemented
        return join((self, other))

    def __radd__(self, other: Any) -> Any:
        return join((other, self)) if isinstance(other, str) else NotImplemented

    def __getitem__(self, key: SupportsIndex | slice) -> Rendered:
        if not isinstance(key, slice):
            text = super().__getitem__(key)
            at = key.__index__() % len(self)
            return self._cut(at, at + len(text))
        begin, end, step = key.indices(len(self))
        return self._cut(begin, end) if step == 1 else Rendered(super().__getitem__(key))

    def strip(self, chars: str | None = None) -> Rendered:
        return self.lstrip(chars).rstrip(chars)

    def lstrip(self, chars: str | None = None) -> Rendered:
        return self._cut(len(self) - len(super().lstrip(chars)), len(self))

    def rstrip(self, chars: str | None = None) -> Rendered:
        return self._cut(0, len(super().rstrip(chars)))

    def removeprefix(self, prefix: str, /) -> Rendered:
        return self._cut(len(self) - len(super().removeprefix(prefix)), len(self))

    def removesuffix(self, suffix: str, /) -> Rendered:
        return self._cut(0, len(super().removesuffix(suffix)))

    # What str promises is list[str], which no list[Rendered] is to a type checker.
    def split(self, sep: str | None = None, maxsplit: SupportsIndex = -1) -> list[Rendered]:  # type: ignore[override]
        pieces = super().split(sep, maxsplit)
        return self._words(pieces) if sep is None else self._tiled(pieces, len(sep))

    def rsplit(self, sep: str | None = None, maxsplit: SupportsIndex = -1) -> list[Rendered]:  # type: ignore[override]
        pieces = super().rsplit(sep, maxsplit)
        return self._words(pieces) if sep is None else self._tiled(pieces, len(sep))

    def splitlines(self, keepends: bool = False) -> list[Rendered]:  # type: ignore[override]
        lines = self._tiled(super().splitlines(keepends=True))
        bare = super().splitlines()
        pairs = zip(lines, bare, strict=True)
        return lines if keepends else [line._cut(0, len(text)) for line, text in pairs]

    def partition(self, sep: str, /) -> tuple[Rendered, Rendered, Rendered]:
        first, second, third = self._tiled(super().partition(sep))
        return first, second, third

    def rpartition(self, sep: str, /) -> tuple[Rendered, Rendered, Rendered]:
        first, second, third = self._tiled(super().rpartition(sep))
        return first, second, third

    def replace(self, old: str, new: str, count: SupportsIndex = -1, /) -> str:
        if not old:
            return super().replace(old, new, count)
        return join(self.split(old, count), new)

    def join(self, pieces: Iterable[str], /) -> Rendered:
        return join(pieces, self)


def by_template(text: str) -> Rendered:
    """Text that the template wrote."""
    return Rendered(text, ((0, len(text)),) if text else ())


def content_of(text: Rendered) -> list[tuple[int, int]]:
    """The (begin, end) of every range that the template did not write, in characters."""
    found, at = [], 0
    for begin, end in (*text._written, (len(text), len(text))):
        if at < begin:
            found.append((at, begin))
        at = end
    return found


def join(pieces: Iterable[str], between: str = "") -> Rendered:
    """The pieces one after the other, each character the template's if it was in its piece.

    Raises:
        TypeError: a piece is no string.
    """
    texts: list[str] = []
    written: list[tuple[int, int]] = []
    at = 0
    for piece in _separated(pieces, between):
        if isinstance(piece, Rendered):
            for begin, end in piece._written:
                if written and written[-1][1] == at + begin:
                    written[-1] = (written[-1][0], at + end)
                else:
                    written.append((at + begin, at + end))
        texts.append(piece)
        at += len(piece)
    return Rendered("".join(texts), tuple(written))


def _separated(pieces: Iterable[str], between: str) -> Iterator[str]:
    first = True
    for piece in pieces:
        if not first and between:
            yield between
        first = False
        yield piece
