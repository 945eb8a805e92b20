"""A rendered chat and its tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from quatrain import _core
from quatrain.errors import InputError, TokenizerError
from quatrain.tokenizer.calls import calls
from quatrain.tokenizer.chat.rendered import content_of
from quatrain.tokenizer.encoding import Encoding

Ranges = list[tuple[int, int]]


class Chat:
    """A rendered chat: its text, its tokens, and which of them are from content.

    Content is all that the template did not write itself: what stands in messages, tools and
    variables, and what the template made of it. No id from content is a control token.

    Attributes:
        text: the text, as the template rendered it.
        content: the (begin, end) in characters of the parts of ``text`` that are content.
        encoding: the tokens of the text, with their offsets in it.
        from_content: for each token whether any of its text is content.
    """

    def __init__(self, text: str, content: Ranges, encoding: Encoding):
        self.text = text
        self.content = content
        self.encoding = encoding

    def __len__(self) -> int:
        """The number of tokens."""
        return len(self.encoding)

    def __repr__(self) -> str:
        return f"Chat({len(self)} tokens: {self.text[:60]!r}{'...' if len(self.text) > 60 else ''})"

    @property
    def ids(self) -> list[int]:
        """Token ids."""
        return self.encoding.ids

    @cached_property
    def from_content(self) -> list[bool]:
        found, at = [], 0
        for begin, end in self.encoding.offsets:
            # A token of white space may have been trimmed to nothing, behind what it stands for.
            begin = begin if begin < end else begin - 1
            while at < len(self.content) and self.content[at][1] <= begin:
                at += 1
            found.append(at < len(self.content) and self.content[at][0] < end)
        return found


def apply(
    core: Any,
    templates: Mapping[str, str],
    special_tokens: Mapping[str, str],
    plain_added: Mapping[str, int],
    file: str,
    messages: Sequence[Mapping[str, Any]],
    chosen: str | None,
    variables: Mapping[str, Any],
) -> Chat:
    """See `Tokenizer.apply_chat_template`.

    Args:
        core: the core's tokenizer.
        templates: sources by name.
        special_tokens: tokens by role, which templates may write.
        plain_added: the added tokens and user-defined pieces that are not special, and their ids.
        file: what errors call the tokenizer.
        messages, chosen, variables: the caller's.
    """
    try:
        from quatrain.tokenizer.chat.templates import render
    except ModuleNotFoundError:
        raise InputError("chat templates need jinja2: pip install 'quatrain[chat]'") from None
    source, name = _choose(templates, chosen, bool(variables["tools"]))
    if source is None:
        known = ", ".join(templates) or "none"
        raise TokenizerError(f"{file}: there is no {name}; templates: {known}")
    text = render(source, f"{file}: {name}", messages, special_tokens, variables)
    # A token of white space stands in templates as any text does.
    control = [i for token, i in plain_added.items() if token in source and not token.isspace()]
    rule = core.special_rule(False, [], control)
    lengths = _core.tokenizer.LengthSpec()
    plain, content = str.__str__(text), content_of(text)
    encode = calls(core, lengths, rule).encode
    return Chat(plain, content, encode(plain, None, False, _byte_ranges(plain, content)))


def _choose(
    templates: Mapping[str, str], chosen: str | None, has_tools: bool
) -> tuple[str | None, str]:
    """The source of the template to use, and what errors call it."""
    if chosen is None:
        chosen = "tool_use" if has_tools and "tool_use" in templates else "default"
    elif chosen not in templates:
        # A source has an expression or a statement: what has none is a mistaken name.
        return (chosen, "chat template") if "{" in chosen else (None, f"chat template {chosen!r}")
    return templates.get(chosen), f"chat template {chosen!r}"


def _byte_ranges(text: str, ranges: Ranges) -> Ranges:
    """Ranges of characters as ranges of the text's UTF-8."""
    if text.isascii():
        return ranges
    found = []
    at = byte = 0
    for begin, end in ranges:
        first = byte + _size(text[at:begin])
        byte = first + _size(text[begin:end])
        at = end
        found.append((first, byte))
    return found


def _size(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))
