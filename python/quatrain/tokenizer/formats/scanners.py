"""The regular expressions that have a scanner in the core, spelled as files spell them.

Those of one scanner differ in nothing that they match.
"""

from __future__ import annotations

from typing import Any

from quatrain import _core
from quatrain.tokenizer.formats import expressions

_Spec = _core.tokenizer.PreTokenizerSpec
_Scanner = _Spec.Scanner
_ISOLATED, _REMOVED = _Spec.Behavior.ISOLATED, _Spec.Behavior.REMOVED

_EVERYWHERE = {
    expressions.GPT2: _Scanner.GPT2,
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+": _Scanner.GPT2,
    expressions.LLAMA3: _Scanner.LLAMA3,
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*"
    r"|\s*[\r\n]|\s+(?!\S)|\s+": _Scanner.LLAMA3,
    expressions.CL100K: _Scanner.CL100K,
    expressions.MINI_CPM5: _Scanner.MINI_CPM5,
    expressions.QWEN2: _Scanner.QWEN2,
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*"
    r"|\s*[\r\n]|\s+(?!\S)|\s+": _Scanner.QWEN2,
    expressions.QWEN35: _Scanner.QWEN35,
    expressions.SEED_CODER: _Scanner.SEED_CODER,
    expressions.UFAKZEKA: _Scanner.UFAKZEKA,
    expressions.O200K: _Scanner.O200K,
    expressions.YOUTU: _Scanner.YOUTU,
    expressions.TEKKEN: _Scanner.TEKKEN,
}

#: By what becomes of the matches, and whether they count as what lies between delimiters. An
#: expression that matches everywhere cuts alike either way.
SCANNERS: dict[tuple[Any, bool], dict[str, Any]] = {
    (_ISOLATED, False): _EVERYWHERE | {expressions.DEEP_SEEK3: _Scanner.DEEP_SEEK3},
    (_ISOLATED, True): _EVERYWHERE | {expressions.DEEP_SEEK3: _Scanner.DEEP_SEEK3},
    (_REMOVED, True): _EVERYWHERE | {expressions.CLIP: _Scanner.CLIP},
}


def find_scanner(expression: str, behavior: Any, invert: bool) -> list[Any] | None:
    """The steps that cut as a Split by the expression; None if no scanner does."""
    spelled = expression.replace("\r", r"\r").replace("\n", r"\n")
    scanner = SCANNERS.get((behavior, invert), {}).get(spelled)
    if scanner is None:
        return None
    spec = _Spec()
    spec.kind = _Spec.Kind.SPLIT_SCANNER
    spec.scanner = scanner
    if scanner != _Scanner.CLIP:
        return [spec]
    spaces = _Spec()
    spaces.kind = _Spec.Kind.WHITESPACE_SPLIT
    return [spaces, spec]
