"""What is timed: one list, from which every process takes its work."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.material import MINILM

#: The shares of a ragged batch's average length that its sentences have, from first to last.
SHORTEST, LONGEST = 0.75, 1.25
PROMPT, NEW_TOKENS = 64, 32


@dataclass(frozen=True)
class Case:
    """One workload. ``amounts``: how much of what each timed figure does, to make rates of it."""

    name: str
    task: str
    amounts: dict[str, tuple[float, str]]
    batch: int = 1
    tokens: int = 0
    ragged: bool = False

    def lengths(self) -> list[int]:
        """The sentences' lengths: all alike, or evenly spread about ``tokens`` and shuffled."""
        if not self.ragged:
            return [self.tokens] * self.batch
        spread = np.linspace(SHORTEST * self.tokens, LONGEST * self.tokens, self.batch)
        order = np.random.default_rng(1).permutation(self.batch)
        return [int(n) for n in spread.round()[order]]

    def ids(self) -> list[list[int]]:
        """Random token ids of those lengths; below any vocabulary's size, above special ids."""
        random = np.random.default_rng(2)
        return [random.integers(1000, MINILM["vocab_size"], n).tolist() for n in self.lengths()]


def encoding(tokens: int, *, ragged: bool, batch: int = 32) -> Case:
    name = f"encode {batch} x {'about ' if ragged else ''}{tokens} tokens"
    return Case(name, "encode", {"time": (batch, "sentences/s")}, batch, tokens, ragged)


def generation() -> Case:
    amounts = {"prefill": (PROMPT, "tokens/s"), "decode": (1, "tokens/s")}
    name = f"generate {PROMPT} + {NEW_TOKENS} tokens, batch 1"
    return Case(name, "generate", amounts, tokens=PROMPT)


ENCODE = [
    encoding(16, ragged=True),
    encoding(128, ragged=True),
    encoding(128, ragged=False),
]
GENERATE = [generation()]
CASES = {case.name: case for case in ENCODE + GENERATE}
