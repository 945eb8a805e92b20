"""Unicode's own NormalizationTest, for the characters of Unicode 9.0: the version of our forms.

The file is 10.0's: normalization is stable, so that of a character never changes once it has one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quatrain.tokenizer import Tokenizer
from tokenizer_data import plain_bpe, to_bytes

pytestmark = pytest.mark.data("unicode")

COLUMNS = ("sourceSequence", "NFCSequence", "NFDSequence", "NFKCSequence", "NFKDSequence")
#: Form -> the columns that it turns into one, and that one.
RULES = {
    "NFC": [((0, 1, 2), 1), ((3, 4), 3)],
    "NFD": [((0, 1, 2), 2), ((3, 4), 4)],
    "NFKC": [((0, 1, 2, 3, 4), 3)],
    "NFKD": [((0, 1, 2, 3, 4), 4)],
}


def read(folder: Path, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((folder / "unicode" / f"{name}.json").read_bytes())[
        name
    ]
    return rows


def assigned(folder: Path) -> set[str]:
    """The characters that Unicode 9.0 has."""
    found = set()
    for row in read(folder, "DerivedAge"):
        if float(row["unicodeVersion"]) <= 9:
            first, last = (int(row["range"][end], 16) for end in (0, -1))
            found |= {chr(c) for c in range(first, last + 1)}
    return {c for c in found if not "\ud800" <= c <= "\udfff"}


def cases(folder: Path) -> Iterator[list[str]]:
    """The five columns of every row, as texts."""
    for row in read(folder, "NormalizationTest"):
        if "NFCSequence" in row:
            yield ["".join(chr(int(c, 16)) for c in row[column]) for column in COLUMNS]


def normalized(form: str, texts: list[str]) -> list[str]:
    """Through a tokenizer whose tokens are bytes."""
    tokenizer = Tokenizer(to_bytes(plain_bpe([]) | {"normalizer": {"type": form}}))
    return [tokenizer.decode(encoding.ids) for encoding in tokenizer.encode_batch(texts)]


@pytest.mark.parametrize("form", RULES)
def test_normalization(form: str, test_data: Path) -> None:
    known = assigned(test_data)
    rows = [row for row in cases(test_data) if known.issuperset("".join(row))]
    assert len(rows) > 18_000
    for columns, right in RULES[form]:
        for column in columns:
            found = normalized(form, [row[column] for row in rows])
            wrong = [(r[column], f) for r, f in zip(rows, found, strict=True) if f != r[right]]
            assert not wrong, wrong[:5]
    # Characters that no row begins with stay what they are.
    others = sorted(known - {row[0] for row in rows if len(row[0]) == 1})
    assert normalized(form, others) == others
