"""Beam search: several texts are continued at once, and those with the best scores are kept.

The scores, and when to stop, are those of transformers 5. All open texts are sentences of one
state: a step is one pass, and of a text that two others continue only those rows are copied that
it does not share with the text which gives up its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from quatrain import _core
from quatrain.errors import InputError
from quatrain.tasks.job import Job
from quatrain.tasks.settings import Settings


@dataclass(frozen=True)
class Text:
    """One of the texts that are searched: its new ids and the sum of their log probabilities.

    ``parent``: the place in the state of the text that it continues. Once it has ended, ``score``
    is the sum over its length to the power of the length penalty.
    """

    ids: tuple[int, ...] = ()
    score: float = 0.0
    parent: int = 0


def beam_search(job: Job) -> list[Text]:
    """The ``num_beams`` best texts with their end tokens, best first; fewer if there are fewer."""
    engine, network, settings = job.model.engine, job.model.network, job.settings
    beams, power = settings.num_beams, settings.length_penalty
    state, prompt = job.state, job.ids.tolist()
    open_, ended = [Text()], list[Text]()
    for length in range(1, job.room + 1):
        state, chunk = job.unread(state, [[*prompt, *text.ids] for text in open_])
        logits = engine.run(network, "next_logits", chunk, state)[0]
        state.next()
        # Enough of them for as many texts to stay open, however many of the best ones end.
        found = continuations(job, logits, open_, beams * max(2, 1 + len(job.ends)))
        if not found and not ended:
            raise InputError(f"[generate] no token may follow the first {length - 1} new ones")
        ends = [length == job.room or text.ids[-1] in job.ends for text in found]
        # A text that ends and is not among the best is given up.
        best = [text for text, end in zip(found[:beams], ends, strict=False) if end]
        ended += [replace(text, score=text.score / length**power) for text in best]
        ended = sorted(ended, key=lambda text: -text.score)[:beams]
        going = [text for text, end in zip(found, ends, strict=True) if not end][:beams]
        if not going or settled(going[0].score, ended, length, job.room, settings):
            break
        open_ = seated(going)
        state = follow(state, [text.parent for text in open_])
    return ended or [Text()]


def continuations(job: Job, logits: np.ndarray, texts: Sequence[Text], count: int) -> list[Text]:
    """The ``count`` likeliest texts that continue one of ``texts``, best first.

    Changes the logits ``[B, V]`` that a penalty or a constraint is for. A log probability is a
    logit less the logarithm of the sum of its row's exponentials.
    """
    logits = logits.astype(np.float32, copy=False)
    threads = job.model.engine.threads or 0
    sums = _core.log_sum_exp(logits, threads)
    penalty = job.settings.repetition_penalty
    if job.constraints or penalty != 1:
        for row, certain, text in zip(logits, sums, texts, strict=True):
            ids = [*job.ids.tolist(), *text.ids]
            if penalty != 1:
                seen = list(set(ids))
                row[seen] = certain + (row[seen] - certain) * penalty
            job.constraints.apply(row, ids, certain)
    offsets = [text.score - total for text, total in zip(texts, sums, strict=True)]
    return [
        Text((*texts[place].ids, id), score, place)
        for place, id, score in _core.likeliest(logits, offsets, count, threads)
    ]


def settled(best: float, ended: list[Text], length: int, room: int, settings: Settings) -> bool:
    """Whether no open text, the best of which has that score, is taken to become better than all
    that have ended."""
    if len(ended) < settings.num_beams:
        return False
    if settings.early_stopping is True:
        return True
    power = settings.length_penalty
    longest = room if settings.early_stopping == "never" and power > 0 else length
    return best / longest**power <= ended[-1].score


def seated(texts: Sequence[Text]) -> list[Text]:
    """The texts by their places in the state: the first that continues a text takes its place, and
    the others those of texts that are given up."""
    seats: dict[int, Text] = {}
    others = [text for text in texts if seats.setdefault(text.parent, text) is not text]
    free = [place for place in range(len(texts)) if place not in seats]
    seats |= dict(zip(free, others, strict=False))
    return [seats[place] for place in sorted(seats)]


def follow(state: Any, parents: Sequence[int]) -> Any:
    """The state with sentence i a copy of sentence ``parents[i]``: in place, if as many remain."""
    if len(parents) != state.batch:
        return state.fork(parents)
    state.replace(parents)
    return state
