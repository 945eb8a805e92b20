"""The fields of a GGUF file that hold its vocabulary, checked."""

from __future__ import annotations

from quatrain.tokenizer.formats.fields import Node
from quatrain.tokenizer.formats.templates import Fields, around_each

_KEY = "tokenizer.ggml."
#: The types of tokens.
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED = 1, 2, 3, 4, 5
#: Roles and the fields that hold their ids; the spelling of one is the format's.
ROLES = {
    "bos_token": "bos_token_id",
    "eos_token": "eos_token_id",
    "unk_token": "unknown_token_id",
    "sep_token": "seperator_token_id",
    "pad_token": "padding_token_id",
    "cls_token": "cls_token_id",
    "mask_token": "mask_token_id",
}


class Vocabulary:
    """The tokenizer's fields, checked."""

    def __init__(self, root: Node):
        self.root = root
        self.tokens: list[str] = self.field("tokens").texts()
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        if len(self.ids) < len(self.tokens):
            twice = next(t for i, t in enumerate(self.tokens) if self.ids[t] != i)
            self.field("tokens").fail(f"token {twice!r} appears twice")
        types = self.optional("token_type")
        self.types = [1] * len(self.tokens) if types is None else types.integers()
        if types is not None and len(self.types) != len(self.tokens):
            types.fail(f"found {len(self.types)} types of {len(self.tokens)} tokens")

    def field(self, name: str) -> Node:
        return self.root.child(_KEY + name)

    def optional(self, name: str) -> Node | None:
        return self.root.optional(_KEY + name)

    def flag(self, name: str, default: bool) -> bool:
        return self.root.flag_or(_KEY + name, default)

    def role(self, role: str, default: int | None = None) -> Node | None:
        """The token of a role, with its place."""
        node = self.optional(ROLES[role])
        if node is None:
            if default is None:
                return None
            if default >= len(self.tokens):
                message = f"found {len(self.tokens)} and no {ROLES[role]}, expected token {default}"
                self.field("tokens").fail(message)
            return Node(self.tokens[default], self.root.file, "")
        return Node(self.tokens[node.integer(0, len(self.tokens) - 1)], node.file, node.path)

    def added_tokens(self) -> list[Fields]:
        return [
            {
                **{"id": i, "content": self.tokens[i], "special": kind != USER_DEFINED},
                **dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False),
            }
            for i, kind in enumerate(self.types)
            if kind in (UNKNOWN, CONTROL, USER_DEFINED)
        ]

    def scores(self) -> list[float]:
        """One of each token."""
        node = self.field("scores")
        scores = node.numbers()
        if len(scores) != len(self.tokens):
            node.fail(f"found {len(scores)} scores of {len(self.tokens)} tokens")
        return scores

    def around(self, first: str | None, last: str | None) -> Fields:
        """A template with these special tokens before and after a text."""
        return around_each(first, last, self.ids.__getitem__)

    def ends(self, add_bos: bool, add_eos: bool = False, *, eos: int | None = None) -> Fields:
        """The template that the flags ask for; the arguments hold where there are none."""
        bos_token, eos_token = self.role("bos_token"), self.role("eos_token", eos)
        first = bos_token if self.flag("add_bos_token", add_bos) else None
        last = eos_token if self.flag("add_eos_token", add_eos) else None
        return self.around(*(None if token is None else token.text() for token in (first, last)))
