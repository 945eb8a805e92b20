"""Checked reading of JSON: every complaint names the file, the field, what it holds and what may.

A `Node` is a value together with where it stands; nothing of the file is used but through one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from quatrain import _core
from quatrain.errors import TokenizerError
from quatrain.files import brief, parse_json

_NAMES = {dict: "an object", list: "a list", str: "a string", int: "an integer", bool: "a boolean"}
_LARGEST = 2**31 - 1

# What a component without a type is by its fields.
_UNTYPED = {
    frozenset(fields.split()): name
    for fields, name in {
        "clean_text handle_chinese_chars strip_accents lowercase": "BertNormalizer",
        "strip_left strip_right": "Strip",
        "prepend": "Prepend",
        "pattern content": "Replace",
        "sep cls": "BertProcessing",
        "sep cls trim_offsets add_prefix_space": "RobertaProcessing",
        "single pair special_tokens": "TemplateProcessing",
        "suffix": "BPEDecoder",
        "prefix cleanup": "WordPiece",
        "pad_token word_delimiter_token cleanup": "CTC",
        "content start stop": "Strip",
    }.items()
}
_SCORED = ([str, float], [str, int])


def parse(data: bytes, file: str) -> Node:
    """The root of a JSON document.

    Raises:
        TokenizerError: the bytes are not UTF-8 or not JSON, a key appears twice in one object,
            or a number is not finite.
    """
    return Node(parse_json(data, file, TokenizerError, _core.json.read_decimal), file, "")


class Node:
    """A JSON value, the file it is from and the path to it."""

    def __init__(self, value: Any, file: str, path: str):
        self.value = value
        self.file = file
        self.path = path

    def fail(self, message: str) -> NoReturn:
        where = f"{self.file}: {self.path}" if self.path else self.file
        raise TokenizerError(brief(f"{where}: {message}"))

    def _expect(self, kind: type) -> Any:
        if type(self.value) is not kind:
            self.fail(f"found {_describe(self.value)}, expected {_NAMES[kind]}")
        return self.value

    def text(self) -> str:
        value: str = self._expect(str)
        if not _is_text(value):
            self.fail("the string holds a lone surrogate, which UTF-8 cannot express")
        return value

    def character(self) -> str:
        value = self.text()
        if len(value) != 1:
            self.fail(f"found {_describe(value)}, expected one character")
        return value

    def flag(self) -> bool:
        value: bool = self._expect(bool)
        return value

    def integer(self, smallest: int = 0, largest: int = _LARGEST) -> int:
        value: int = self._expect(int)
        if not smallest <= value <= largest:
            self.fail(f"found {value}, expected {smallest} to {largest}")
        return value

    def items(self) -> list[Node]:
        """The elements of a list."""
        values = self._expect(list)
        return [Node(v, self.file, f"{self.path}[{i}]") for i, v in enumerate(values)]

    def names(self) -> list[str]:
        """The names of an object's fields."""
        return list(self._expect(dict))

    def child(self, name: str) -> Node:
        """A field that must be there."""
        fields = self._expect(dict)
        if name not in fields:
            self.fail(f"field {name!r} is missing")
        return Node(fields[name], self.file, f"{self.path}.{name}" if self.path else name)

    def optional(self, name: str) -> Node | None:
        """A field, or None where it is absent or null."""
        if self._expect(dict).get(name) is None:
            return None
        return self.child(name)

    def flag_or(self, name: str, default: bool) -> bool:
        node = self.optional(name)
        return default if node is None else node.flag()

    def only(self, *names: str) -> None:
        """Refuses fields beyond the given ones, which would otherwise be ignored."""
        for name in self._expect(dict):
            if name not in names:
                self.fail(f"unknown field {name!r}; supported: {', '.join(names)}")

    def choice(self, options: dict[str, Any]) -> Any:
        """What a string stands for."""
        name = self.text()
        if name not in options:
            self.fail(f"{name!r} is not supported; supported: {', '.join(options)}")
        return options[name]

    def component(self, readers: dict[str, Callable[[Node], list[Any]]]) -> list[Any]:
        """Reads a component with the reader of its ``type``; old files may give none."""
        if self.optional("type") is None:
            name = _UNTYPED.get(frozenset(self.names()), "")
            if name in readers:
                return readers[name](self)
        return self.child("type").choice(readers)(self)

    def vocabulary(self) -> list[tuple[str, int]]:
        """An object of tokens and their ids. Ranges and repetitions are the core's to check."""
        tokens: dict[str, int] = self._expect(dict)
        for token, index in tokens.items():
            if type(index) is not int or not -(2**63) <= index < 2**63:
                self.fail(f"token {token!r} has id {_describe(index)}, expected an integer")
        self._check_texts(tokens)
        return list(tokens.items())

    def texts(self) -> list[str]:
        """The elements of a long list of strings."""
        return self._all(str)

    def integers(self) -> list[int]:
        """The elements of a long list of integers."""
        return self._all(int)

    def numbers(self) -> list[float]:
        """The elements of a long list of finite numbers."""
        values = [float(value) if type(value) is int else value for value in self._expect(list)]
        for i, value in enumerate(values):
            if type(value) is not float or not math.isfinite(value):
                self.fail(f"element {i} is {value!r:.60}, expected a finite number")
        return values

    def _all(self, kind: type) -> list[Any]:
        values: list[Any] = self._expect(list)
        for i, value in enumerate(values):
            if type(value) is not kind:
                self.fail(f"element {i} is {_describe(value)}, expected {_NAMES[kind]}")
        return values

    def table(self) -> dict[str, int]:
        """`vocabulary`, to look tokens up."""
        return dict(self.vocabulary())

    def fill_vocabulary(self, spec: Any) -> None:
        """Gives a model's spec the tokens that `vocabulary` would return."""
        if spec.read_vocab(self._expect(dict)) is not None:
            self.vocabulary()  # which says what is wrong

    def fill_merges(self, spec: Any) -> None:
        """Gives a model's spec pairs, written ``"a b"`` or ``["a", "b"]``."""
        i = spec.read_merges(self._expect(list))
        if i is None:
            return
        merge = self.value[i]
        parts = merge if type(merge) is list else [merge]
        self._check_texts(part for part in parts if type(part) is str)
        self.fail(f"merge {i} is {_describe(merge)}, expected two tokens")

    def fill_pieces(self, spec: Any) -> None:
        """Gives a model's spec the pieces and scores of a list of pairs."""
        i = spec.read_pieces(self._expect(list))
        if i is None:
            return
        piece = self.value[i]
        if type(piece) is not list or [type(part) for part in piece] not in _SCORED:
            self.fail(f"piece {i} is {_describe(piece)}, expected a string and a number")
        self._check_texts(iter(piece[:1]))
        self.fail("an integer score is too large")

    def _check_texts(self, texts: Iterator[str] | dict[str, int]) -> None:
        if not _is_text("".join(texts)):
            self.fail("a token holds a lone surrogate, which UTF-8 cannot express")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _describe(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
