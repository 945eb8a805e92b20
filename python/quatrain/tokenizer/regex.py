"""Regular expressions without a scanner of ours: run by Oniguruma, the engine of the peers.

The engine comes with PyPI ``onigurumacffi``, which is optional. That it means by each class of
characters what ``tokenizers`` means by it is measured over all code points, and that it matches
alike on random expressions, in ``tests/test_tokenizer_regex.py``.
"""

from __future__ import annotations

import re
from time import thread_time
from typing import Any

from quatrain.errors import TokenizerError

# An expression may take polynomial time, and there are files made for that. The engine gives up by
# itself where one match needs 10 million steps; a whole text may take this long.
_SECONDS, _SECONDS_PER_BYTE = 10.0, 1e-4


class RegexError(ValueError):
    """The expression cannot be used; the message says why."""


class Regex:
    """A compiled expression. Any number of threads may use one.

    Raises:
        RegexError: the package is missing, or the expression is malformed.
    """

    def __init__(self, pattern: str):
        try:
            import _onigurumacffi
            import onigurumacffi
        except ImportError:
            raise RegexError(
                f"{pattern!r} has no scanner here and needs a regex engine: "
                "pip install 'quatrain[regex]'"
            ) from None
        if re.search(r"(?<!\\)(?:\\\\)*\\G", pattern):
            raise RegexError(f"{pattern!r}: \\G is not supported")
        try:
            self._compiled = onigurumacffi.compile(pattern)
        except onigurumacffi.OnigError as error:
            raise RegexError(f"{pattern!r} is malformed: {error}") from None
        self._pattern = pattern
        self._lib = _onigurumacffi.lib

    def __call__(self, text: str) -> list[tuple[int, int]]:
        """All matches as (begin, end) in bytes of UTF-8, from left to right.

        An empty match right behind another is none, as in the peers.

        Raises:
            TokenizerError: the expression takes too long on this text.
        """
        data = text.encode()
        region = self._lib.onig_region_new()
        try:
            return self._matches(data, region)
        finally:
            self._lib.onigcffi_region_free(region)

    def _matches(self, data: bytes, region: Any) -> list[tuple[int, int]]:
        # Tried at one place after the other: a search could not be stopped.
        match, compiled, mismatch = (
            self._lib.onigcffi_match,
            self._compiled._regex_t,
            self._lib.ONIG_MISMATCH,
        )
        found = []
        size, at, last, tries = len(data), 0, -1, 0
        deadline = thread_time() + _SECONDS + _SECONDS_PER_BYTE * size
        while at <= size:
            status = match(compiled, data, size, at, region, 0)
            tries += 1
            if tries % 16 == 0 and thread_time() > deadline:
                self._give_up(size)
            if status >= 0:
                begin, end = region.beg[0], region.end[0]
                if begin < end or end != last:
                    found.append((begin, end))
                    at = last = end
                    continue
            elif status != mismatch:
                self._give_up(size)
            at += 1
            while at < size and data[at] & 0xC0 == 0x80:
                at += 1
        return found

    def _give_up(self, size: int) -> None:
        raise TokenizerError(
            f"the regular expression {self._pattern!r} takes too long on a text of {size} bytes"
        )
