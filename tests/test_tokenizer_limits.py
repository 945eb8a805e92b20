"""Made-up files and texts that would take quadratic time or too much memory."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from quatrain.errors import InputError
from quatrain.tokenizer import Tokenizer
from tokenizer_data import added_token, plain_bpe, to_bytes


def with_token(**token: object) -> Tokenizer:
    file = plain_bpe()
    size = len(file["model"]["vocab"])
    file["added_tokens"] = [added_token(size, "QQ") | token]
    return Tokenizer(to_bytes(file))


def seconds(tokenizer: Tokenizer, text: str) -> float:
    begin = time.process_time()
    tokenizer.count(text)
    return time.process_time() - begin


def test_letters_between_tokens() -> None:
    tokenizer = with_token()
    # Of one long run of letters, each token ends a word.
    times = [seconds(tokenizer, "xQQ" * n) for n in (20_000, 160_000)]
    assert times[1] < 24 * times[0] + 0.1


def test_overlapping_tokens() -> None:
    tokenizer = with_token(content="\t", rstrip=True)
    assert tokenizer.encode("\t\t\tx").tokens == ["\t\t\t", "\t\t", "\t", "x"]
    assert tokenizer.count("\t" * 1_000_000) == 1_000_000
    with pytest.raises(InputError, match="tokens that overlap take more than 67108864 bytes"):
        tokenizer.encode("\t" * 20_000)


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_memory_is_given_back() -> None:
    tokenizer = with_token()
    tokenizer.count("a b " * 100)
    text = "a b c d " * (1 << 22)
    before = resident()
    assert tokenizer.count(text) == len(text)
    assert resident() - before < len(text)
