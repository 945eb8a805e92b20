"""Figures that others published: gpt-tokenizer's vectors and a tutorial's, from ranks alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from quatrain.tokenizer import Tokenizer

pytestmark = pytest.mark.data("gpt-tokenizer")

#: How many there are of each; 313 in all.
VECTORS = {
    "r50k_base": 64,
    "p50k_base": 64,
    "p50k_edit": 64,
    "cl100k_base": 64,
    "o200k_base": 57,
}


def vectors(folder: Path, name: str) -> list[tuple[str, list[int]]]:
    text = (folder / "gpt-tokenizer" / "TestPlans.txt").read_text(encoding="utf-8") + "\n"
    pattern = rf"EncodingName: {name}\nSample: (.*?)\nEncoded: \[(.*?)\]\n"
    found = re.findall(pattern, text, re.DOTALL)
    return [(sample, [int(i) for i in ids.split(", ") if i]) for sample, ids in found]


def tokenizer(folder: Path, name: str) -> Tokenizer:
    ranks = name.replace("edit", "base")
    return Tokenizer.from_file(folder / "gpt-tokenizer" / f"{ranks}.tiktoken", encoding=name)


@pytest.mark.parametrize("name", VECTORS)
def test_gpt_tokenizer(name: str, test_data: Path) -> None:
    ours = tokenizer(test_data, name)
    plans = vectors(test_data, name)
    assert len(plans) == VECTORS[name]
    for sample, ids in plans:
        assert ours.encode(sample).ids == ids, sample
        assert ours.decode(ids) == sample


def test_tutorial(test_data: Path) -> None:
    text = "My name is Carson. I would like to try GPT-4 Tokenizer."
    begins = [5159, 836, 374, 41276, 13, 358, 1053, 1093, 311, 1456, 480, 2898, 12, 19, 9857, 3213]
    assert tokenizer(test_data, "cl100k_base").encode(text).ids[:16] == begins
