# ruff: noqa: RUF001 (ambiguous characters are what these texts are for)
"""Texts to compare tokenizers on: real sentences of every script, code, and what breaks things.

Everything is drawn from a seed, so a failure names its text by tokenizer and seed.
"""

from __future__ import annotations

import functools
import html
import random
import re
import unicodedata
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from tokenizer_data import HOSTILE

#: First and last code point of blocks whose members are drawn at random.
BLOCKS = [
    (0x0000, 0x0020), (0x0020, 0x007F), (0x007F, 0x00A1), (0x00A0, 0x0250), (0x0250, 0x0300),
    (0x0300, 0x0370), (0x0370, 0x0530), (0x0530, 0x0700), (0x0700, 0x0900), (0x0900, 0x0E00),
    (0x0E00, 0x1000), (0x1000, 0x1200), (0x1100, 0x1200), (0x1200, 0x1800), (0x1800, 0x1E00),
    (0x1E00, 0x2000), (0x2000, 0x2070), (0x2070, 0x2200), (0x2200, 0x2C00), (0x2C00, 0x2E80),
    (0x2E80, 0x3100), (0x3040, 0x3100), (0x3100, 0x3400), (0x4E00, 0xA000), (0xA000, 0xAC00),
    (0xAC00, 0xD7A4), (0xD7B0, 0xD800), (0xE000, 0xF900), (0xF900, 0xFB00), (0xFB00, 0xFE00),
    (0xFE00, 0xFE70), (0xFE70, 0xFFF0), (0xFFF0, 0x10000), (0x10000, 0x11000),
    (0x11000, 0x13000), (0x16000, 0x18000), (0x1B000, 0x1D000), (0x1D000, 0x1F000),
    (0x1F000, 0x1FB00), (0x20000, 0x30000), (0xE0000, 0xE0200), (0xF0000, 0x110000),
]  # fmt: skip
SPACES = [" ", "  ", "\t", "\n", "\r\n", "\n\n", "\r", "\u00a0", "\u3000", "\u2028", "\u0085", "\v"]
EMOJI = [*"👩👨👧🏳🌈🇺🇦🇩🇪😀👍🤷🫠❤☝1#*", "\u200d", "️", "🏽", "\u20e3", "\U000e0067", "\U000e007f"]
MARKS = [chr(c) for c in range(0x300, 0x370)] + [*"\u0323\u093c\u05b0\u3099\u1dc0\u20d0\ufe20"]
CONTROLS = [chr(c) for c in (*range(32), *range(0x7F, 0xA0))] + [
    *"\u00ad\u200b\u200c\u200d\u200e\u202e\u2060\u2066\ufeff\ufff9\ufffd"
]
UNASSIGNED = [*"\u0378\u0530\u2fe0\uffff\ufffe\U0001ffff\U000e0fff\U0010ffff\ue000\ufdd0"]
AFFIXES = ["'s", "'LL", "'ſ", "’t", "##ing", "Ġ", "▁", "<0x0A>", "<unk>", "</s>", "<s>", "[UNK]"]


