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
    prompt = Prompt(model, language, task)
    if given.get("max_new_tokens") is None and given.get("max_length") is None:
        given["max_length"] = model.network.target_context
    run = Run(model, audio, given, prompt.ids)
    if prompt.language is None:
        prompt.hear(run)
    for _ in run.pieces():
        pass
    assert prompt.language is not None
    beams = [dataclasses.replace(beam, text=beam.text.strip()) for beam in run.beams]
    return Transcription(
        run.text.strip(), run.ids, run.finish_reason, run.logprobs, beams, prompt.language
    )


class Prompt:
    """The special tokens that a text begins with: its start, language, task, and no times.

    Those of a model of English alone have no language and no task. ``language`` is None as long
    as it has to be found out.
    """

    def __init__(self, model: Model, language: str | None, task: str) -> None:
        if (tokenizer := model.tokenizer) is None:
            raise InputError(f"[transcribe] {model.path}: expected a tokenizer, found none")
        self.special = {
            token: id
            for token in ("startoftranscript", "notimestamps", *TASKS)
            if (id := tokenizer.token_to_id(f"<|{token}|>")) is not None
        }
        if missing := {"startoftranscript", "notimestamps", *TASKS} - set(self.special):
            name = f"<|{min(missing)}|>"
            raise InputError(f"[transcribe] {model.path}: the tokenizer has no token {name}")
        start = self.special["startoftranscript"]
        named = range(start + 1, min(self.special[task] for task in TASKS))
        #: The languages that the model knows, and their tokens.
        self.languages = {str(tokenizer.id_to_token(id)).strip("<|>"): id for id in named}
        if task not in TASKS:
            raise InputError(f"[transcribe] task: expected {' or '.join(TASKS)}, got {task!r}")
        if not multilingual(model):
            if (language, task) not in ((None, TASKS[0]), ("en", TASKS[0])):
                raise InputError(
                    f"[transcribe] expected language en and task transcribe, which are all that"
                    f" {model.path} knows, got {language} and {task}"
                )
            self.language: str | None = "en"
            self.ids = [start, self.special["notimestamps"]]
            return
        if language is not None and language not in self.languages:
            known = ", ".join(self.languages)
            raise InputError(f"[transcribe] language: expected one of {known}, got {language!r}")
        self.language = language
        token = self.languages[language or "en"]
        self.ids = [start, token, self.special[task], self.special["notimestamps"]]

    def hear(self, run: Run) -> None:
        """Find out which language is spoken: the likeliest one behind the start."""
        job, engine = run.job, run.model.engine
        logits = engine.run(run.model.network, "next_logits", [job.ids[:1]], job.state)[0][0]
        scores = {code: logits[id] for code, id in self.languages.items()}
        self.language = max(scores, key=scores.__getitem__)
        job.ids[1] = self.languages[self.language]


def multilingual(model: Model) -> bool:
    """Whether a model knows other languages than English."""
    found = model.folder.generation.get("is_multilingual")
    return model.network.vocab_size >= MULTILINGUAL if found is None else bool(found)
