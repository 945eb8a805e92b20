"""What the classes of ``transformers`` put around a vocabulary that says little of itself.

``tokenizer_config.json`` names the class; its settings are those of that file.
"""

from __future__ import annotations

from typing import TypeVar

from quatrain.tokenizer.description import Source
from quatrain.tokenizer.formats.fields import Node
from quatrain.tokenizer.formats.side_files import (
    ADDED_TOKENS,
    CONFIG,
    SPECIAL_TOKENS,
    option,
    parsed,
    role_fields,
    roles,
)
from quatrain.tokenizer.formats.templates import Fields, around_each

Family = TypeVar("Family")
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized")


def settings_of(source: Source) -> Node:
    """The fields of ``tokenizer_config.json``, and the caller's options in their place."""
    config = parsed(source, CONFIG) or Node({}, source.name, "")
    config.names()  # refuses what is no object
    return _Settings(config, source)


class _Settings(Node):
    """Fields of a file and options, each of which complains of its own place."""

    def __init__(self, config: Node, source: Source):
        super().__init__({**config.value, **source.options}, config.file, "")
        self._source = source

    def child(self, name: str) -> Node:
        return option(self._source, name) if name in self._source.options else super().child(name)


class Tokens:
    """The special tokens by role, and the added tokens with their flags and ids.

    Attributes:
        named: the tokens of those roles that the class knows, each with its place.
    """

    def __init__(self, source: Source, settings: Node, vocab: dict[str, int]):
        self.named: dict[str, Node] = {}
        self._listed = _listed(source, settings)
        self._roles = roles(source)
        self._fields = role_fields(source)
        self._name = source.name
        self._vocab = vocab
        self._found: dict[str, Fields] = {}
        self._special: list[str] = []
        if listed := settings.optional("added_tokens_decoder"):
            for index in listed.names():
                self._add(listed.child(index), index)
        if (legacy := parsed(source, ADDED_TOKENS)) is not None:
            for token, i in sorted(legacy.vocabulary(), key=lambda pair: pair[1]):
                self._found.setdefault(token, _added(token, i))

    def _add(self, node: Node, index: str) -> None:
        if not index.isdecimal() or len(index) > 9:
            node.fail(f"{index!r} is no id")
        token = _added(node.child("content").text(), int(index)) | _flags(node)
        token["special"] = node.flag_or("special", False)
        self._found[token["content"]] = token

    def role(self, name: str, default: str | None = None) -> str | None:
        """The token of a role, which is special."""
        node = self._roles.get(name)
        if node is None and default is None:
            return None
        self.named[name] = node or Node(default, self._name, name)
        token = self.named[name].text()
        if token not in self._special:
            self._special.append(token)
        field = self._fields.get(name)
        if field is not None and isinstance(field.value, dict) and token not in self._found:
            self.id_of(token)
            self._found[token] |= _flags(field)
        return token

    def id_of(self, token: str) -> int:
        """The id of a special token: from the files, or the next that is free."""
        if token not in self._found:
            index = self._vocab.get(token)
            if index is None:
                ids = (added["id"] for added in self._found.values())
                index = max(len(self._vocab), 1 + max(ids, default=-1))
            self._found[token] = _added(token, index)
        return int(self._found[token]["id"])

    def add(self, token: str, *, special: bool) -> None:
        """Has texts match a token of the vocabulary, if the files do not say so."""
        if token not in self._found:
            self.id_of(token)
            self._found[token]["special"] = special

    def add_listed(self) -> bool:
        """Has texts match the further tokens that the files list; whether they list any."""
        for token in self._special:  # whose ids come first
            self.id_of(token)
        for node in self._listed or ():
            if not isinstance(node.value, dict):
                self.add(node.text(), special=True)
            elif node.child("content").text() not in self._found:
                node.fail("found an object, expected a text, or one of added_tokens_decoder's")
        return self._listed is not None

    def added(self) -> list[Fields]:
        """The entries of ``added_tokens``."""
        for token in self._special:
            self.id_of(token)
            self._found[token]["special"] = True
        return sorted(self._found.values(), key=lambda token: token["id"])


def _added(token: str, index: int) -> Fields:
    return {"id": index, "content": token, **dict.fromkeys(_FLAGS, False), "special": False}


def _listed(source: Source, settings: Node) -> list[Node] | None:
    """The tokens beyond those of the roles, in the first of the places that lists them."""
    for root in (settings, parsed(source, SPECIAL_TOKENS)):
        for name in ("extra_special_tokens", "additional_special_tokens"):
            field = None if root is None else root.optional(name)
            if field is not None and isinstance(field.value, dict):
                return [field.child(name) for name in field.names()]
            if field is not None:
                return field.items()
    return None


def _flags(node: Node) -> Fields:
    return {flag: node.flag_or(flag, False) for flag in _FLAGS}


def class_of(settings: Node, families: dict[str, Family], default: Family) -> Family:
    """What the settings' ``tokenizer_class`` stands for."""
    kind = settings.optional("tokenizer_class")
    if kind is None:
        return default
    name = kind.text().removesuffix("Fast").removesuffix("Tokenizer")
    if name in ("PreTrained", "TokenizersBackend"):
        return default
    if name not in families:
        kind.choice(families)  # which refuses the name as it is written
    return families[name]


def ends(tokens: Tokens, settings: Node, bos: str | None, eos: str | None) -> Fields:
    """The post-processor that the settings ask for, if they do."""
    found = []
    for flag, token in (("add_bos_token", bos), ("add_eos_token", eos)):
        wanted = settings.flag_or(flag, False)
        if wanted and token is None:
            settings.child(flag).fail("true, but there is no such token")
        found.append(token if wanted else None)
    return {"post_processor": around_each(found[0], found[1], tokens.id_of)} if any(found) else {}
