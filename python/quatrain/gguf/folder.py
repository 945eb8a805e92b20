"""A GGUF file in place of the model folder that it was made from."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

from quatrain.errors import CheckpointError
from quatrain.folder import Folder
from quatrain.gguf.architectures import describe
from quatrain.gguf.checkpoint import GgufTensors
from quatrain.gguf.container import Reader, mapped
from quatrain.gguf.described import Described
from quatrain.gguf.metadata import Metadata
from quatrain.gguf.tensor_file import TensorFile
from quatrain.gguf.tensors import directory
from quatrain.models.sentence import NormalizeConfig, PoolingConfig
from quatrain.sentence import Sentence, Step

#: Of how many files this is one.
PARTS = "split.count"
#: Which algorithm the tokenizer has, or none.
VOCABULARY, NO_VOCABULARY = "tokenizer.ggml.model", "none"
#: Fields for the ids of special tokens -> what ``generation_config.json`` calls them.
SPECIAL = {
    "tokenizer.ggml.bos_token_id": "bos_token_id",
    "tokenizer.ggml.padding_token_id": "pad_token_id",
}
#: Each of these tokens ends a text: of the document, of a turn, of a message.
ENDS = tuple(f"tokenizer.ggml.{name}_token_id" for name in ("eos", "eot", "eom"))
#: How the model's makers would sample from it.
SAMPLING = {
    "general.sampling.temp": "temperature",
    "general.sampling.top_k": "top_k",
    "general.sampling.top_p": "top_p",
    "general.sampling.min_p": "min_p",
    "general.sampling.penalty_repeat": "repetition_penalty",
}


class GgufFile(Folder):
    """The settings and weights in one file.

    Raises CheckpointError for a file that is no whole GGUF file, ConfigError for a model that is
    not supported.
    """

    def __init__(self, path: Path) -> None:
        self.path = self.settings = path
        data, identity = mapped(path)
        with data:
            reader = Reader(data, str(path))
            self._fields_of = {field.name: field.value for field in reader.fields()}
            self.file = TensorFile(path, identity, directory(reader, self._fields_of))
        if (count := self._fields_of.get(PARTS, 1)) not in (0, 1):
            raise CheckpointError(
                f"{path}: {PARTS}: expected a file of one part, found one of {count!r:.60}: put"
                " them together with llama-gguf-split --merge"
            )
        has_vocabulary = self._fields_of.get(VOCABULARY, NO_VOCABULARY) != NO_VOCABULARY
        self.vocabulary = path if has_vocabulary else None
        if not self.file.tensors:
            raise CheckpointError(f"{path}: expected a model's tensors, found a vocabulary alone")

    @cached_property
    def _metadata(self) -> Metadata:
        return Metadata(self._fields_of, str(self.path))

    @cached_property
    def _described(self) -> Described:
        return describe(self._metadata, self.file)

    @cached_property
    def config(self) -> dict[str, Any]:
        """The fields that the model's ``config.json`` would have."""
        return self._described.config

    @cached_property
    def generation(self) -> dict[str, Any]:
        """The special tokens' ids, and the settings of sampling if the file has any."""
        found = self._named(SPECIAL)
        if ends := [self._fields_of[name] for name in ENDS if name in self._fields_of]:
            found["eos_token_id"] = ends
        if sampling := self._named(SAMPLING):
            found |= sampling | {"do_sample": True}
        return found

    @cached_property
    def sentence(self) -> Sentence:
        """An encoder's pooling. Vectors get length 1, as llama.cpp gives them."""
        if self._described.pooling is None:
            return Sentence()
        pooling = PoolingConfig(pooling_mode=self._described.pooling)
        return Sentence((Step("1_Pooling", pooling), Step("2_Normalize", NormalizeConfig())))

    def says(self, field: str) -> Path:
        return self.path

    def checkpoint(self) -> GgufTensors:
        return GgufTensors(self.file, self._described)

    def copy_settings(self, target: Path) -> None:
        """Write the settings as the files of a folder."""
        files: dict[str, Any] = {
            "config.json": self.config,
            "generation_config.json": self.generation,
        }
        if self._described.pooling is not None:
            files["1_Pooling/config.json"] = {"pooling_mode": self._described.pooling}
            kinds = {"Transformer": "", "Pooling": "1_Pooling", "Normalize": "2_Normalize"}
            files["modules.json"] = [
                {"type": f"sentence_transformers.models.{kind}", "path": path}
                for kind, path in kinds.items()
            ]
        for name, value in files.items():
            (target / name).parent.mkdir(exist_ok=True)
            (target / name).write_text(json.dumps(value, indent=2) + "\n")

    def _named(self, names: dict[str, str]) -> dict[str, Any]:
        return {
            ours: self._fields_of[name] for name, ours in names.items() if name in self._fields_of
        }


def file_in(folder: Path) -> Path | None:
    """The GGUF file of a folder whose weights are in one; None for other folders.

    Raises CheckpointError if there are several.
    """
    files = sorted(folder.glob("*.gguf"))
    if not files or any(folder.glob("*.safetensors")):
        return None
    if len(files) > 1:
        names = ", ".join(path.name for path in files)
        raise CheckpointError(f"{folder}: expected one GGUF file, found {names}: name one of them")
    return files[0]
