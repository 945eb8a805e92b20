"""The regular expressions that have a scanner in the core, spelled as files spell them.

Those of one scanner differ in nothing that they match.
"""

from __future__ import annotations

from quatrain import _core

_Scanner = _core.tokenizer.PreTokenizerSpec.Scanner

_WORDS = r"'(?:[sdmt]|ll|ve|re)"
_WORDS_IN_FULL = r"'s|'t|'re|'ve|'m|'ll|'d"
_ANY_CASE = rf"(?i:{_WORDS_IN_FULL})"
_GPT2 = r"| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_SPACES = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
_LLAMA3 = r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + _SPACES
_LEAD, _CAPITALS, _SMALL = (
    r"[^\r\n\p{L}\p{N}]?",
    r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]",
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]",
)
_SYMBOLS = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*"


def _cased(suffix: str, digits: str) -> str:
    words = (f"{_LEAD}{_CAPITALS}{a}{_SMALL}{b}{suffix}" for a, b in (("*", "+"), ("+", "*")))
    return "|".join(words) + "|" + digits + _SYMBOLS + _SPACES


SCANNERS = {
    _WORDS_IN_FULL + _GPT2: _Scanner.GPT2,
    _WORDS + _GPT2: _Scanner.GPT2,
    _ANY_CASE + _LLAMA3: _Scanner.LLAMA3,
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*"
    r"|\s*[\r\n]|\s+(?!\S)|\s+": _Scanner.LLAMA3,
    _ANY_CASE + _LLAMA3.replace("{1,3}", ""): _Scanner.QWEN2,
    _ANY_CASE
    + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
    + _SPACES: _Scanner.QWEN35,
    _cased(_ANY_CASE + "?", r"\p{N}{1,3}"): _Scanner.O200K,
    _cased("", r"\p{N}"): _Scanner.TEKKEN,
}
