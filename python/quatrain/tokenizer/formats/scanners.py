"""The regular expressions that have a scanner in the core, spelled as files spell them.

Those of one scanner differ in nothing that they match.
"""

from __future__ import annotations

from quatrain import _core
from quatrain.tokenizer.formats import expressions

_Scanner = _core.tokenizer.PreTokenizerSpec.Scanner

SCANNERS = {
    expressions.GPT2: _Scanner.GPT2,
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+": _Scanner.GPT2,
    expressions.LLAMA3: _Scanner.LLAMA3,
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*"
    r"|\s*[\r\n]|\s+(?!\S)|\s+": _Scanner.LLAMA3,
    expressions.CL100K: _Scanner.CL100K,
    expressions.QWEN2: _Scanner.QWEN2,
    expressions.QWEN35: _Scanner.QWEN35,
    expressions.O200K: _Scanner.O200K,
    expressions.TEKKEN: _Scanner.TEKKEN,
}
