"""How a text becomes a vector, as the files of sentence-transformers say: a prompt before it, how
much of it is read, and the modules behind the encoder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quatrain.errors import ConfigError, InputError
from quatrain.files import read_fields, read_json
from quatrain.layers.sentence import SentenceModule
from quatrain.models.sentence import KINDS, WEIGHTED, ModuleConfig, PoolingConfig

#: Where the encoder's own settings are, one name for each family that sentence-transformers had.
ENCODER_FILES = tuple(
    f"sentence_{family}_config.json"
    for family in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)
PROMPTS_FILE = "config_sentence_transformers.json"

#: What is the encoder itself, and what does nothing once a model is trained.
ENCODER, TRAINING = "Transformer", "Dropout"


@dataclass(frozen=True)
class Step:
    """A module to be made; ``name`` is its folder's, and what its weights' names begin with."""

    name: str
    config: ModuleConfig
    #: Where the settings are, for complaints.
    file: str = field(default="config.json", compare=False)


MEAN = Step("1_Pooling", PoolingConfig(pooling_mode="mean"))


@dataclass(frozen=True)
class Sentence:
    """How a text becomes a vector."""

    #: The modules that the files name; without any, an encoder's rows are averaged.
    steps: tuple[Step, ...] = ()
    #: How many tokens are read at most.
    max_length: int | None = None
    lower_case: bool = False
    prompts: dict[str, str] = field(default_factory=dict)
    #: The name of the prompt that goes before every text, if no other is asked for.
    default_prompt: str | None = None

    @property
    def weighted(self) -> list[str]:
        """The folders that have weights of their own."""
        return [step.name for step in self.steps if isinstance(step.config, WEIGHTED)]

    def modules(self, width: int) -> list[SentenceModule]:
        """The modules behind an encoder of rows of ``width`` values, without their weights.

        Raises ConfigError for one that expects another width.
        """
        made: list[SentenceModule] = []
        for step in self.steps or (MEAN,):
            try:
                made.append(step.config.module(made[-1].outputs if made else width))
            except ConfigError as e:
                raise ConfigError(f"{step.file}: {e}") from None
            made[-1].assign_paths(step.name)
        return made

    def prompt(self, text: str | None, name: str | None) -> str:
        """What goes before every text: ``text``, the prompt of that name, or the default one.

        Raises InputError for both, or for a name that the folder does not have.
        """
        if text is not None and name is not None:
            raise InputError("[encode] expected prompt or prompt_name, got both")
        if text is not None:
            return text
        name = self.default_prompt if name is None else name
        if name is not None and name not in self.prompts:
            known = ", ".join(map(repr, self.prompts)) or "none, for the folder has none"
            raise InputError(f"[encode] prompt_name: expected one of {known}, got {name!r}")
        return "" if name is None else self.prompts[name]


def read_modules(folder: Path) -> list[tuple[str, str]]:
    """The (kind, folder's name) of each module of ``modules.json``; none without that file."""
    file = folder / "modules.json"
    if not file.is_file():
        return []
    modules = read_json(file)
    if not isinstance(modules, list) or not all(isinstance(m, dict) for m in modules):
        raise ConfigError(f"{file}: expected a list of modules")
    found: list[tuple[str, str]] = []
    for module in modules:
        kind = str(module.get("type", "")).rsplit(".", 1)[-1]
        if kind not in (ENCODER, TRAINING, *KINDS):
            known = ", ".join((ENCODER, *KINDS))
            raise ConfigError(f"{file}: type: expected one of {known}, found {kind!r}")
        name = module.get("path", "")
        if not isinstance(name, str) or name != Path(name).name or name == "..":
            raise ConfigError(f"{file}: path: expected a folder's bare name, found {name!r}")
        if name in [other for _, other in found] and kind in KINDS:
            raise ConfigError(f"{file}: path: expected another for each module, found {name!r}")
        if kind == ENCODER and name:
            raise ConfigError(f"{file}: path: expected '' for {ENCODER}, found {name!r}")
        found.append((kind, name))
    kinds = [kind for kind, _ in found if kind != TRAINING]
    if kinds[1:] and (kinds[:2] != [ENCODER, "Pooling"] or kinds.count("Pooling") > 1):
        raise ConfigError(
            f"{file}: expected {ENCODER}, one Pooling, then other modules, found {', '.join(kinds)}"
        )
    return found


def read_sentence(folder: Path) -> Sentence:
    """What the files of sentence-transformers in a folder say: nothing, without ``modules.json``.

    Raises ConfigError for what is not supported, naming file and field.
    """
    modules = read_modules(folder)
    if not modules:
        return Sentence()
    steps = []
    for kind, name in modules:
        if kind in KINDS:
            file = folder / name / "config.json"
            fields = read_fields(file, required=kind != "Normalize")
            steps.append(Step(name, KINDS[kind].from_dict(fields, str(file)), str(file)))
    names = [name for name in ENCODER_FILES if (folder / name).is_file()]
    encoder = folder / (names or ENCODER_FILES)[0]
    settings = read_fields(encoder)
    prompts, default = read_prompts(folder / PROMPTS_FILE)
    return Sentence(
        steps=tuple(steps),
        max_length=read_length(encoder, settings),
        lower_case=bool(settings.get("do_lower_case", False)),
        prompts=prompts,
        default_prompt=default,
    )


def read_length(file: Path, settings: dict[str, Any]) -> int | None:
    """How many tokens are read: by ``max_seq_length``, or as newer files have it, the tokenizer's
    ``model_max_length``, which may be huge for none."""
    length = settings.get("max_seq_length")
    if length is None:
        length = read_fields(file.parent / "tokenizer_config.json").get("model_max_length")
        return length if isinstance(length, int) and 1 <= length < 2**31 else None
    if type(length) is not int or length < 1:
        raise ConfigError(
            f"{file}: max_seq_length: expected an integer of at least 1, found {length!r}"
        )
    return length


def read_prompts(file: Path) -> tuple[dict[str, str], str | None]:
    """The prompts by name, and the name of the one that is used if none is asked for."""
    fields = read_fields(file)
    prompts, default = fields.get("prompts") or {}, fields.get("default_prompt_name")
    if not isinstance(prompts, dict) or not all(isinstance(p, str) for p in prompts.values()):
        raise ConfigError(f"{file}: prompts: expected texts by name")
    if default is not None and (not isinstance(default, str) or default not in prompts):
        raise ConfigError(
            f"{file}: default_prompt_name: expected one of {list(prompts)}, found {default!r}"
        )
    return prompts, default