class Texts:
    """Random texts around the real sentences of ``folder`` (the test data) and special tokens."""

    def __init__(self, folder: Path, special_tokens: list[str]):
        self.sentences = _sentences(folder)
        self.code = _code(folder)
        self.special_tokens = [*special_tokens, *AFFIXES]
        self.kinds: list[Callable[[random.Random], str]] = [
            self.sentence, self.sentence, self.mixed, self.mutated, self.mutated, self.program,
            self.any_script, self.soup, self.emoji, self.marks, self.controls, self.long_word,
            self.spaces, self.look_alike, self.forms,
        ]  # fmt: skip

    def draw(self, rng: random.Random) -> str:
        """One text, of up to a few hundred characters and now and then a few thousand."""
        return rng.choice(self.kinds)(rng)

    def sentence(self, rng: random.Random) -> str:
        return rng.choice(self.sentences)

    def mixed(self, rng: random.Random) -> str:
        """Ends of sentences in several languages."""
        parts = []
        for _ in range(rng.randrange(2, 6)):
            text = rng.choice(self.sentences)
            begin = rng.randrange(len(text))
            parts.append(text[begin : begin + rng.randrange(1, 40)])
        return rng.choice(["", " ", "\n", *SPACES]).join(parts)

    def mutated(self, rng: random.Random) -> str:
        """A sentence in which characters were dropped, doubled, swapped or replaced."""
        text = list(rng.choice(self.sentences)[:200])
        for _ in range(rng.randrange(1, 12)):
            at = rng.randrange(len(text))
            new = rng.choice(self.kinds[5:])(rng)[:3] if rng.random() < 0.3 else text[at]
            text[at : at + 1] = rng.choice(
                [[], [text[at]] * rng.randrange(2, 9), [new], [rng.choice(SPACES)],
                 [text[at].upper()], [text[at].title()], [*text[at : at + 2]][::-1]]
            )  # fmt: skip
            text = text or ["x"]
        return "".join(text)

    def program(self, rng: random.Random) -> str:
        at = rng.randrange(len(self.code))
        return "\n".join(self.code[at : at + rng.randrange(1, 8)])

    def any_script(self, rng: random.Random) -> str:
        """Letters, marks and whatever else of one block, in words."""
        begin, end = rng.choice(BLOCKS)
        words = (
            "".join(chr(rng.randrange(begin, end)) for _ in range(rng.randrange(1, 9)))
            for _ in range(rng.randrange(1, 8))
        )
        return " ".join(words)

    def soup(self, rng: random.Random) -> str:
        """Characters of all blocks, without any sense."""
        return "".join(chr(rng.randrange(*rng.choice(BLOCKS))) for _ in range(rng.randrange(1, 40)))

    def emoji(self, rng: random.Random) -> str:
        return "".join(rng.choices(EMOJI, k=rng.randrange(1, 25)))

    def marks(self, rng: random.Random) -> str:
        """Letters under more marks than any language has."""
        size = rng.choice([1, 3, 10, 80])
        return "".join(
            rng.choice([*"aeioKÅqЙ中한ا ", ""]) + "".join(rng.choices(MARKS, k=rng.randrange(size)))
            for _ in range(rng.randrange(1, 8))
        )

    def controls(self, rng: random.Random) -> str:
        odd = CONTROLS + UNASSIGNED
        return "".join(
            rng.choice(odd) if rng.random() < 0.5 else rng.choice("ab 1.") for _ in range(20)
        )

    def long_word(self, rng: random.Random) -> str:
        """One word that no pre-tokenizer cuts, repetitive or random."""
        size = rng.choice([30, 60, 120, 500]) if rng.random() < 0.95 else 3000
        alphabet = rng.choice(["a", "ab", "abcdefghijklmnopqrstuvwxyz", "中文字", "ไทย", "ъё", "é"])
        return "".join(rng.choices(alphabet, k=size))

    def spaces(self, rng: random.Random) -> str:
        """Long runs of one space or of several."""
        parts = []
        for _ in range(rng.randrange(1, 5)):
            parts.append(rng.choice(SPACES) * rng.choice([1, 2, 3, 7, 40, 200]))
            parts.append(rng.choice(["", "a", "1", ".", "é", "中", "'s"]))
        return "".join(parts)

    def look_alike(self, rng: random.Random) -> str:
        """Special tokens, whole and damaged, with and without spaces around them."""
        parts = []
        for _ in range(rng.randrange(1, 6)):
            token = rng.choice(self.special_tokens)
            if rng.random() < 0.5:
                at = rng.randrange(len(token))
                token = rng.choice([token[:at], token[at:], token.lower(), token[:at] + " "])
            parts += [token, rng.choice(["", "", " ", "x", "\n", "  ", ".", "é"])]
        return "".join(parts)

    def forms(self, rng: random.Random) -> str:
        """A sentence in a normalization form it was not written in."""
        form = rng.choice(["NFC", "NFD", "NFKC", "NFKD"])
        return unicodedata.normalize(form, self.mixed(rng))  # type: ignore[arg-type]


@functools.cache
def _sentences(folder: Path) -> list[str]:
    """Sentences of 400 languages, a few thousand in all, and texts that broke tokenizers."""
    found = list(HOSTILE[1:])
    for path in sorted((folder / "text" / "udhr").glob("*.html")):
        page = html.unescape(re.sub(r"<[^>]+>", "\n", path.read_text(encoding="utf-8")))
        lines = [line.strip() for line in page.splitlines()]
        found += [line[:300] for line in lines if line][1:16]
    for name in ("spa.tsv", "ukr.tsv"):
        lines = (folder / "text" / name).read_text(encoding="utf-8").splitlines()
        found += [part for line in lines[:: len(lines) // 500] for part in line.split("\t")[:2]]
    reviews = (folder / "text" / "chinese" / "pos.txt").read_text(encoding="utf-8").splitlines()
    found += [review[:200] for review in reviews[:2000] if review.strip()]
    return [sentence for sentence in found if sentence]


@functools.cache
def _code(folder: Path) -> list[str]:
    lines: list[str] = []
    for path in sorted((folder / "text" / "code").glob("*/modeling_*.py"))[:10]:
        lines += path.read_text(encoding="utf-8").splitlines()
    return lines


def reduced(text: str, fails: Callable[[str], bool]) -> str:
    """A smallest text that still fails: no chunk of it can be left out."""
    size = len(text) // 2
    while size:
        cuts = range(0, len(text) + size, size)
        shorter = (text[:begin] + text[end:] for begin, end in pairwise(cuts))
        text, size = next(((t, size) for t in shorter if t != text and fails(t)), (text, size // 2))
    return text
