"""GPT-2's ``vocab.json`` with ``merges.txt``, and BERT's ``vocab.txt``.

These files hold the model alone; the rest is what ``transformers`` takes for granted of the class
that ``tokenizer_config.json`` names, written here as a ``tokenizer.json`` would have it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from quatrain.errors import TokenizerError
from quatrain.tokenizer.description import Description, Format, Source
from quatrain.tokenizer.formats import tokenizer_json
from quatrain.tokenizer.formats.expressions import QWEN2
from quatrain.tokenizer.formats.fields import Node, parse
from quatrain.tokenizer.formats.side_files import ADDED_TOKENS, CONFIG, parsed, roles

_Fields = dict[str, Any]
_BYTE_LEVEL = {"type": "ByteLevel", "trim_offsets": True}
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized")
_BPE_OPTIONS = ("add_prefix_space", "add_bos_token", "add_eos_token")
_BERT_OPTIONS = ("do_lower_case", "strip_accents", "tokenize_chinese_chars")


def _read_byte_level(source: Source) -> Description:
    """A ``vocab.json`` and the ``merges.txt`` beside it."""
    merges = list(source.files)[1]
    model = {
        "type": "BPE",
        "vocab": parse(source.own, source.name).value,
        "merges": _merges(source.files[merges], source.path_of(merges)),
    }
    return _describe(source, model, _BYTE_LEVEL_FAMILIES, "GPT2")


def _read_bert(source: Source) -> Description:
    """A ``vocab.txt``."""
    vocab: dict[str, int] = {}
    for number, token in enumerate(_lines(source.own, source.name)):
        if token in vocab:
            raise TokenizerError(f"{source.name}: line {number + 1}: {token!r} appears twice")
        vocab[token] = number
    model = {
        "type": "WordPiece",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": vocab,
    }
    return _describe(source, model, _BERT_FAMILIES, "Bert")


def _describe(
    source: Source, model: _Fields, families: dict[str, Callable[..., Any]], default: str
) -> Description:
    settings = _settings(source)
    family = families[default]
    if kind := settings.optional("tokenizer_class"):
        name = kind.text().removesuffix("Fast").removesuffix("Tokenizer")
        if name != "PreTrained":
            family = Node(name, kind.file, kind.path).choice(families)
    tokens = _Tokens(source, settings, Node(model["vocab"], source.name, "").table())
    fields = family(tokens, settings)
    fields["model"] = {**model, **fields.get("model", {})}
    fields["added_tokens"] = tokens.added()
    return tokenizer_json.describe(Node(fields, source.name, ""), source)


def _settings(source: Source) -> Node:
    """The fields of ``tokenizer_config.json``, and the caller's options in their place."""
    config = parsed(source, CONFIG)
    if config is None:
        return Node(source.options, source.name, "")
    config.names()  # refuses what is no object
    return Node({**config.value, **source.options}, config.file, "")


class _Tokens:
    """The special tokens by role, and the added tokens with their flags and ids."""

    def __init__(self, source: Source, settings: Node, vocab: dict[str, int]):
        self._roles = {role: node.text() for role, node in roles(source).items()}
        self._vocab = vocab
        self._found: dict[str, _Fields] = {}
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
        token = _added(node.child("content").text(), int(index))
        for flag in _FLAGS:
            token[flag] = node.flag_or(flag, False)
        token["special"] = node.flag_or("special", False)
        self._found[token["content"]] = token

    def role(self, name: str, default: str | None = None) -> str | None:
        """The token of a role, which is special."""
        token = self._roles.get(name, default)
        if token is not None and token not in self._special:
            self._special.append(token)
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

    def added(self) -> list[_Fields]:
        """The entries of ``added_tokens``."""
        for token in self._special:
            self.id_of(token)
            self._found[token]["special"] = True
        return sorted(self._found.values(), key=lambda token: token["id"])


def _added(token: str, index: int) -> _Fields:
    return {"id": index, "content": token, **dict.fromkeys(_FLAGS, False), "special": False}


# Families


def _gpt2(tokens: _Tokens, settings: Node) -> _Fields:
    bos, eos = (tokens.role(role, "<|endoftext|>") for role in ("bos_token", "eos_token"))
    tokens.role("unk_token", "<|endoftext|>")
    tokens.role("pad_token")
    space = settings.flag_or("add_prefix_space", False)
    cut = {**_BYTE_LEVEL, "add_prefix_space": space, "use_regex": True}
    return {"pre_tokenizer": cut, "decoder": cut, **_around(tokens, settings, bos, eos)}


def _qwen2(tokens: _Tokens, settings: Node) -> _Fields:
    bos = tokens.role("bos_token")
    eos, _, _ = (
        tokens.role(role, "<|endoftext|>") for role in ("eos_token", "unk_token", "pad_token")
    )
    space = settings.flag_or("add_prefix_space", False)
    cut = {**_BYTE_LEVEL, "add_prefix_space": space, "use_regex": False}
    split = {"pattern": {"Regex": QWEN2}, "behavior": "Isolated", "invert": False}
    return {
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", **split}, cut]},
        "decoder": cut,
        **_around(tokens, settings, bos, eos),
    }


