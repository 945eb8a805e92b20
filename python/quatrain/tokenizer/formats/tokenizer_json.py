"""``tokenizer.json`` as a typed description for the core.

The format is that of the ``tokenizers`` library. Each component has a reader here, found by its
``type``; a type without a reader, or a field that a reader does not know, is refused by name.
"""

from __future__ import annotations

import warnings
from typing import Any

from quatrain import _core
from quatrain.tokenizer.description import Description, Format, Source
from quatrain.tokenizer.formats.decoders import DECODERS
from quatrain.tokenizer.formats.fields import Node, parse
from quatrain.tokenizer.formats.post_processors import POST_PROCESSORS
from quatrain.tokenizer.formats.side_files import chat_templates, roles
from quatrain.tokenizer.formats.text_parts import NORMALIZERS, PRE_TOKENIZERS
from quatrain.tokenizer.lengths import Padding, Truncation

_c = _core.tokenizer


def read(source: Source) -> Description:
    """What a ``tokenizer.json``, and the files beside it, say."""
    return describe(parse(source.own, source.name), source, renumbers=True)


def describe(root: Node, source: Source, *, renumbers: bool = False) -> Description:
    """As `read`, of the fields of a ``tokenizer.json``.

    With ``renumbers``, added tokens have the ids that ``tokenizers`` would give them; without, an
    id that it would not give is refused.
    """
    root.only(
        "version",
        "truncation",
        "padding",
        "added_tokens",
        "normalizer",
        "pre_tokenizer",
        "post_processor",
        "decoder",
        "model",
    )
    if version := root.optional("version"):
        version.choice({"1.0": None})
    spec = _c.TokenizerSpec()
    spec.normalizers = _components(root, "normalizer", NORMALIZERS)
    spec.pre_tokenizers = _components(root, "pre_tokenizer", PRE_TOKENIZERS)
    spec.post_processors = _components(root, "post_processor", POST_PROCESSORS)
    spec.decoders = _components(root, "decoder", DECODERS)
    spec.model = _model(root.child("model"))
    added = root.optional("added_tokens")
    if added and renumbers:
        _renumber(added, root.child("model").child("vocab").value, spec.model)
    tokens = [_added_token(item) for item in added.items()] if added else []
    spec.added_tokens = tokens
    return Description(
        spec,
        frozenset(token.id for token in tokens if token.special),
        _truncation(root.optional("truncation")),
        _padding(root.optional("padding")),
        roles(source),
        chat_templates(source),
    )


def _components(root: Node, name: str, readers: dict[str, Any]) -> list[Any]:
    node = root.optional(name)
    return [] if node is None else node.component(readers)


# Models


def _model(node: Node) -> Any:
    # Old files have no type; the fields tell.
    kind = node.optional("type")
    if kind is not None:
        models = {
            "BPE": _bpe,
            "WordPiece": _word_piece,
            "Unigram": _unigram,
            "WordLevel": _word_level,
        }
        return kind.choice(models)(node)
    if node.optional("merges") is not None:
        return _bpe(node)
    if node.optional("max_input_chars_per_word") is not None:
        return _word_piece(node)
    if node.optional("unk_token") is not None:
        return _word_level(node)
    if type(node.child("vocab").value) is list:
        return _unigram(node)
    node.fail(
        "field 'type' is missing, and no other tells; supported: BPE, WordPiece, WordLevel, Unigram"
    )


def _bpe(node: Node) -> Any:
    node.only(
        "type",
        "dropout",
        "unk_token",
        "continuing_subword_prefix",
        "end_of_word_suffix",
        "fuse_unk",
        "byte_fallback",
        "ignore_merges",
        "vocab",
        "merges",
    )
    dropout = node.optional("dropout")
    if dropout is not None and dropout.value != 0:
        dropout.fail(f"found {dropout.value}; random merges are not supported; supported: null, 0")
    spec = _c.ModelSpec()
    spec.kind = _c.ModelSpec.Kind.BPE
    node.child("vocab").fill_vocabulary(spec)
    node.child("merges").fill_merges(spec)
    for name in ("unk_token", "continuing_subword_prefix", "end_of_word_suffix"):
        if field := node.optional(name):
            setattr(spec, name, field.text())
    for name in ("fuse_unk", "byte_fallback", "ignore_merges"):
        setattr(spec, name, node.flag_or(name, False))
    return spec


