"""What a tokenizer's files are, and what they say, whatever their format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from quatrain.tokenizer.lengths import Padding, Truncation

if TYPE_CHECKING:
    from quatrain.tokenizer.formats.fields import Node


@dataclass(frozen=True)
class Source:
    """The files of a tokenizer: enough to read it again (pickling) and to write it (saving).

    Attributes:
        format: the name of its reader in `quatrain.tokenizer.formats`.
        files: file names and contents; the first is the tokenizer's own, others stand beside it.
        name: the path by which errors call the first file.
        options: what else its reader takes.
    """

    format: str
    files: dict[str, bytes]
    name: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Description:
    """What the files say.

    Attributes:
        spec: the core's ``TokenizerSpec``.
        special_ids: the ids that decoding skips.
        truncation, padding: the lengths that the file asks for; callers may change them.
        roles: roles and tokens, as ``{"eos_token": "</s>"}``; each with its place in a file.
        chat_template: the Jinja source of the chat template, if there is one.
    """

    spec: Any
    special_ids: frozenset[int]
    truncation: Truncation | None = None
    padding: Padding | None = None
    roles: dict[str, Node] = field(default_factory=dict)
    chat_template: str | None = None
