"""No text takes much longer than any other, per byte, and time grows with length alone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from fuzz_texts import Texts
from quatrain.tokenizer import Tokenizer
from real_tokenizers import REAL, real
from worst_texts import WORST

pytestmark = pytest.mark.data("tokenizers", "text", "minilm", "gpt2", "llama.cpp")

SMALL, LARGE = 10_000, 100_000
#: The most that a text may take of the time of as many bytes of sentences.
SLOWER = 10
#: The most that a byte may take of the time that it takes in a text of a tenth the length: memory
#: counts for a little, a quadratic algorithm for ten.
GROWTH = 3


def per_byte(tokenizer: Tokenizer, text: str, repeats: int = 2) -> float:
    """Seconds of the processor, which other programs do not spend."""
    found = []
    for _ in range(repeats):
        start = time.process_time()
        tokenizer.encode(text)
        found.append(time.process_time() - start)
    return min(found) / len(text.encode())


@pytest.mark.parametrize("name", REAL)
def test_no_text_is_slow(name: str, test_data: Path) -> None:
    tokenizer = Tokenizer(real(name, test_data))
    sentences = "\n".join(Texts(test_data, []).sentences)
    per_byte(tokenizer, sentences[:LARGE])  # fills the caches, from another text than the next
    normal = per_byte(tokenizer, sentences[LARGE : 2 * LARGE], repeats=1)
    slow = {}
    for kind, make in WORST.items():
        small, large = (per_byte(tokenizer, make(size)) for size in (SMALL, LARGE))
        if large > SLOWER * normal or large > GROWTH * max(small, normal):
            slow[kind] = f"{large / normal:.1f} times normal, {large / small:.1f} times when short"
    assert not slow, slow
