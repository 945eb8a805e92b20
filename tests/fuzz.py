"""Differential fuzzing of real tokenizers: ``python tests/fuzz.py FOLDER FIRST LAST [NAME...]``.

Text number n of a tokenizer is always the same, so that a difference can be found again by name and
number. Texts go to both sides in batches: the peer's calls are what takes the time.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

from fuzz_texts import Texts, reduced
from quatrain.tokenizer import Tokenizer
from real_tokenizers import LOSSLESS, REAL, real

BATCH = 500
FIELDS = ("ids", "offsets", "word_ids", "type_ids", "special_tokens_mask")


class Pair:
    """One real tokenizer in quatrain and in the ``tokenizers`` library."""

    def __init__(self, name: str, folder: Path):
        import tokenizers  # a third party, which need not be installed to collect the tests

        data = real(name, folder)
        added = json.loads(data)["added_tokens"]
        self.name = name
        self.ours = Tokenizer(data)
        self.peer = tokenizers.Tokenizer.from_str(data.decode())
        self.texts = Texts(folder, [token["content"] for token in added][:300])

    def text(self, number: int) -> str:
        return self.texts.draw(random.Random(f"{self.name} {number}"))

    def difference(self, text: str) -> str | None:
        return self._difference(text, self.ours.encode(text), self.peer.encode(text))

    def _difference(self, text: str, ours: Any, peer: Any) -> str | None:
        for field in FIELDS:
            mine, theirs = getattr(ours, field), getattr(peer, field)
            if mine != theirs:
                return f"{field}: {mine} is not {theirs}"
        mine, theirs = (side.decode(ours.ids) for side in (self.ours, self.peer))
        if mine != theirs:
            return f"decode: {mine!r} is not {theirs!r}"
        if self.name in LOSSLESS:
            # Of a text only: ids of special tokens would be skipped, or had been text.
            plain = self.ours.encode(text, add_special_tokens=False).ids
            if (back := self.ours.decode(plain, skip_special_tokens=False)) != text:
                return f"round trip: {back!r}"
        return None

    def check(self, first: int, last: int) -> None:
        """Compare texts number ``first`` to ``last``, and fail with the smallest that differs."""
        for begin in range(first, last, BATCH):
            texts = [self.text(number) for number in range(begin, min(last, begin + BATCH))]
            both = zip(
                texts, self.ours.encode_batch(texts), self.peer.encode_batch(texts), strict=True
            )
            for number, (text, ours, peer) in enumerate(both, begin):
                if self._difference(text, ours, peer):
                    text = reduced(text, lambda text: self.difference(text) is not None)
                    raise AssertionError(
                        f"{self.name}, text {number}: {text!r}: {self.difference(text)}"
                    )


def main() -> None:
    folder, first, last, *names = sys.argv[1:]
    total = 0
    for name in names or REAL:
        Pair(name, Path(folder)).check(int(first), int(last))
        total += int(last) - int(first)
        print(f"{name}: {int(last) - int(first)} texts, all equal", flush=True)
    print(f"{total} texts on {len(names or REAL)} tokenizers: all equal")


if __name__ == "__main__":
    main()