def _roberta(tokens: _Tokens, settings: Node) -> _Fields:
    tokens.role("bos_token", "<s>")
    tokens.role("eos_token", "</s>")
    tokens.role("unk_token", "<unk>")
    sep, _ = tokens.role("sep_token", "</s>"), tokens.role("pad_token", "<pad>")
    cls, _ = tokens.role("cls_token", "<s>"), tokens.role("mask_token", "<mask>")
    assert sep is not None and cls is not None
    space = settings.flag_or("add_prefix_space", False)
    trim = settings.flag_or("trim_offsets", True)
    cut = {**_BYTE_LEVEL, "add_prefix_space": space, "use_regex": True}
    ends = {"sep": [sep, tokens.id_of(sep)], "cls": [cls, tokens.id_of(cls)]}
    kind = {"type": "RobertaProcessing", "trim_offsets": trim, "add_prefix_space": space}
    return {"pre_tokenizer": cut, "decoder": cut, "post_processor": {**kind, **ends}}


def _bert(tokens: _Tokens, settings: Node) -> _Fields:
    unknown, sep = tokens.role("unk_token", "[UNK]"), tokens.role("sep_token", "[SEP]")
    tokens.role("pad_token", "[PAD]")
    cls, _ = tokens.role("cls_token", "[CLS]"), tokens.role("mask_token", "[MASK]")
    assert sep is not None and cls is not None
    accents = settings.optional("strip_accents")
    single = [_special(cls, 0), _text("A", 0), _special(sep, 0)]
    return {
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": settings.flag_or("tokenize_chinese_chars", True),
            "strip_accents": None if accents is None else accents.flag(),
            "lowercase": settings.flag_or("do_lower_case", True),
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "model": {"unk_token": unknown},
        "post_processor": _template(
            tokens, [cls, sep], single, [*single, _text("B", 1), _special(sep, 1)]
        ),
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
    }


_BYTE_LEVEL_FAMILIES = {
    "GPT2": _gpt2,
    "CodeGen": _gpt2,
    "Qwen2": _qwen2,
    **dict.fromkeys(("Roberta", "Bart", "Longformer", "LED"), _roberta),
}
_BERT_FAMILIES = dict.fromkeys(("Bert", "DistilBert", "Electra"), _bert)


def _around(tokens: _Tokens, settings: Node, bos: str | None, eos: str | None) -> _Fields:
    """What goes around a text where the files ask for it."""
    ends = {"add_bos_token": bos, "add_eos_token": eos}
    wanted = {role: token for role, token in ends.items() if settings.flag_or(role, False)}
    for role, token in wanted.items():
        if token is None:
            settings.child(role).fail("true, but there is no such token")
    if not wanted:
        return {}
    first, last = wanted.get("add_bos_token"), wanted.get("add_eos_token")
    parts = [
        [_special(token, i) if token else None for token in (first,)]
        + [_text(name, i)]
        + [_special(token, i) if token else None for token in (last,)]
        for i, name in enumerate("AB")
    ]
    single, second = ([part for part in text if part] for text in parts)
    specials = [token for token in (first, last) if token]
    return {"post_processor": _template(tokens, specials, single, single + second)}


def _special(token: str, type_id: int) -> _Fields:
    return {"SpecialToken": {"id": token, "type_id": type_id}}


def _text(name: str, type_id: int) -> _Fields:
    return {"Sequence": {"id": name, "type_id": type_id}}


def _template(
    tokens: _Tokens, specials: list[str], single: list[_Fields], pair: list[_Fields]
) -> _Fields:
    ids = {t: {"id": t, "ids": [tokens.id_of(t)], "tokens": [t]} for t in specials}
    kind = "TemplateProcessing"
    return {"type": kind, "single": single, "pair": pair, "special_tokens": ids}


# Files


def _lines(data: bytes, file: str) -> list[str]:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise TokenizerError(f"{file}: not UTF-8 at byte {error.start}") from None
    lines = text.replace("\r\n", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def _merges(data: bytes, file: str) -> list[list[str]]:
    found = []
    for number, line in enumerate(_lines(data, file), 1):
        if not line or line.startswith("#version"):
            continue
        pair = line.split(" ")
        if len(pair) != 2 or not all(pair):
            raise TokenizerError(f"{file}: line {number}: found {line[:60]!r}, expected two tokens")
        found.append(pair)
    return found


def _merges_of(vocab: str) -> str:
    """The name of the merges beside a vocabulary."""
    before, named, _ = vocab.rpartition("vocab.json")
    return f"{before}merges.txt" if named else "merges.txt"


VOCAB_JSON = Format(
    "vocab.json",
    _read_byte_level,
    names=("vocab.json", "*-vocab.json"),
    begins=lambda head: head.lstrip().startswith(b"{"),
    options=_BPE_OPTIONS,
    companion=_merges_of,
    saved_as="vocab.json",
)
VOCAB_TXT = Format(
    "vocab.txt",
    _read_bert,
    names=("vocab.txt", "*-vocab.txt"),
    begins=lambda head: bool(head) and b"\0" not in head,
    options=_BERT_OPTIONS,
    saved_as="vocab.txt",
)
