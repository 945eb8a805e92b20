"""How to generate: every setting, what it means and what it may be."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

import numpy as np

from quatrain import _core
from quatrain.errors import InputError


@dataclass(frozen=True)
class Settings:
    """How to generate. What is not given comes from ``generation_config.json``, else from here.

    max_new_tokens: at most this many; 64 where no max_length is known either. max_length: the same
    with the decoder's prompt counted. min_new_tokens: no end token before there are that many;
    min_length: the same with the prompt counted, where there is no min_new_tokens.

    temperature: 0 takes the most likely token. top_k, top_p: sample among the k most likely (0:
    all), or the fewest whose probabilities reach p. min_p: not those less than p times as likely
    as the most likely one. seed: the same seed gives the same text; None draws one.

    num_beams: above 1, beam search: that many texts are continued at once. num_return_sequences:
    how many of them are returned. length_penalty: a text's score is the sum of its log
    probabilities, divided by its length to this power. early_stopping: when to stop once num_beams
    texts have ended: True at once, False when the likeliest open one could not be better if it
    ended now, "never" when it could not be better at any length.

    repetition_penalty: above 1 makes tokens of the prompt and of the text less likely.
    presence_penalty, frequency_penalty: taken from the logit of a token of the text, once and as
    often as it is there. no_repeat_ngram_size: no n tokens are there twice (0: they may be).
    bad_words_ids: sequences of ids that are never completed. suppress_tokens: ids that never come;
    begin_suppress_tokens: nor come first. forced_bos_token_id: the id that comes first, and is no
    part of the text (encoder-decoders); forced_eos_token_id: what the last id allowed must be.

    stop: strings that end the text, and are not part of it. logprobs: keep the log probability of
    every new token and of the n most likely ones.
    """

    max_new_tokens: int | None = None
    max_length: int | None = None
    min_new_tokens: int | None = None
    min_length: int = 0
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int | None = None
    num_beams: int = 1
    num_return_sequences: int = 1
    length_penalty: float = 1.0
    early_stopping: bool | Literal["never"] = False
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    no_repeat_ngram_size: int = 0
    bad_words_ids: tuple[tuple[int, ...], ...] = ()
    suppress_tokens: tuple[int, ...] = ()
    begin_suppress_tokens: tuple[int, ...] = ()
    forced_bos_token_id: int | None = None
    forced_eos_token_id: tuple[int, ...] = ()
    stop: tuple[str, ...] = ()
    logprobs: int = 0

    def __post_init__(self) -> None:
        for name, (expected, holds) in RULES.items():
            value = getattr(self, name)
            if not holds(value) and (value is not None or getattr(Settings, name) is not None):
                raise InputError(f"[generate] {name}: expected {expected}, got {value!r}")
        if self.num_return_sequences > self.num_beams:
            raise InputError(
                f"[generate] num_return_sequences: expected at most num_beams, which is"
                f" {self.num_beams}, got {self.num_return_sequences}"
            )
        forced = [self.forced_eos_token_id, (self.forced_bos_token_id,)]
        if any(ids and set(ids) <= set(self.suppress_tokens) for ids in forced):
            raise InputError(
                "[generate] suppress_tokens: expected to leave what is forced, got all of it"
            )
        for name in NOT_WITH_BEAMS if self.num_beams > 1 else ():
            value, default = getattr(self, name), getattr(Settings, name)
            if value != default:
                raise InputError(
                    f"[generate] {name}: expected {default!r} with beam search (num_beams is"
                    f" {self.num_beams}), got {value!r}"
                )

    def ids(self) -> Iterator[tuple[str, int]]:
        """Every token id that is named here, with the setting that names it."""
        for name in ("suppress_tokens", "begin_suppress_tokens", "forced_eos_token_id"):
            yield from ((name, id) for id in getattr(self, name))
        yield from (("bad_words_ids", id) for word in self.bad_words_ids for id in word)
        if self.forced_bos_token_id is not None:
            yield "forced_bos_token_id", self.forced_bos_token_id

    def room(self, prompt: int) -> int:
        """How many new tokens there may be after a decoder's prompt of that many."""
        if self.max_new_tokens is not None:
            return self.max_new_tokens
        if self.max_length is None:
            return 64
        if self.max_length <= prompt:
            raise InputError(
                f"[generate] max_length: expected more than the prompt's {prompt} tokens, got"
                f" {self.max_length}"
            )
        return self.max_length - prompt

    def sampler(self) -> _core.Sampler:
        """Chooses the tokens of one text by these settings."""
        return _core.Sampler(
            temperature=self.temperature,
            top_k=min(self.top_k, 2**31),
            top_p=self.top_p,
            min_p=self.min_p,
            repetition_penalty=self.repetition_penalty,
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
        )


