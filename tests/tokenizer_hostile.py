"""What is asked of every damaged tokenizer file."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from hypothesis import HealthCheck, settings

from quatrain.errors import QuatrainError, TokenizerError
from quatrain.tokenizer import Tokenizer
from tokenizer_data import HOSTILE

TEXT = "\n".join(HOSTILE)[:3000] + "<s></s>[MASK]<|endoftext|>"
PROFILE = settings(
    max_examples=60,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def survives(open_it: Callable[[], Tokenizer]) -> bool:
    """Whether it was read; if so it runs, and whatever it refuses it refuses by our errors."""
    tokenizer, refusal = None, ""
    try:
        tokenizer = open_it()
    except TokenizerError as error:
        refusal = str(error)
    if tokenizer is None:
        assert "\n" not in refusal
        assert refusal.startswith("damaged"), refusal
        assert len(refusal) < 2000, refusal[:500]
        return False
    with contextlib.suppress(QuatrainError):
        tokenizer.decode(tokenizer.encode(TEXT).ids)
    return True
