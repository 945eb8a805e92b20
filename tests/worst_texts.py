"""Texts that make tokenizers slow, of about a given number of bytes. Needs nothing installed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence


def _random(alphabet: Sequence[str], size: int) -> str:
    return "".join(random.Random(5).choices(alphabet, k=size))


WORST: dict[str, Callable[[int], str]] = {
    "one letter": lambda size: "a" * size,
    "spaces": lambda size: " " * size,
    "newlines": lambda size: "\n" * size,
    "Han": lambda size: _random([chr(c) for c in range(0x4E00, 0x9F00)], size // 3),
    "letters": lambda size: _random("abcdefghijklmnopqrstuvwxyz", size),
    "marks": lambda size: "a" + "\u0301\u0323" * (size // 4),
    "Hangul in parts": lambda size: "\u1112\u1161\u11ab" * (size // 9),
    "pairs": lambda size: "ab" * (size // 2),
    # Every merge changes what the next one may be.
    "merging": lambda size: "".join("aeinorst"[i * i * i % 31 % 8] for i in range(size)),
    "digits": lambda size: "1234567890" * (size // 10),
    "emoji": lambda size: "\U0001f469\u200d" * (size // 7),
    "punctuation": lambda size: _random("!?.,;:-_()[]{}'\"", size),
    "apostrophes": lambda size: "'" * size,
}
