"""Made-up files and texts that would take quadratic time or too much memory."""

from __future__ import annotations

import time

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
