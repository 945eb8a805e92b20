"""Files beside a tokenizer's own: they name the special tokens by role."""

from __future__ import annotations

from pathlib import Path

from quatrain.tokenizer.description import Source
from quatrain.tokenizer.formats.fields import Node, parse

#: The first that names a role decides.
SIDE_FILES = ("tokenizer_config.json", "special_tokens_map.json")
ROLES = ("bos_token", "eos_token", "pad_token")


def roles(source: Source) -> dict[str, Node]:
    """The tokens that the side files name by role, each with its place for complaints."""
    found: dict[str, Node] = {}
    for file in SIDE_FILES:
        if file not in source.files:
            continue
        root = parse(source.files[file], str(Path(source.name).parent / file))
        for role in ROLES:
            field = root.optional(role)
            if role not in found and field is not None:
                found[role] = field.child("content") if isinstance(field.value, dict) else field
    return found
