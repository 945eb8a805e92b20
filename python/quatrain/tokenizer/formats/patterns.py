"""What Split and Replace look for."""

from __future__ import annotations

import re
from typing import Any

from quatrain import _core
from quatrain.tokenizer.formats.fields import Node
from quatrain.tokenizer.regex import Regex, RegexError

_Spec = _core.tokenizer.PatternSpec

_ESCAPE = r"\\[snrt]|\\p\{[LMNPS]\}"
_MEMBER = rf"{_ESCAPE}|\\[!-/:-@\[-`{{-~]|[^\\\[\]^&-](?:-[^\\\[\]^&-])?"
# One character or one class of them, once or repeated, perhaps behind a space: the core needs no
# engine for those.
_RUN = re.compile(
    r"(?P<lead>(?: |\\s)\?)?"
    rf"(?:\[(?P<outside>\^)?(?P<members>(?:{_MEMBER}|\[(?!:)(?:{_MEMBER})+\])+)\]"
    rf"|(?P<member>{_ESCAPE}|[^\\\[\](){{}}.*+?|^$&-]))"
    r"(?P<repeat>\+\+?|\{(?P<least>\d{1,5})(?P<comma>,)?(?P<most>(?<=,)\d{1,5})?\})?"
    r"(?P<line_end>\$)?",
    re.DOTALL,
)
_SPELLED_OUT = re.compile(r"(\[[^\[\]\\]+\])\1+")
_CLASSES = {
    r"\s": _Spec.SPACE,
    r"\p{L}": _Spec.LETTER,
    r"\p{M}": _Spec.MARK,
    r"\p{N}": _Spec.NUMBER,
    r"\p{P}": _Spec.PUNCTUATION,
    r"\p{S}": _Spec.SYMBOL,
}
_LEADS = {None: _Spec.Lead.NONE, " ?": _Spec.Lead.SPACE, r"\s?": _Spec.Lead.ANY_SPACE}
_ESCAPES = {r"\n": "\n", r"\r": "\r", r"\t": "\t"}
_ENDLESS = 2**62


def literal(text: str) -> Any:
    """The text itself."""
    spec = _Spec()
    spec.kind = _Spec.Kind.LITERAL
    spec.literal = text
    return spec


def read_pattern(node: Node) -> Any:
    """``{"String": ...}`` or ``{"Regex": ...}``."""
    node.only("String", "Regex")
    if node.optional("Regex") is None:
        return literal(node.child("String").text())
    if node.optional("String") is not None:
        node.fail("found both a String and a Regex, expected one of them")
    expression = node.child("Regex")
    spec = read_run(expression.text())
    if spec is not None:
        return spec
    spec = _Spec()
    spec.kind = _Spec.Kind.REGEX
    try:
        spec.matcher = Regex(expression.text())
    except RegexError as error:
        expression.fail(str(error))
    return spec


def read_run(expression: str) -> Any | None:
    """A repeated class as the core runs it; None for any other expression."""
    if spelled_out := _SPELLED_OUT.fullmatch(expression):
        unit = spelled_out[1]
        expression = f"{unit}{{{len(expression) // len(unit)}}}"
    match = _RUN.fullmatch(expression)
    if match is None:
        return None
    most = 1 if match["repeat"] is None else _ENDLESS
    least = int(match["least"] or 1)
    if match["most"] or (match["least"] and not match["comma"]):
        most = int(match["most"] or match["least"])
    if not 1 <= least <= most:
        return None
    if match["line_end"] and (match["lead"] or match["repeat"] != "+"):
        return None
    spec = _Spec()
    spec.kind = _Spec.Kind.RUN
    spec.least, spec.most = least, most
    spec.lead = _LEADS[match["lead"]]
    spec.outside = match["outside"] is not None
    spec.to_line_end = match["line_end"] is not None
    ranges = []
    for member in re.findall(_MEMBER, match["members"] or match["member"], re.DOTALL):
        if member in _CLASSES:
            spec.classes |= _CLASSES[member]
        else:
            text = _ESCAPES.get(member, member.removeprefix("\\"))
            if ord(text[0]) > ord(text[-1]):
                return None
            ranges.append((ord(text[0]), ord(text[-1])))
    spec.ranges = _merged(ranges)
    return spec


def _merged(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same characters in ascending ranges that do not overlap."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged
