"""The parts of a byte-level tokenizer, for formats that take them for granted."""

from __future__ import annotations

from typing import Any

from quatrain import _core
from quatrain.tokenizer.formats.fields import Node
from quatrain.tokenizer.formats.text_parts import PRE_TOKENIZERS

_c = _core.tokenizer

_PRINTABLE = [*range(33, 127), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_OTHERS = [byte for byte in range(256) if byte not in _PRINTABLE]
_ALPHABET = {byte: chr(byte) for byte in _PRINTABLE}
_ALPHABET |= {byte: chr(256 + i) for i, byte in enumerate(_OTHERS)}


def spell(token: bytes) -> str:
    """A token in GPT-2's alphabet, which has one printable character per byte."""
    return "".join(map(_ALPHABET.__getitem__, token))


def cut_by(*patterns: Node, add_prefix_space: bool = False) -> list[Any]:
    """Pre-tokenizers that cut a text by regular expressions, one after the other, into bytes."""
    steps = [step for pattern in patterns for step in _split(pattern)]
    spec = _c.PreTokenizerSpec()
    spec.kind = _c.PreTokenizerSpec.Kind.BYTE_LEVEL
    spec.use_regex = False
    spec.add_prefix_space = add_prefix_space
    return [*steps, spec]


def decoders() -> list[Any]:
    spec = _c.DecoderSpec()
    spec.kind = _c.DecoderSpec.Kind.BYTE_LEVEL
    return [spec]


def _split(pattern: Node) -> list[Any]:
    fields = {"pattern": {"Regex": pattern.text()}, "behavior": "Isolated", "invert": False}
    node = Node({"type": "Split", **fields}, pattern.file, pattern.path)
    return list(PRE_TOKENIZERS["Split"](node))
