"""How far a model's texts are from parallel ones, in characters.

    python tools/conversion/score.py MODEL SOURCE.txt TARGET.txt [--lines N] [--beams N]

One text a line; lines that are empty on either side are left out. Prints how many edits for each
character turn what is written into what is expected.
"""

from __future__ import annotations

import argparse
import unicodedata
from pathlib import Path

import quatrain


def plain(text: str) -> str:
    """A text without invisible marks of direction, and without space around it."""
    return "".join(c for c in text if unicodedata.category(c) != "Cf").strip()


def edits(a: str, b: str) -> int:
    """How many letters must be put in, left out or changed to turn a into b (Levenshtein)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def score(model: quatrain.Model, pairs: list[tuple[str, str]], beams: int = 1) -> tuple[int, int]:
    """The edits and the characters of all pairs of a source and what is expected of it."""
    wrong = total = 0
    for source, target in pairs:
        expected = plain(target)
        if source.strip() and expected:
            wrong += edits(plain(model.generate(source.strip(), num_beams=beams).text), expected)
            total += len(expected)
    return wrong, total


def pairs_of(source: Path, target: Path) -> list[tuple[str, str]]:
    """The parallel lines of two files."""
    lines = (path.read_text(encoding="utf-8").split("\n") for path in (source, target))
    return list(zip(*lines, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--lines", type=int)
    parser.add_argument("--beams", type=int, default=1)
    given = parser.parse_args()
    pairs = pairs_of(given.source, given.target)[: given.lines]
    wrong, total = score(quatrain.load(given.model), pairs, given.beams)
    print(f"{len(pairs)} lines: {wrong} edits for {total} characters, {100 * wrong / total:.2f}%")


if __name__ == "__main__":
    main()
