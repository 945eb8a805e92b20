"""The post-processors of ``tokenizer.json``."""

from __future__ import annotations

from typing import Any

from quatrain import _core
from quatrain.tokenizer.formats.fields import Node
from quatrain.tokenizer.formats.text_parts import sequence

_c = _core.tokenizer


def _trim(node: Node) -> list[Any]:
    if not node.flag_or("trim_offsets", True):
        return []
    spec = _c.PostProcessorSpec()
    spec.kind = _c.PostProcessorSpec.Kind.TRIM_OFFSETS
    spec.add_prefix_space = node.child("add_prefix_space").flag()
    return [spec]


def _byte_level_post_processor(node: Node) -> list[Any]:
    node.only("type", "add_prefix_space", "trim_offsets", "use_regex")
    return _trim(node)


def _text(is_pair: bool, type_id: int) -> Any:
    piece = _c.TemplatePiece()
    piece.is_sequence = True
    piece.is_pair = is_pair
    piece.type_id = type_id
    return piece


def _special(tokens: list[str], ids: list[int], type_id: int) -> Any:
    piece = _c.TemplatePiece()
    piece.tokens = tokens
    piece.ids = ids
    piece.type_id = type_id
    return piece


def _template(node: Node) -> list[Any]:
    node.only("type", "single", "pair", "special_tokens")
    specials = node.child("special_tokens")
    spec = _c.PostProcessorSpec()
    spec.kind = _c.PostProcessorSpec.Kind.TEMPLATE
    spec.single = [_template_piece(piece, specials) for piece in node.child("single").items()]
    spec.pair = [_template_piece(piece, specials) for piece in node.child("pair").items()]
    return [spec]


def _template_piece(node: Node, specials: Node) -> Any:
    node.only("Sequence", "SpecialToken")
    if (sequence := node.optional("Sequence")) is not None:
        sequence.only("id", "type_id")
        is_pair = sequence.child("id").choice({"A": False, "B": True})
        return _text(is_pair, sequence.child("type_id").integer())
    piece = node.child("SpecialToken")
    piece.only("id", "type_id")
    token = specials.child(piece.child("id").text())
    token.only("id", "ids", "tokens")
    return _special(
        [text.text() for text in token.child("tokens").items()],
        [index.integer() for index in token.child("ids").items()],
        piece.child("type_id").integer(),
    )


def _token_and_id(node: Node) -> tuple[list[str], list[int]]:
    items = node.items()
    if len(items) != 2:
        node.fail(f"found {len(items)} values, expected a token and its id")
    return [items[0].text()], [items[1].integer()]


def _around(node: Node, kind: Any) -> Any:
    spec = _c.PostProcessorSpec()
    spec.kind = kind
    spec.cls = _special(*_token_and_id(node.child("cls")), 0)
    spec.sep = _special(*_token_and_id(node.child("sep")), 0)
    return spec


def _bert_processing(node: Node) -> list[Any]:
    node.only("type", "sep", "cls")
    return [_around(node, _c.PostProcessorSpec.Kind.BERT)]


def _roberta_processing(node: Node) -> list[Any]:
    node.only("type", "sep", "cls", "trim_offsets", "add_prefix_space")
    return [*_trim(node), _around(node, _c.PostProcessorSpec.Kind.ROBERTA)]


POST_PROCESSORS: dict[str, Any] = {
    "ByteLevel": _byte_level_post_processor,
    "TemplateProcessing": _template,
    "BertProcessing": _bert_processing,
    "RobertaProcessing": _roberta_processing,
}
POST_PROCESSORS["Sequence"] = sequence("processors", POST_PROCESSORS)
