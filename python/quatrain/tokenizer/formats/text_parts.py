"""The parts of ``tokenizer.json`` that edit and cut the text: normalizers and pre-tokenizers."""

from __future__ import annotations

import base64
from typing import Any

from quatrain import _core
from quatrain.errors import TokenizerError
from quatrain.tokenizer.formats.fields import Node
from quatrain.tokenizer.formats.patterns import literal, read_pattern
from quatrain.tokenizer.formats.scanners import find_scanner

_c = _core.tokenizer
_Behavior = _c.PreTokenizerSpec.Behavior

_BEHAVIORS = {
    "Removed": _Behavior.REMOVED,
    "Isolated": _Behavior.ISOLATED,
    "MergedWithPrevious": _Behavior.MERGED_WITH_PREVIOUS,
    "MergedWithNext": _Behavior.MERGED_WITH_NEXT,
    "Contiguous": _Behavior.CONTIGUOUS,
}
METASPACE_FIELDS = (
    "type",
    "replacement",
    "prepend_scheme",
    "split",
    "add_prefix_space",
    "str_rep",  # of old files: always the replacement
)
_PREPENDS = {
    "first": _c.PreTokenizerSpec.Prepend.FIRST,
    "always": _c.PreTokenizerSpec.Prepend.ALWAYS,
    "never": _c.PreTokenizerSpec.Prepend.NEVER,
}


_DEEPEST = 32


def sequence(field: str, readers: dict[str, Any]) -> Any:
    """A reader of a ``Sequence``, whose elements are under ``field``."""

    def read(node: Node) -> list[Any]:
        node.only("type", field)
        if node.path.count("[") > _DEEPEST:
            node.fail(f"sequences are nested deeper than {_DEEPEST}")
        return [part for item in node.child(field).items() for part in item.component(readers)]

    return read


# Normalizers


def _normalizer(kind: Any) -> Any:
    def read(node: Node) -> list[Any]:
        node.only("type")
        spec = _c.NormalizerSpec()
        spec.kind = kind
        return [spec]

    return read


def _bert_normalizer(node: Node) -> list[Any]:
    node.only("type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase")
    spec = _c.NormalizerSpec()
    spec.kind = _c.NormalizerSpec.Kind.BERT
    spec.clean_text = node.child("clean_text").flag()
    spec.handle_chinese_chars = node.child("handle_chinese_chars").flag()
    spec.lowercase = node.child("lowercase").flag()
    spec.strip_accents = node.flag_or("strip_accents", spec.lowercase)
    return [spec]


def _strip(node: Node) -> list[Any]:
    node.only("type", "strip_left", "strip_right")
    spec = _c.NormalizerSpec()
    spec.kind = _c.NormalizerSpec.Kind.STRIP
    spec.left = node.child("strip_left").flag()
    spec.right = node.child("strip_right").flag()
    return [spec]


def _prepend(node: Node) -> list[Any]:
    node.only("type", "prepend")
    spec = _c.NormalizerSpec()
    spec.kind = _c.NormalizerSpec.Kind.PREPEND
    spec.content = node.child("prepend").text()
    return [spec]


def _replace(node: Node) -> list[Any]:
    node.only("type", "pattern", "content")
    spec = _c.NormalizerSpec()
    spec.kind = _c.NormalizerSpec.Kind.REPLACE
    spec.pattern = read_pattern(node.child("pattern"))
    spec.content = node.child("content").text()
    return [spec]


def _precompiled(node: Node) -> list[Any]:
    node.only("type", "precompiled_charsmap")
    field = node.child("precompiled_charsmap")
    try:
        charsmap = base64.b64decode(field.text(), validate=True)
    except ValueError as error:
        field.fail(f"not base64: {error}")
    spec = _c.NormalizerSpec()
    spec.kind = _c.NormalizerSpec.Kind.PRECOMPILED
    try:
        spec.charsmap = _c.Charsmap(charsmap)
    except TokenizerError as error:
        field.fail(str(error))
    return [spec]


NORMALIZERS: dict[str, Any] = {
    "BertNormalizer": _bert_normalizer,
    "Lowercase": _normalizer(_c.NormalizerSpec.Kind.LOWERCASE),
    "NFC": _normalizer(_c.NormalizerSpec.Kind.NFC),
    "NFD": _normalizer(_c.NormalizerSpec.Kind.NFD),
    "NFKC": _normalizer(_c.NormalizerSpec.Kind.NFKC),
    "NFKD": _normalizer(_c.NormalizerSpec.Kind.NFKD),
    "StripAccents": _normalizer(_c.NormalizerSpec.Kind.STRIP_ACCENTS),
    "ByteLevel": _normalizer(_c.NormalizerSpec.Kind.BYTE_LEVEL),
    "Strip": _strip,
    "Prepend": _prepend,
    "Replace": _replace,
    "Precompiled": _precompiled,
    "Nmt": _normalizer(_c.NormalizerSpec.Kind.NMT),
}
NORMALIZERS["Sequence"] = sequence("normalizers", NORMALIZERS)


