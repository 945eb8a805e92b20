"""Continuing a text, one token at a time, with the caches as explicit values."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np

from quatrain import _core
from quatrain.errors import ConfigError, InputError
from quatrain.models.shapes import EncoderDecoder

if TYPE_CHECKING:
    from quatrain.model import Model

#: New tokens that the caches have room for from the start.
RESERVED = 1024


@dataclass(frozen=True)
class Settings:
    """How to generate. What is not given comes from ``generation_config.json``, else from here.

    max_new_tokens: at most this many. temperature: 0 takes the most likely token. top_k, top_p:
    sample among the k most likely (0: all), or the fewest whose probabilities reach p. min_p: not
    those less than p times as likely as the most likely one. repetition_penalty: above 1 makes
    tokens of the prompt and of the text less likely. presence_penalty, frequency_penalty: taken
    from the logit of a token of the text, once and as often as it is there. seed: the same seed
    gives the same text; None draws one. stop: strings that end the text, and are not part of it.
    logprobs: keep the log probability of every new token and of the n most likely ones.
    """

    max_new_tokens: int = 64
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    logprobs: int = 0

    def __post_init__(self) -> None:
        for name, (expected, holds) in RULES.items():
            value = getattr(self, name)
            if not holds(value):
                raise InputError(f"[generate] {name}: expected {expected}, got {value!r}")

    @classmethod
    def of(cls, model: Model, given: Options) -> Settings:
        """The given settings over the folder's own, which sample only if ``do_sample`` says so."""
        names = {f.name for f in fields(cls)}
        if unknown := set(given) - names:
            raise InputError(
                f"[generate] unknown setting {sorted(unknown)[0]!r}; expected {', '.join(names)}"
            )
        known = ["max_new_tokens", "repetition_penalty"]
        values: dict[str, Any] = {}
        if model.folder.generation.get("do_sample"):
            known += ["temperature", "top_k", "top_p", "min_p"]
            values["temperature"] = 1.0
        values |= {
            name: value
            for name in known
            if (value := stored(model, name, *RULES[name])) is not None
        }
        values |= {name: value for name, value in given.items() if value is not None}
        if isinstance(stop := values.get("stop"), str):
            values["stop"] = (stop,)
        elif isinstance(stop, Iterable):
            values["stop"] = tuple(stop)
        return cls(**values)

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
    temperature: float | None
    top_k: int | None
    top_p: float | None
    min_p: float | None
    repetition_penalty: float | None
    presence_penalty: float | None
    frequency_penalty: float | None
    seed: int | None
    stop: str | Iterable[str] | None
    logprobs: int | None


def whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def number(value: Any) -> bool:
    return (whole(value) and abs(value) < 2**63) or isinstance(value, float | np.floating)


#: What each setting must be, in words and as a test.
RULES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "max_new_tokens": ("an integer of at least 0", lambda x: whole(x) and x >= 0),
    "temperature": ("a finite number of at least 0", lambda x: number(x) and 0 <= x < math.inf),
    "top_k": ("an integer of at least 0", lambda x: whole(x) and x >= 0),
    "top_p": ("a number in (0, 1]", lambda x: number(x) and 0 < x <= 1),
    "min_p": ("a number in [0, 1]", lambda x: number(x) and 0 <= x <= 1),
    "repetition_penalty": ("a finite number above 0", lambda x: number(x) and 0 < x < math.inf),
    "presence_penalty": ("a finite number", lambda x: number(x) and abs(x) < math.inf),
    "frequency_penalty": ("a finite number", lambda x: number(x) and abs(x) < math.inf),
    "seed": (
        "None or an integer in [0, 2^128)",
        lambda x: x is None or (whole(x) and 0 <= x < 2**128),
    ),
    "stop": (
        "strings that are not empty",
        lambda x: isinstance(x, tuple) and all(isinstance(s, str) and s for s in x),
    ),
    "logprobs": ("an integer of at least 0", lambda x: whole(x) and x >= 0),
}


def stored(model: Model, name: str, expected: str, holds: Callable[[Any], bool]) -> Any:
    """A field of the folder's ``generation_config.json`` (special tokens: or ``config.json``);
    None if there is none. Raises ConfigError naming file and field unless ``holds``."""
    value = model.folder.generation.get(name)
    if value is not None and not holds(value):
        raise ConfigError(
            f"{model.folder.says(name)}: {name}: expected {expected}, found {value!r}"
        )
    return value