class Options(TypedDict, total=False):
    """The fields of ``Settings`` as keywords; None is the same as not given."""

    max_new_tokens: int | None
    max_length: int | None
    min_new_tokens: int | None
    min_length: int | None
    temperature: float | None
    top_k: int | None
    top_p: float | None
    min_p: float | None
    seed: int | None
    num_beams: int | None
    num_return_sequences: int | None
    length_penalty: float | None
    early_stopping: bool | Literal["never"] | None
    repetition_penalty: float | None
    presence_penalty: float | None
    frequency_penalty: float | None
    no_repeat_ngram_size: int | None
    bad_words_ids: Iterable[Iterable[int]] | None
    suppress_tokens: Iterable[int] | None
    begin_suppress_tokens: Iterable[int] | None
    forced_bos_token_id: int | None
    forced_eos_token_id: int | Iterable[int] | None
    stop: str | Iterable[str] | None
    logprobs: int | None


def whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def number(value: Any) -> bool:
    return (whole(value) and abs(value) < 2**63) or isinstance(value, float | np.floating)


def count(value: Any) -> bool:
    return whole(value) and value >= 0


def ids(value: Any) -> bool:
    return isinstance(value, tuple) and all(map(count, value))


Rule = tuple[str, Callable[[Any], bool]]
COUNT: Rule = "an integer of at least 0", count
POSITIVE: Rule = "an integer of at least 1", lambda x: count(x) and x > 0
IDS: Rule = "token ids", ids

#: What each setting must be, in words and as a test. Where None is the default it is allowed.
RULES: dict[str, Rule] = {
    "max_new_tokens": COUNT,
    "max_length": COUNT,
    "min_new_tokens": COUNT,
    "min_length": COUNT,
    "temperature": ("a finite number of at least 0", lambda x: number(x) and 0 <= x < math.inf),
    "top_k": COUNT,
    "top_p": ("a number in (0, 1]", lambda x: number(x) and 0 < x <= 1),
    "min_p": ("a number in [0, 1]", lambda x: number(x) and 0 <= x <= 1),
    "seed": ("None or an integer in [0, 2^128)", lambda x: count(x) and x < 2**128),
    "num_beams": POSITIVE,
    "num_return_sequences": POSITIVE,
    # Lengths to this power, and sums of logarithms over it, are finite.
    "length_penalty": ("a number in [-16, 16]", lambda x: number(x) and abs(x) <= 16),
    "early_stopping": (
        "True, False or 'never'",
        lambda x: isinstance(x, bool) or (isinstance(x, str) and x == "never"),
    ),
    "repetition_penalty": ("a finite number above 0", lambda x: number(x) and 0 < x < math.inf),
    "presence_penalty": ("a finite number", lambda x: number(x) and abs(x) < math.inf),
    "frequency_penalty": ("a finite number", lambda x: number(x) and abs(x) < math.inf),
    "no_repeat_ngram_size": COUNT,
    "bad_words_ids": (
        "sequences of token ids that are not empty",
        lambda x: isinstance(x, tuple) and all(ids(word) and word for word in x),
    ),
    "suppress_tokens": IDS,
    "begin_suppress_tokens": IDS,
    "forced_bos_token_id": ("a token id", count),
    "forced_eos_token_id": IDS,
    "stop": (
        "strings that are not empty",
        lambda x: isinstance(x, tuple) and all(isinstance(s, str) and s for s in x),
    ),
    "logprobs": COUNT,
}
#: Settings that beam search does not have.
NOT_WITH_BEAMS = ("temperature", "presence_penalty", "frequency_penalty", "stop", "logprobs")


def frozen(name: str, value: Any) -> Any:
    """A setting's value as ``Settings`` holds it: sequences are tuples, and one item is a sequence
    where several may be."""
    if not isinstance(getattr(Settings, name), tuple):
        return value
    value = deep(value)
    return value if isinstance(value, tuple) else (value,)


def deep(value: Any) -> Any:
    """A sequence, and every sequence in it, as a tuple; anything else as it is."""
    value = value.tolist() if isinstance(value, np.ndarray) else value
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        return value
    return tuple(deep(item) for item in value)
