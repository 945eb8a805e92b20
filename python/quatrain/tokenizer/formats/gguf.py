"""The vocabulary inside a GGUF file (``tokenizer.ggml.*``), as llama.cpp reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from quatrain.tokenizer.description import Description, Format, Source
from quatrain.tokenizer.formats import gguf_file, tokenizer_json
from quatrain.tokenizer.formats.fields import Node
from quatrain.tokenizer.formats.gguf_patterns import CUTS
from quatrain.tokenizer.formats.templates import Fields, around_each

_KEY = "tokenizer.ggml."
_SPACE = "\u2581"
_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED = 1, 2, 3, 4
#: Roles and the fields that hold their ids; the spelling of one is the format's.
_ROLES = {
    "bos_token": "bos_token_id",
    "eos_token": "eos_token_id",
    "unk_token": "unknown_token_id",
    "sep_token": "seperator_token_id",
    "pad_token": "padding_token_id",
    "cls_token": "cls_token_id",
    "mask_token": "mask_token_id",
}


def read(source: Source) -> Description:
    """What a GGUF file says of its tokenizer."""
    vocabulary = _Vocabulary(gguf_file.fields(source.own, source.name))
    fields = vocabulary.field("model").choice(_MODELS)(vocabulary)
    fields["added_tokens"] = vocabulary.added_tokens()
    root = Node(fields, source.name, "")
    return replace(
        tokenizer_json.describe(root, source),
        roles={role: node for role in _ROLES if (node := vocabulary.role(role)) is not None},
        chat_templates=_chat_templates(vocabulary.root),
    )


class _Vocabulary:
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
        node = self.optional(_ROLES[role])
        if node is None:
            return None if default is None else Node(self.tokens[default], self.root.file, "")
        return Node(self.tokens[node.integer(0, len(self.tokens) - 1)], node.file, node.path)

    def added_tokens(self) -> list[Fields]:
        return [
            {
                **{"id": i, "content": self.tokens[i], "special": kind != _USER_DEFINED},
                **dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False),
            }
            for i, kind in enumerate(self.types)
            if kind in (_UNKNOWN, _CONTROL, _USER_DEFINED)
        ]

    def around(self, first: str | None, last: str | None) -> Fields:
        """A template with these special tokens before and after a text."""
        return around_each(first, last, self.ids.__getitem__)

    def ends(self, add_bos: bool, add_eos: bool = False) -> Fields:
        """The template that the flags ask for; the arguments hold where there are none."""
        wanted = []
        for flag, role, default in (
            ("add_bos_token", "bos_token", add_bos),
            ("add_eos_token", "eos_token", add_eos),
        ):
            token = self.role(role) if self.flag(flag, default) else None
            wanted.append(None if token is None else token.text())
        return self.around(*wanted)


def _byte_level(vocabulary: _Vocabulary) -> Fields:
    pre = vocabulary.optional("pre")
    cut = CUTS["default"] if pre is None else pre.choice(CUTS)
    whole = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    splits = [_isolated(pattern) for pattern in cut.patterns]
    return {
        "pre_tokenizer": _sequence("pretokenizers", *splits, {**whole, "use_regex": False}),
        "decoder": whole,
        "post_processor": vocabulary.ends(cut.add_bos),
        "model": {
            "type": "BPE",
            "vocab": vocabulary.ids,
            "merges": _merges(vocabulary),
            "ignore_merges": cut.ignore_merges,
        },
    }


def _gemma4(vocabulary: _Vocabulary) -> Fields:
    """Merges over characters, of whole lines: only line breaks are cut off."""
    return {
        "normalizer": _replace(" ", _SPACE),
        "pre_tokenizer": _isolated(r"\n+"),
        "decoder": _decoder(),
        "post_processor": vocabulary.ends(True),
        "model": _characters(vocabulary, _merges(vocabulary)),
    }


def _sentence_piece(vocabulary: _Vocabulary) -> Fields:
    """Merges over characters, of whole texts, the best score first."""
    prefix = vocabulary.flag("add_space_prefix", True)
    prepend = [{"type": "Prepend", "prepend": _SPACE}] if prefix else []
    strip = [{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if prefix else []
    return {
        "normalizer": _sequence("normalizers", *prepend, _replace(" ", _SPACE)),
        "decoder": _decoder(*strip),
        "post_processor": vocabulary.ends(True),
        "model": _characters(vocabulary, _merges_by_score(vocabulary)),
    }


def _bert(vocabulary: _Vocabulary) -> Fields:
    lower = vocabulary.flag("normalizer.lowercase", True)
    unknown, cls = vocabulary.role("unk_token", 100), vocabulary.role("cls_token")
    cls = cls or vocabulary.role("bos_token", 101)
    sep = vocabulary.role("sep_token", 102)
    assert unknown is not None and cls is not None and sep is not None
    ids = {_word_piece(token): i for token, i in vocabulary.ids.items()}
    if len(ids) < len(vocabulary.ids):
        vocabulary.field("tokens").fail("two tokens differ only in how they are marked")
    return {
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": vocabulary.flag("normalizer.strip_accents", lower),
            "lowercase": lower,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": vocabulary.around(cls.text(), sep.text()),
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": unknown.text(),
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": ids,
        },
    }


_MODELS: dict[str, Callable[[_Vocabulary], Fields]] = {
    "gpt2": _byte_level,
    "llama": _sentence_piece,
    "bert": _bert,
    "gemma4": _gemma4,
}


def _word_piece(token: str) -> str:
    """A token in BERT's spelling; the file's marks the beginnings of words instead."""
    if token.startswith("[") and token.endswith("]"):
        return token
    return token[1:] if token.startswith(_SPACE) else f"##{token}"


def _characters(vocabulary: _Vocabulary, merges: list[list[str]]) -> Fields:
    unknown = vocabulary.role("unk_token")
    return {
        "type": "BPE",
        "unk_token": None if unknown is None else unknown.text(),
        "fuse_unk": True,
        "byte_fallback": True,
        "vocab": vocabulary.ids,
        "merges": merges,
    }


def _merges(vocabulary: _Vocabulary) -> list[list[str]]:
    node = vocabulary.field("merges")
    pairs = []
    for i, merge in enumerate(node.texts()):
        # A half may be a space, in vocabularies that hold spaces as they are.
        at = merge.find(" ", 1)
        if at < 0 or at == len(merge) - 1:
            node.fail(f"merge {i} is {merge!r:.60}, expected two tokens")
        pairs.append([merge[:at], merge[at + 1 :]])
    return pairs


def _merges_by_score(vocabulary: _Vocabulary) -> list[list[str]]:
    """Every way to put a token together from two, the tokens of higher scores first."""
    node = vocabulary.field("scores")
    scores = node.numbers()
    if len(scores) != len(vocabulary.tokens):
        node.fail(f"found {len(scores)} scores of {len(vocabulary.tokens)} tokens")
    merged = [i for i, kind in enumerate(vocabulary.types) if kind in (_NORMAL, _USER_DEFINED)]
    merged.sort(key=lambda i: -scores[i])
    return [
        [token[:at], token[at:]]
        for token in (vocabulary.tokens[i] for i in merged)
        for at in range(1, len(token))
        if token[:at] in vocabulary.ids and token[at:] in vocabulary.ids
    ]


def _decoder(*steps: Fields) -> Fields:
    fixed = [_replace(_SPACE, " "), {"type": "ByteFallback"}, {"type": "Fuse"}]
    return _sequence("decoders", *fixed, *steps)


def _replace(old: str, new: str) -> Fields:
    return {"type": "Replace", "pattern": {"String": old}, "content": new}


def _isolated(pattern: str) -> Fields:
    behavior = {"behavior": "Isolated", "invert": False}
    return {"type": "Split", "pattern": {"Regex": pattern}, **behavior}


def _sequence(name: str, *steps: Fields) -> Fields:
    return {"type": "Sequence", name: list(steps)}


def _chat_templates(root: Node) -> dict[str, str]:
    prefix = "tokenizer.chat_template"
    found = {}
    for name in root.names():
        if name == prefix or name.startswith(prefix + "."):
            found[name.removeprefix(prefix).removeprefix(".") or "default"] = root.child(
                name
            ).text()
    return found


FORMAT = Format(
    "gguf",
    read,
    names=("*.gguf",),
    begins=lambda head: head.startswith(gguf_file.MAGIC),
    load=gguf_file.load,
)
