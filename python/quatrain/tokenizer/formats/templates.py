"""What goes around texts, as the ``TemplateProcessing`` of a ``tokenizer.json`` has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Fields = dict[str, Any]


def token_part(token: str, type_id: int) -> Fields:
    """A special token in a template."""
    return {"SpecialToken": {"id": token, "type_id": type_id}}


def text_part(name: str, type_id: int) -> Fields:
    """The first text ("A") or the second ("B") in a template."""
    return {"Sequence": {"id": name, "type_id": type_id}}


def template(single: list[Fields], pair: list[Fields], id_of: Callable[[str], int]) -> Fields:
    """The post-processor of these parts; ``id_of`` gives the ids of their special tokens."""
    parts = [part.get("SpecialToken") for part in single + pair]
    tokens = dict.fromkeys(part["id"] for part in parts if part is not None)
    ids = {token: {"id": token, "ids": [id_of(token)], "tokens": [token]} for token in tokens}
    return {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": ids}


def around_each(first: str | None, last: str | None, id_of: Callable[[str], int]) -> Fields:
    """The post-processor that puts tokens, where there are any, before and after each text."""
    a, b = (
        [
            *([] if first is None else [token_part(first, type_id)]),
            text_part(name, type_id),
            *([] if last is None else [token_part(last, type_id)]),
        ]
        for type_id, name in enumerate("AB")
    )
    return template(a, a + b, id_of)