# Pre-tokenizers


def _pre_tokenizer(kind: Any) -> Any:
    spec = _c.PreTokenizerSpec()
    spec.kind = kind
    return spec


def _byte_level_pre_tokenizer(node: Node) -> list[Any]:
    node.only("type", "add_prefix_space", "trim_offsets", "use_regex")
    spec = _pre_tokenizer(_c.PreTokenizerSpec.Kind.BYTE_LEVEL)
    spec.add_prefix_space = node.child("add_prefix_space").flag()
    spec.use_regex = node.flag_or("use_regex", True)
    node.flag_or("trim_offsets", True)  # has an effect on a post-processor only
    return [spec]


def _digits(node: Node) -> list[Any]:
    node.only("type", "individual_digits")
    spec = _pre_tokenizer(_c.PreTokenizerSpec.Kind.DIGITS)
    spec.individual_digits = node.child("individual_digits").flag()
    return [spec]


def _punctuation(node: Node) -> list[Any]:
    node.only("type", "behavior")
    spec = _pre_tokenizer(_c.PreTokenizerSpec.Kind.PUNCTUATION)
    behavior = node.optional("behavior")
    spec.behavior = behavior.choice(_BEHAVIORS) if behavior else _Behavior.ISOLATED
    return [spec]


def _split(node: Node) -> list[Any]:
    node.only("type", "pattern", "behavior", "invert")
    behavior = node.child("behavior").choice(_BEHAVIORS)
    invert = node.child("invert").flag()
    pattern = node.child("pattern")
    expression = pattern.optional("Regex")
    if expression is not None:
        steps = find_scanner(expression.text(), behavior, invert)
        if steps is not None:
            pattern.only("Regex")
            return steps
    spec = _pre_tokenizer(_c.PreTokenizerSpec.Kind.SPLIT)
    spec.pattern = read_pattern(pattern)
    spec.behavior = behavior
    spec.invert = invert
    return [spec]


def _char_delimiter_split(node: Node) -> list[Any]:
    node.only("type", "delimiter")
    spec = _pre_tokenizer(_c.PreTokenizerSpec.Kind.SPLIT)
    spec.pattern = literal(node.child("delimiter").character())
    spec.behavior = _Behavior.REMOVED
    return [spec]


def metaspace_prepend(node: Node) -> Any:
    """Where a Metaspace puts its replacement in front, in present and in old files."""
    scheme = node.optional("prepend_scheme")
    prepend = scheme.choice(_PREPENDS) if scheme else _c.PreTokenizerSpec.Prepend.ALWAYS
    if node.flag_or("add_prefix_space", True):
        return prepend
    if prepend != _c.PreTokenizerSpec.Prepend.NEVER:
        node.fail("add_prefix_space is false, but prepend_scheme is not 'never'")
    return prepend


def _metaspace(node: Node) -> list[Any]:
    node.only(*METASPACE_FIELDS)
    spec = _pre_tokenizer(_c.PreTokenizerSpec.Kind.METASPACE)
    spec.replacement = node.child("replacement").character()
    spec.prepend = metaspace_prepend(node)
    spec.split = node.flag_or("split", True)
    return [spec]


def _fixed_length(node: Node) -> list[Any]:
    node.only("type", "length")
    spec = _pre_tokenizer(_c.PreTokenizerSpec.Kind.FIXED_LENGTH)
    if length := node.optional("length"):
        spec.length = length.integer(smallest=1)
    return [spec]


def _plain_pre_tokenizer(kind: Any) -> Any:
    def read(node: Node) -> list[Any]:
        node.only("type")
        return [_pre_tokenizer(kind)]

    return read


PRE_TOKENIZERS: dict[str, Any] = {
    "ByteLevel": _byte_level_pre_tokenizer,
    "BertPreTokenizer": _plain_pre_tokenizer(_c.PreTokenizerSpec.Kind.BERT),
    "Whitespace": _plain_pre_tokenizer(_c.PreTokenizerSpec.Kind.WHITESPACE),
    "WhitespaceSplit": _plain_pre_tokenizer(_c.PreTokenizerSpec.Kind.WHITESPACE_SPLIT),
    "Digits": _digits,
    "Punctuation": _punctuation,
    "Split": _split,
    "CharDelimiterSplit": _char_delimiter_split,
    "Metaspace": _metaspace,
    "UnicodeScripts": _plain_pre_tokenizer(_c.PreTokenizerSpec.Kind.UNICODE_SCRIPTS),
    "FixedLength": _fixed_length,
}
PRE_TOKENIZERS["Sequence"] = sequence("pretokenizers", PRE_TOKENIZERS)
