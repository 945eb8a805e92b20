"""The decoders of ``tokenizer.json``."""

from __future__ import annotations

from typing import Any

from quatrain import _core
from quatrain.tokenizer.formats.fields import Node
from quatrain.tokenizer.formats.patterns import read_pattern
from quatrain.tokenizer.formats.text_parts import METASPACE_FIELDS, metaspace_prepend, sequence

_c = _core.tokenizer
_Kind = _c.DecoderSpec.Kind


def _decoder(kind: Any) -> Any:
    spec = _c.DecoderSpec()
    spec.kind = kind
    return spec


def _byte_level(node: Node) -> list[Any]:
    node.only("type", "add_prefix_space", "trim_offsets", "use_regex")
    return [_decoder(_Kind.BYTE_LEVEL)]


def _word_piece(node: Node) -> list[Any]:
    node.only("type", "prefix", "cleanup")
    spec = _decoder(_Kind.WORD_PIECE)
    spec.prefix = node.child("prefix").text()
    spec.cleanup = node.child("cleanup").flag()
    return [spec]


def _metaspace(node: Node) -> list[Any]:
    node.only(*METASPACE_FIELDS)
    spec = _decoder(_Kind.METASPACE)
    spec.character = node.child("replacement").character()
    spec.drops_first = metaspace_prepend(node) != _c.PreTokenizerSpec.Prepend.NEVER
    return [spec]


def _bpe(node: Node) -> list[Any]:
    node.only("type", "suffix")
    spec = _decoder(_Kind.BPE)
    spec.suffix = node.child("suffix").text()
    return [spec]


def _ctc(node: Node) -> list[Any]:
    node.only("type", "pad_token", "word_delimiter_token", "cleanup")
    spec = _decoder(_Kind.CTC)
    spec.pad_token = node.child("pad_token").text()
    spec.word_delimiter = node.child("word_delimiter_token").text()
    spec.cleanup = node.child("cleanup").flag()
    return [spec]


def _replace(node: Node) -> list[Any]:
    node.only("type", "pattern", "content")
    spec = _decoder(_Kind.REPLACE)
    spec.pattern = read_pattern(node.child("pattern"))
    spec.content = node.child("content").text()
    return [spec]


def _strip(node: Node) -> list[Any]:
    node.only("type", "content", "start", "stop")
    spec = _decoder(_Kind.STRIP)
    spec.character = node.child("content").character()
    spec.start = node.child("start").integer()
    spec.stop = node.child("stop").integer()
    return [spec]


def _plain(kind: Any) -> Any:
    def read(node: Node) -> list[Any]:
        node.only("type")
        return [_decoder(kind)]

    return read


def _sequence(node: Node) -> list[Any]:
    # The tokens of an empty sequence are joined as they are; without a decoder, by spaces.
    return sequence("decoders", DECODERS)(node) or [_decoder(_Kind.FUSE)]


DECODERS: dict[str, Any] = {
    "ByteLevel": _byte_level,
    "WordPiece": _word_piece,
    "Metaspace": _metaspace,
    "BPEDecoder": _bpe,
    "ByteFallback": _plain(_Kind.BYTE_FALLBACK),
    "CTC": _ctc,
    "Replace": _replace,
    "Strip": _strip,
    "Fuse": _plain(_Kind.FUSE),
    "Sequence": _sequence,
}
