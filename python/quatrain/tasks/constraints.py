"""Tokens that a text may not take next, and those that it must: in transformers' order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from quatrain.tasks.settings import Settings


class Constraints:
    """The constraints of one generation; false if there are none.

    ``ends``: the end tokens. ``prompt``: how many ids the decoder reads before it writes; ``room``:
    how many it may write.
    """

    def __init__(self, settings: Settings, ends: Iterable[int], prompt: int, room: int) -> None:
        self.ngram = settings.no_repeat_ngram_size
        self.words = [word for word in settings.bad_words_ids if word not in {(e,) for e in ends}]
        new = settings.min_new_tokens
        self.least = settings.min_length if new is None else prompt + new
        self.ends = list(ends) if self.least > prompt else []
        self.last = prompt + room - 1
        self.forced_eos = list(settings.forced_eos_token_id)
        # What is forced to begin a text is forced where the decoder has read its start alone.
        bos = settings.forced_bos_token_id if prompt == 1 else None
        self.first = prompt if bos is None else prompt + 1
        only_end = self.forced_eos and room == 1
        self.forced_bos = [] if bos is None or only_end else [bos]
        self.suppressed = list(settings.suppress_tokens)
        self.suppressed_first = list(settings.begin_suppress_tokens)

    def __bool__(self) -> bool:
        return bool(
            self.ngram
            or self.words
            or self.ends
            or self.forced_bos
            or self.forced_eos
            or self.suppressed
            or self.suppressed_first
        )

    def apply(self, scores: np.ndarray, ids: Sequence[int], certain: float = 0.0) -> None:
        """Change the scores ``[V]`` of what may follow ``ids``, which include the prompt's.

        A token that may not follow gets -inf. One that must gets ``certain``, and all others -inf.
        """
        length = len(ids)
        if self.forced_eos and length == self.last:
            forced = self.forced_eos
        else:
            forced = self.forced_bos if length == 1 else []
        if forced:
            scores[:] = -np.inf
            scores[forced] = certain
        else:
            banned = [word[-1] for word in self.words if ends_with(ids, word[:-1])]
            banned += self.ends if length < self.least else []
            banned += repeats(ids, self.ngram) if self.ngram else []
            scores[banned] = -np.inf
        scores[self.suppressed] = -np.inf
        if length == self.first:
            scores[self.suppressed_first] = -np.inf


def ends_with(ids: Sequence[int], tail: Sequence[int]) -> bool:
    """Whether ``tail`` is the end of ``ids``."""
    return not tail or tuple(ids[-len(tail) :]) == tuple(tail)


def repeats(ids: Sequence[int], n: int) -> list[int]:
    """The ids that would make the last ``n`` ids a sequence that was there before."""
    tail = list(ids[len(ids) - n + 1 :])
    return [ids[i + n - 1] for i in range(len(ids) - n + 1) if list(ids[i : i + n - 1]) == tail]