@dataclass(frozen=True)
class Likelihood:
    """A new token's natural log probability, and the most likely tokens as (id, logprob): under
    the model itself, before temperature and penalties."""

    id: int
    logprob: float
    top: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Generation:
    """What was generated.

    ids: the new ids, without the end token. text: their text, cut before a stop string.
    finish_reason: "eos" (an end token), "stop" (a stop string) or "length" (``max_new_tokens`` or
    the context). logprobs: one ``Likelihood`` per new id, if they were asked for.
    """

    text: str
    ids: list[int]
    finish_reason: str
    logprobs: list[Likelihood] = field(default_factory=list)


class Run:
    """One generation in progress: ``pieces`` yields certain text; the fields hold the rest."""

    def __init__(self, model: Model, prompt: Any, given: Options) -> None:
        self.model = model
        self.settings = Settings.of(model, given)
        if self.settings.stop and model.tokenizer is None:
            raise InputError("[generate] stop: expected a model with a tokenizer, this has none")
        self.prompt = prompt_ids(model, prompt)
        self.ends = end_ids(model)
        self.ids: list[int] = []
        self.text = ""
        self.finish_reason = "length"
        self.logprobs: list[Likelihood] = []

    def pieces(self) -> Iterator[str]:
        """Generate; yields text as soon as no later token can change or cut it."""
        decoder = self.model.tokenizer and self.model.tokenizer.stream_decoder()
        sent, stops = 0, self.settings.stop
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
        model, settings = self.model, self.settings
        network, engine = model.network, model.engine
        context = network.context
        room = settings.max_new_tokens
        first = seen = self.prompt
        if isinstance(network, EncoderDecoder):
            room = min(room, network.target_context or room)
        elif context is not None:
            room = min(room, context - len(first) + 1)
        # The caches grow when they must, so a generous limit costs nothing by itself.
        state = engine.state(network.slots(), 1, len(first) + min(room, RESERVED))
        if isinstance(network, EncoderDecoder):
            engine.run(network, "encode", [first], state, source=True)
            first = np.array([network.start], np.int64)
            seen = first
        sampler = settings.sampler()
        sampler.read(seen)
        seed = secrets.randbits(64) if settings.seed is None else settings.seed
        halves = seed & (2**64 - 1), seed >> 64
        chunk = first
        for step in range(room):
            logits = engine.run(network, "next_logits", [chunk], state)[0][0]
            logits = logits.astype(np.float32, copy=False)
            state.next()
            token = sampler.choose(logits, _core.uniform(halves, step))
            if token in self.ends:
                self.finish_reason = "eos"
                return
            if settings.logprobs:
                found = sampler.likelihood(logits, token, min(settings.logprobs, 2**31))
                self.logprobs.append(Likelihood(token, *found))
            sampler.wrote(token)
            yield token
            chunk = np.array([token], np.int64)


def generate(model: Model, prompt: Any, **given: Unpack[Options]) -> Generation:
    """Continue ``prompt``; the keywords are the fields of ``Settings``."""
    run = Run(model, prompt, given)
    for _ in run.pieces():
        pass
    return Generation(run.text, run.ids, run.finish_reason, run.logprobs)


def stream(model: Model, prompt: Any, **given: Unpack[Options]) -> Iterator[str]:
    """Continue ``prompt``, yielding pieces of text; the keywords are the fields of ``Settings``."""
    return Run(model, prompt, given).pieces()


def prompt_ids(model: Model, prompt: Any) -> np.ndarray:
    """The prompt's ids; an empty prompt starts from the folder's ``bos_token_id``."""
    if isinstance(prompt, Sized) and not isinstance(prompt, Mapping) and len(prompt) == 0:
        size = model.network.vocab_size
        bos = stored(
            model, "bos_token_id", f"an id in [0, {size})", lambda x: whole(x) and 0 <= x < size
        )
        if bos is None:
            raise InputError("[generate] the prompt is empty and the model has no bos_token_id")
        prompt = [bos]
    return model.sample(prompt).ids


def end_ids(model: Model) -> frozenset[int]:
    """The ids that end a text: ``eos_token_id`` of the folder, one or several."""
    ends = stored(
        model,
        "eos_token_id",
        "an id or a list of ids",
        lambda x: whole(x) or (isinstance(x, list) and all(map(whole, x))),
    )
    return frozenset([] if ends is None else ends if isinstance(ends, list) else [ends])
