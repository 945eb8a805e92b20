"""A model folder: Hugging Face's files, and what sentence-transformers adds to them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from quatrain.checkpoint import Checkpoint
from quatrain.errors import CheckpointError, ConfigError
from quatrain.files import read_json
from quatrain.weights import Tensors

#: The default model, inside the package.
DEFAULT = Path(__file__).parent / "default_model"

#: Files that describe a model and are copied as they are; its tokenizer saves its own.
SETTINGS = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "tokenizer.model",
    "spiece.model",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
)

POOLING_MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "last",
}


@dataclass(frozen=True)
class Sentence:
    """How a sentence-transformers folder makes a vector of a text."""

    pooling: str = "mean"
    normalize: bool = False
    max_length: int | None = None
    lower_case: bool = False
    prompt: str = ""


class Folder:
    """The settings in a model folder. Raises CheckpointError when there is no ``config.json``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        #: The file that complaints about the config name.
        self.settings = path / "config.json"
        #: Where its tokenizer's files would be; None where there is none.
        self.vocabulary: Path | None = path
        if not path.is_dir():
            raise CheckpointError(f"{path}: expected a model folder, found no folder there")

    @cached_property
    def config(self) -> dict[str, Any]:
        """The fields of ``config.json``."""
        return self._fields("config.json", required=True)

    @cached_property
    def generation(self) -> dict[str, Any]:
        """The fields of ``generation_config.json``, and the special tokens of ``config.json``;
        where there is no such file, what ``config.json`` says, as older checkpoints have it."""
        if not (self.path / "generation_config.json").is_file():
            return self.config
        special = {k: v for k, v in self.config.items() if k.endswith("_token_id")}
        return special | self._fields("generation_config.json")

    def says(self, field: str) -> Path:
        """The file that ``generation`` has a field from."""
        in_config = self.config.get(field) == self.generation.get(field)
        return self.settings if in_config else self.path / "generation_config.json"

    @cached_property
    def modules(self) -> list[tuple[str, str]]:
        """The (kind, folder's name) of each module of ``modules.json``; none without that file."""
        file = self.path / "modules.json"
        if not file.is_file():
            return []
        modules = read_json(file)
        if not isinstance(modules, list) or not all(isinstance(m, dict) for m in modules):
            raise ConfigError(f"{file}: expected a list of modules")
        found = []
        for module in modules:
            kind = str(module.get("type", "")).rsplit(".", 1)[-1]
            if kind not in ("Transformer", "Pooling", "Normalize"):
                raise ConfigError(
                    f"{file}: type: expected Transformer, Pooling or Normalize, found {kind!r}"
                )
            name = module.get("path", "")
            if not isinstance(name, str) or name != Path(name).name or name == "..":
                raise ConfigError(f"{file}: path: expected a folder's bare name, found {name!r}")
            found.append((kind, name))
        return found

    @cached_property
    def sentence(self) -> Sentence:
        """The pooling and normalisation that ``modules.json`` asks for."""
        if not self.modules:
            return Sentence()
        pooling, normalize = "mean", False
        for kind, name in self.modules:
            if kind == "Pooling":
                pooling = self._pooling(name)
            elif kind == "Normalize":
                normalize = True
        settings = self._fields("sentence_bert_config.json")
        length = settings.get("max_seq_length")
        if length is not None and (type(length) is not int or length < 1):
            raise ConfigError(
                f"{self.path / 'sentence_bert_config.json'}: max_seq_length: expected an integer of"
                f" at least 1, found {length!r}"
            )
        return Sentence(
            pooling=pooling,
            normalize=normalize,
            max_length=length,
            lower_case=bool(settings.get("do_lower_case", False)),
            prompt=self._prompt(),
        )

    def checkpoint(self) -> Tensors:
        """The tensors of its weights."""
        return Checkpoint(self.path)

    def copy_settings(self, target: Path) -> None:
        """Copy the files that describe the model, and its modules' settings; no weights."""
        for name in SETTINGS:
            if (self.path / name).is_file():
                shutil.copyfile(self.path / name, target / name)
        for _, name in self.modules:
            if name and (settings := self.path / name / "config.json").is_file():
                (target / name).mkdir()
                shutil.copyfile(settings, target / name / settings.name)

    def _prompt(self) -> str:
        """What goes before every text: the prompt that the folder calls its default."""
        name = "config_sentence_transformers.json"
        fields = self._fields(name)
        prompts, default = fields.get("prompts") or {}, fields.get("default_prompt_name")
        if not isinstance(prompts, dict) or not all(isinstance(p, str) for p in prompts.values()):
            raise ConfigError(f"{self.path / name}: prompts: expected texts by name")
        if default is None:
            return ""
        if not isinstance(default, str) or default not in prompts:
            raise ConfigError(
                f"{self.path / name}: default_prompt_name: expected one of {list(prompts)}, found"
                f" {default!r}"
            )
        return prompts[default]

    def _pooling(self, where: str) -> str:
        name = str(Path(where) / "config.json")
        fields = self._fields(name, required=True)
        if isinstance(mode := fields.get("pooling_mode"), str):
            chosen = ["last" if mode == "lasttoken" else mode]
        else:
            chosen = [k for k, v in fields.items() if k.startswith("pooling_mode") and v]
            chosen = [POOLING_MODES.get(mode, mode) for mode in chosen]
        if len(chosen) != 1 or chosen[0] not in POOLING_MODES.values():
            known = ", ".join(POOLING_MODES.values())
            raise ConfigError(
                f"{self.path / name}: pooling_mode: expected one of {known}, found {chosen}"
            )
        return chosen[0]

    def _fields(self, name: str, *, required: bool = False) -> dict[str, Any]:
        file = self.path / name
        if not required and not file.is_file():
            return {}
        fields = read_json(file)
        if not isinstance(fields, dict):
            raise ConfigError(f"{file}: expected an object, found {type(fields).__name__}")
        return fields