def _word_piece(node: Node) -> Any:
    node.only("type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab")
    spec = _c.ModelSpec()
    spec.kind = _c.ModelSpec.Kind.WORD_PIECE
    node.child("vocab").fill_vocabulary(spec)
    spec.unk_token = node.child("unk_token").text()
    spec.continuing_subword_prefix = node.child("continuing_subword_prefix").text()
    spec.max_input_chars_per_word = node.child("max_input_chars_per_word").integer()
    return spec


def _unigram(node: Node) -> Any:
    node.only("type", "unk_id", "byte_fallback", "vocab")
    spec = _c.ModelSpec()
    spec.kind = _c.ModelSpec.Kind.UNIGRAM
    node.child("vocab").fill_pieces(spec)
    if unk := node.optional("unk_id"):
        spec.unk_id = unk.integer()
    spec.byte_fallback = node.flag_or("byte_fallback", False)
    return spec


def _word_level(node: Node) -> Any:
    node.only("type", "vocab", "unk_token")
    spec = _c.ModelSpec()
    spec.kind = _c.ModelSpec.Kind.WORD_LEVEL
    node.child("vocab").fill_vocabulary(spec)
    spec.unk_token = node.child("unk_token").text()
    return spec


# Added tokens


def _renumber(added: Node, vocab: Any, model: Any) -> None:
    """Gives added tokens the ids that ``tokenizers`` reads: a token that the vocabulary lacks has
    the next id, whatever its own is in the file. A warning says where the two differ."""
    tokens = [(item, item.child("content").text()) for item in added.items()]
    contents = {content for _, content in tokens}
    if isinstance(vocab, dict):
        known = {content: vocab[content] for content in contents & vocab.keys()}
    else:  # Unigram's
        known = model.ids_of(contents)
    next_id = len(vocab)
    differing = []
    for item, content in tokens:
        index = known.get(content)
        if index is None:
            index = next_id
            next_id += 1
        node = item.child("id")
        if index != node.integer():
            differing.append(
                f"{node.path}: token {content!r} has id {node.value}, but is read as {index}, "
                "as tokenizers reads it"
            )
            item.value["id"] = index
    if differing:
        more = f" (and {len(differing) - 1} more)" if len(differing) > 1 else ""
        warnings.warn(f"{added.file}: {differing[0]}{more}", stacklevel=2)


def _added_token(node: Node) -> Any:
    flags = ("single_word", "lstrip", "rstrip", "normalized", "special")
    node.only("id", "content", *flags)
    spec = _c.AddedTokenSpec()
    spec.id = node.child("id").integer()
    spec.content = node.child("content").text()
    for name in flags:
        setattr(spec, name, node.child(name).flag())
    return spec


# Lengths


def _direction(node: Node) -> Any:
    field = node.optional("direction")
    return field.choice({"Left": "left", "Right": "right"}) if field else "right"


def _truncation(node: Node | None) -> Truncation | None:
    if node is None:
        return None
    node.only("direction", "max_length", "strategy", "stride")
    strategies = {
        "LongestFirst": "longest_first",
        "OnlyFirst": "only_first",
        "OnlySecond": "only_second",
    }
    return Truncation(
        stride=node.child("stride").integer(),
        max_length=node.child("max_length").integer(),
        strategy=node.child("strategy").choice(strategies),
        direction=_direction(node),
    )


def _padding(node: Node | None) -> Padding | None:
    if node is None:
        return None
    node.only("strategy", "direction", "pad_to_multiple_of", "pad_id", "pad_type_id", "pad_token")
    strategy = node.child("strategy")
    length = None
    if isinstance(strategy.value, dict):
        strategy.only("Fixed")
        length = strategy.child("Fixed").integer(largest=2**24)
    else:
        strategy.choice({"BatchLongest": None})
    multiple = node.optional("pad_to_multiple_of")
    return Padding(
        length=length,
        direction=_direction(node),
        multiple_of=multiple.integer(largest=2**24) if multiple else 0,
        pad_id=node.child("pad_id").integer(),
        pad_type_id=node.child("pad_type_id").integer(),
        pad_token=node.child("pad_token").text(),
    )


FORMAT = Format(
    "tokenizer.json",
    read,
    names=("tokenizer.json",),
    any_name=("*.json",),
    begins=lambda head: head.lstrip().startswith(b"{"),
    saved_as="tokenizer.json",
)
