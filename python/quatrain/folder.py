"""A model folder: Hugging Face's files, and what sentence-transformers adds to them."""

from __future__ import annotations

import shutil
from functools import cached_property
from pathlib import Path
from typing import Any

from quatrain.checkpoint import SINGLE, Checkpoint
from quatrain.errors import CheckpointError
from quatrain.files import read_fields
from quatrain.sentence import ENCODER_FILES, PROMPTS_FILE, Sentence, read_modules, read_sentence
from quatrain.weights import Tensors

#: The default model, inside the package.
DEFAULT = Path(__file__).parent / "default_model"

#: The tokenizer of what an encoder-decoder writes, where that of what it reads is another.
TARGET = "target_tokenizer.json"

#: Files that describe a model and are copied as they are; its tokenizer saves its own.
SETTINGS = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    TARGET,
    "target.spm",
    "target_vocab.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "tokenizer.model",
    "spiece.model",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "modules.json",
    PROMPTS_FILE,
    *ENCODER_FILES,
)


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

    @property
    def target_vocabulary(self) -> Path | None:
        """The file of a second tokenizer, for what an encoder-decoder writes; mostly None."""
        for name, needed in (TARGET, TARGET), ("target.spm", "target_vocab.json"):
            if (self.path / name).is_file() and (self.path / needed).is_file():
                return self.path / name
        return None

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
    def sentence(self) -> Sentence:
        """How a text becomes a vector."""
        return read_sentence(self.path)

    def checkpoint(self) -> Tensors:
        """The tensors of its weights."""
        found = Checkpoint(self.path)
        for name in self.sentence.weighted:
            found.add(name)
        return found

    def copy_module_weights(self, target: Path) -> None:
        """Copy the weights of the modules behind the encoder into their folders."""
        for name in self.sentence.weighted:
            shutil.copyfile(self.path / name / SINGLE, target / name / SINGLE)

    def copy_settings(self, target: Path) -> None:
        """Copy the files that describe the model and its modules; no weights."""
        for name in SETTINGS:
            if (self.path / name).is_file():
                shutil.copyfile(self.path / name, target / name)
        for _, name in read_modules(self.path):
            if name and (settings := self.path / name / "config.json").is_file():
                (target / name).mkdir()
                shutil.copyfile(settings, target / name / settings.name)

    def _fields(self, name: str, *, required: bool = False) -> dict[str, Any]:
        return read_fields(self.path / name, required=required)
