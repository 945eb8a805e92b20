"""The text of a recording."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

from quatrain.errors import InputError
from quatrain.models.shapes import SpeechToText
from quatrain.tasks.generate import Generation, Run
from quatrain.tasks.settings import Options

if TYPE_CHECKING:
    from quatrain.model import Model

TASKS = ("transcribe", "translate")
#: Vocabularies smaller than this are of English alone.
MULTILINGUAL = 51865


@dataclass(frozen=True)
class Transcription(Generation):
    """What was heard: a ``Generation`` in ``language``, its text without spaces around it."""

    language: str = "en"


def transcribe(
    model: Model, audio: Any, language: str | None, task: str, **given: Unpack[Options]
) -> Transcription:
    """The text of a recording; see ``Model.transcribe``."""
    assert isinstance(model.network, SpeechToText)
    prompt = prompt_of(model, language, task)
    if given.get("max_new_tokens") is None and given.get("max_length") is None:
        given["max_length"] = model.network.target_context
    run = Run(model, audio, given, prompt.ids)
    spoken = prompt.language or heard(run, prompt)
    for _ in run.pieces():
        pass
    beams = [dataclasses.replace(beam, text=beam.text.strip()) for beam in run.beams]
    return Transcription(run.text.strip(), run.ids, run.finish_reason, run.logprobs, beams, spoken)


@dataclass(frozen=True)
class Prompt:
    """The ids that a text begins with: its start, language and task, and that it has no times.

    Those of a model of English alone have no language and no task. ``language``: None as long as
    it has to be found out among ``languages``, which have their tokens.
    """

    ids: list[int]
    language: str | None
    languages: dict[str, int]


def prompt_of(model: Model, language: str | None, task: str) -> Prompt:
    """The prompt of a transcription. Raises InputError for what the model does not know."""
    if task not in TASKS:
        raise InputError(f"[transcribe] task: expected {' or '.join(TASKS)}, got {task!r}")
    start, end, *tasks = (
        special_id(model, name) for name in ("startoftranscript", "notimestamps", *TASKS)
    )
    if not multilingual(model):
        if language not in (None, "en") or task != TASKS[0]:
            raise InputError(
                f"[transcribe] expected language en and task transcribe, which are all that"
                f" {model.path} knows, got {language} and {task}"
            )
        return Prompt([start, end], "en", {})
    tokens = range(start + 1, min(tasks))
    languages = {model.tokenizer.id_to_token(id).strip("<|>"): id for id in tokens}
    if language is not None and language not in languages:
        known = ", ".join(languages)
        raise InputError(f"[transcribe] language: expected one of {known}, got {language!r}")
    token = tokens[0] if language is None else languages[language]
    return Prompt([start, token, tasks[TASKS.index(task)], end], language, languages)


def special_id(model: Model, name: str) -> int:
    """The id of the token ``<|name|>``."""
    if model.tokenizer is None:
        raise InputError(f"[transcribe] {model.path}: expected a tokenizer, found none")
    id: int | None = model.tokenizer.token_to_id(f"<|{name}|>")
    if id is None:
        raise InputError(f"[transcribe] {model.path}: the tokenizer has no token <|{name}|>")
    return id


def heard(run: Run, prompt: Prompt) -> str:
    """The language that is spoken: the likeliest one behind the start. The run goes on in it."""
    job, model = run.job, run.model
    logits = model.engine.run(model.network, "next_logits", [job.ids[:1]], job.state)[0][0]
    language = max(prompt.languages, key=lambda code: float(logits[prompt.languages[code]]))
    job.ids[1] = prompt.languages[language]
    return language


def multilingual(model: Model) -> bool:
    """Whether a model knows other languages than English."""
    found = model.folder.generation.get("is_multilingual")
    return model.network.vocab_size >= MULTILINGUAL if found is None else bool(found)
