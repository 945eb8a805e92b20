"""Continuing a text, one token at a time, with the caches as explicit values."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from quatrain import _core
from quatrain.tasks.beam_search import beam_search
from quatrain.tasks.job import Job
from quatrain.tasks.settings import Options

if TYPE_CHECKING:
    from quatrain.model import Model


@dataclass(frozen=True)
class Likelihood:
    """A new token's natural log probability, and the most likely tokens as (id, logprob): under
    the model itself, before temperature and penalties."""

    id: int
    logprob: float
    top: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Beam:
    """One text that beam search found; text, ids and finish_reason are as in ``Generation``.

    score: the sum of the log probabilities of its tokens, its end token's too, over their number
    to the power of the length penalty.
    """

    text: str
    ids: list[int]
    score: float
    finish_reason: str


@dataclass(frozen=True)
class Generation:
    """What was generated.

    ids: the new ids, without the end token. text: their text, cut before a stop string.
    finish_reason: "eos" (an end token), "stop" (a stop string) or "length" (as many tokens as were
    allowed, or the context). logprobs: one ``Likelihood`` per new id, if they were asked for.
    beams: with beam search, the ``num_return_sequences`` best texts, best first; the first one is
    what the other fields describe.
    """

    text: str
    ids: list[int]
    finish_reason: str
    logprobs: list[Likelihood] = field(default_factory=list)
    beams: list[Beam] = field(default_factory=list)


class Run:
    """One generation in progress: ``pieces`` yields certain text; the fields hold the rest."""

    def __init__(self, model: Model, text: Any, given: Options, decoder_ids: Any = None) -> None:
        self.model, self.job = model, Job(model, text, decoder_ids, given)
        self.ids: list[int] = []
        self.text = ""
        self.finish_reason = "length"
        self.logprobs: list[Likelihood] = []
        self.beams: list[Beam] = []

    def pieces(self) -> Iterator[str]:
        """Generate; yields text as soon as no later token can change or cut it."""
        if self.job.settings.num_beams > 1:
            yield from self._best()
            return
        decoder = self.model.target_tokenizer and self.model.target_tokenizer.stream_decoder()
        sent, stops = 0, self.job.settings.stop
        # This much of the tail might be the beginning of a stop string.
        held = max((len(stop) - 1 for stop in stops), default=0)
        for token in self._tokens():
            self.ids.append(token)
            if decoder is None:
                continue
            self.text += decoder.push(token)
            if self._cut(stops, sent):
                break
            if (end := len(self.text) - held) > sent:
                yield self.text[sent:end]
                sent = end
        else:
            if decoder is not None:
                self.text += decoder.flush()
                self._cut(stops, sent)
        if len(self.text) > sent:
            yield self.text[sent:]

    def _cut(self, stops: Sequence[str], sent: int) -> bool:
        """Cut the text before the first stop string in it; whether there was one."""
        found = [at for stop in stops if (at := self.text.find(stop, sent)) >= 0]
        if found:
            self.text, self.finish_reason = self.text[: min(found)], "stop"
        return bool(found)

    def _tokens(self) -> Iterator[int]:
        """The new ids, one at a time, until an end token or the last one allowed."""
        job, engine, network = self.job, self.model.engine, self.model.network
        settings, constraints = job.settings, job.constraints
        state, seen = job.state, job.ids.tolist()
        sampler = settings.sampler()
        sampler.read(job.ids)
        seed = secrets.randbits(64) if settings.seed is None else settings.seed
        halves = seed & (2**64 - 1), seed >> 64
        for step in range(job.room):
            state, (chunk,) = job.unread(state, [seen])
            logits = engine.run(network, "next_logits", [chunk], state)[0][0]
            allowed = logits = logits.astype(np.float32, copy=False)
            state.next()
            if constraints:
                allowed = logits.copy()
                constraints.apply(allowed, seen)
            token = sampler.choose(allowed, _core.uniform(halves, step))
            if token in job.ends:
                self.finish_reason = "eos"
                return
            sampler.wrote(token)
            seen.append(token)
            if step < len(constraints.forced_bos):
                continue
            if settings.logprobs:
                found = sampler.likelihood(logits, token, min(settings.logprobs, 2**31))
                self.logprobs.append(Likelihood(token, *found))
            yield token

    def _best(self) -> Iterator[str]:
        """The best text of a search, whole: until the end, another might become the best."""
        for found in beam_search(self.job)[: self.job.settings.num_return_sequences]:
            ids, reason = self.job.own(found.ids)
            text = self.model.target_tokenizer.decode(ids) if self.model.target_tokenizer else ""
            self.beams.append(Beam(text, ids, found.score, reason))
        best = self.beams[0]
        self.text, self.ids, self.finish_reason = best.text, best.ids, best.finish_reason
        if best.text:
            yield best.text


def generate(
    model: Model, prompt: Any, decoder_ids: Any = None, **given: Unpack[Options]
) -> Generation:
    """Continue ``prompt``; the keywords are the fields of ``Settings``."""
    run = Run(model, prompt, given, decoder_ids)
    for _ in run.pieces():
        pass
    return Generation(run.text, run.ids, run.finish_reason, run.logprobs, run.beams)


def stream(
    model: Model, prompt: Any, decoder_ids: Any = None, **given: Unpack[Options]
) -> Iterator[str]:
    """Continue ``prompt``, yielding pieces of text; the keywords are the fields of ``Settings``."""
    return Run(model, prompt, given, decoder_ids).pieces()
