"""The settings of a generation: the caller's over those that the model's folder brings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any

from quatrain.errors import ConfigError, InputError
from quatrain.models.shapes import SpeechToText
from quatrain.tasks.settings import RULES, Options, Settings, frozen, whole

if TYPE_CHECKING:
    from quatrain.model import Model

#: Settings that only sampling has: a folder means them if it says ``do_sample``.
SAMPLING = ("temperature", "top_k", "top_p", "min_p")
#: Settings that no folder has, or (``stop``) by another name.
OURS = ("seed", "presence_penalty", "frequency_penalty", "stop", "logprobs")
#: What a folder may ask for and is not done here, with the values that ask for nothing.
UNKNOWN: dict[str, tuple[Any, ...]] = {
    "constraints": (),
    "diversity_penalty": (0,),
    "dola_layers": (),
    "encoder_no_repeat_ngram_size": (0,),
    "encoder_repetition_penalty": (1,),
    "exponential_decay_length_penalty": (),
    "force_words_ids": (),
    "forced_decoder_ids": ([],),
    "guidance_scale": (1,),
    "num_beam_groups": (1,),
    "penalty_alpha": (0,),
    "renormalize_logits": (False,),
    "sequence_bias": (),
    "watermarking_config": (),
}
UNKNOWN_WHEN_SAMPLING: dict[str, tuple[Any, ...]] = {
    "epsilon_cutoff": (0,),
    "eta_cutoff": (0,),
    "top_h": (),
    "typical_p": (1,),
}


def settings_of(model: Model, given: Options, size: int) -> Settings:
    """The given settings over the folder's own, which sample only if ``do_sample`` says so.

    ``size``: how many tokens there are to write. Raises InputError or ConfigError.
    """
    names = {f.name for f in fields(Settings)}
    if unknown := set(given) - names:
        raise InputError(
            f"[generate] unknown setting {sorted(unknown)[0]!r}; expected {', '.join(names)}"
        )
    own = {name: frozen(name, value) for name, value in given.items() if value is not None}
    values = of_folder(model)
    if "max_length" in own:
        values.pop("max_new_tokens", None)
    settings = Settings(**values | own)
    for name, id in settings.ids():
        if id >= size:
            raise InputError(f"[generate] {name}: expected ids in [0, {size}), got {id}")
    return settings


def of_folder(model: Model) -> dict[str, Any]:
    """The settings in the folder's ``generation_config.json``.

    Raises ConfigError for a value that cannot be, or that asks for what is not done here.
    """
    sampled = bool(model.folder.generation.get("do_sample"))
    unknown = UNKNOWN | UNKNOWN_WHEN_SAMPLING if sampled else dict(UNKNOWN)
    if isinstance(model.network, SpeechToText):
        del unknown["forced_decoder_ids"]  # what older files of Whisper have for its prompt
    for name, nothing in unknown.items():
        expected = "none" if not nothing else repr(nothing[0])
        stored(model, name, f"{expected}, which is all that is supported", nothing.__contains__)
    # What transformers takes where the file says nothing.
    values: dict[str, Any] = {"temperature": 1.0, "top_k": 50} if sampled else {}
    for name, rule in RULES.items():
        if name not in OURS and (sampled or name not in SAMPLING):
            value = stored(model, name, *rule, read=partial(frozen, name))
            values |= {} if value is None else {name: value}
    stop = stored(model, "stop_strings", *RULES["stop"], read=partial(frozen, "stop"))
    return values | ({} if stop is None else {"stop": stop})


def stored(
    model: Model,
    name: str,
    expected: str,
    holds: Callable[[Any], bool],
    read: Callable[[Any], Any] = lambda x: x,
) -> Any:
    """A field of the folder's ``generation_config.json`` (special tokens: or ``config.json``), as
    ``read`` makes it; None if there is none. Raises ConfigError naming file and field unless it
    ``holds``."""
    value = model.folder.generation.get(name)
    if value is None:
        return None
    if not holds(made := read(value)):
        file = model.folder.says(name)
        raise ConfigError(f"{file}: {name}: expected {expected}, found {value!r}")
    return made


def end_ids(model: Model) -> frozenset[int]:
    """The ids that end a text: ``eos_token_id`` of the folder, one or several."""
    ends = stored(
        model,
        "eos_token_id",
        "an id or a list of ids",
        lambda x: whole(x) or (isinstance(x, list) and all(map(whole, x))),
    )
    return frozenset([] if ends is None else ends if isinstance(ends, list) else [ends])


def special_id(model: Model, name: str, size: int) -> int | None:
    """A special token's id of the folder (``bos_token_id``) among ``size``, or None."""
    id: int | None = stored(
        model, name, f"an id in [0, {size})", lambda x: whole(x) and 0 <= x < size
    )
    return id
