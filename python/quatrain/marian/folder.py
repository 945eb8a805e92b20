"""A folder of marian's in place of the model folder that it would be."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from quatrain.errors import CheckpointError, ConfigError
from quatrain.folder import Folder
from quatrain.marian.npz import NpzFile
from quatrain.marian.tensors import SETTINGS, MarianTensors

#: How the program is told what to decode with.
DECODER = "decoder.yml"
#: What a setting must be, if it is there; another value is another network.
REQUIRED = {
    "type": "transformer",
    "input-types": [],
    "layer-normalization": False,
    "right-left": False,
    "transformer-ffn-depth": 2,
    "transformer-no-projection": False,
    "transformer-postprocess": "dan",
    "transformer-postprocess-emb": "d",
    "transformer-postprocess-top": "",
    "transformer-preprocess": "",
    "transformer-decoder-autoreg": "self-attention",
    "transformer-tied-layers": [],
    "transformer-train-position-embeddings": False,
    "transformer-train-positions": False,
    "ulr-dim-emb": 0,
    "lemma-dim-emb": 0,
    "factors-dim-emb": 0,
}
#: The longest text: positions are computed, and the program has no limit of its own.
LONGEST = 1024


class MarianFolder(Folder):
    """The settings and weights of a ``.npz`` file, and of ``decoder.yml`` beside it.

    Raises CheckpointError for a file that is no whole ``.npz``, ConfigError for settings that are
    missing or not supported.
    """

    def __init__(self, file: Path) -> None:
        self.path, self.settings = file.parent, file
        self.vocabulary = None
        self._file = NpzFile(file)
        if SETTINGS not in self._file.members:
            raise CheckpointError(f"{file}: expected marian's settings as {SETTINGS}, found none")

    @cached_property
    def _settings(self) -> dict[str, Any]:
        """What the model was trained with."""
        text = self._file.read(SETTINGS).tobytes().rstrip(b"\0").decode(errors="replace")
        found = parse(text, f"{self.settings}: {SETTINGS}")
        for name, expected in REQUIRED.items():
            value = found.get(name, expected)
            if value != expected and not (value is None and expected in ("", [])):
                raise ConfigError(
                    f"{self.settings}: {name}: expected {expected!r}, found {value!r}"
                )
        return found

    @cached_property
    def _decoder(self) -> dict[str, Any]:
        """What the program is told to decode with."""
        return decoding(self.path)

    @cached_property
    def config(self) -> dict[str, Any]:
        """The fields that the model's ``config.json`` would have."""
        given, sizes = self._settings, self._setting("dim-vocabs", list)
        if len(sizes) != 2 or not all(type(size) is int for size in sizes):
            raise ConfigError(f"{self.settings}: dim-vocabs: expected two sizes, found {sizes!r}")
        everything = bool(given.get("tied-embeddings-all"))
        heads, inner = self._setting("transformer-heads"), self._setting("transformer-dim-ffn")
        return {
            "model_type": "marian",
            "vocab_size": sizes[0] + 1,
            "decoder_vocab_size": sizes[1] + 1,
            "max_position_embeddings": LONGEST,
            "d_model": self._setting("dim-emb"),
            "encoder_layers": self._setting("enc-depth"),
            "encoder_attention_heads": heads,
            "encoder_ffn_dim": inner,
            "decoder_layers": self._setting("dec-depth"),
            "decoder_attention_heads": given.get("transformer-decoder-heads") or heads,
            "decoder_ffn_dim": given.get("transformer-decoder-dim-ffn") or inner,
            "activation_function": self._setting("transformer-ffn-activation", str),
            "sinusoids": "tensor2tensor",
            "scale_embedding": True,
            "share_encoder_decoder_embeddings": everything
            or bool(given.get("tied-embeddings-src")),
            "tie_word_embeddings": everything or bool(given.get("tied-embeddings")),
            "decoder_start_token_id": sizes[1],
        }

    @cached_property
    def generation(self) -> dict[str, Any]:
        """``</s>`` is 0 in every vocabulary; how many beams, and how lengths count."""
        start, given = self.config["decoder_start_token_id"], self._decoder
        return {
            "eos_token_id": 0,
            "decoder_start_token_id": start,
            "pad_token_id": start,
            "suppress_tokens": [start],
            "num_beams": given.get("beam-size", 12),
            "length_penalty": float(given.get("normalize") or 0.0),
        }

    def says(self, field: str) -> Path:
        return self.settings

    def checkpoint(self) -> MarianTensors:
        return MarianTensors(self._file)

    def copy_settings(self, target: Path) -> None:
        """Write the settings as the files of a folder."""
        for name, fields in ("config", self.config), ("generation_config", self.generation):
            (target / f"{name}.json").write_text(json.dumps(fields, indent=2) + "\n")

    def _setting(self, name: str, kind: type = int) -> Any:
        """A setting that must be there, and be of its kind."""
        found = self._settings.get(name)
        if type(found) is not kind:
            raise ConfigError(f"{self.settings}: {name}: expected {kind.__name__}, found {found!r}")
        return found


def decoding(folder: Path) -> dict[str, Any]:
    """The settings of ``decoder.yml``; none without it."""
    file = folder / DECODER
    return parse(file.read_text("utf-8", "replace"), str(file)) if file.is_file() else {}


def file_in(folder: Path) -> Path | None:
    """The ``.npz`` file of a folder whose weights are in one; None for other folders.

    Raises CheckpointError if there are several and ``decoder.yml`` does not name one.
    """
    if (folder / "config.json").is_file():
        return None
    files = sorted(folder.glob("*.npz"))
    if len(files) > 1:
        wanted = [Path(str(name)).name for name in decoding(folder).get("models") or []]
        files = [file for file in files if [file.name] == wanted]
        if len(files) != 1:
            raise CheckpointError(f"{folder}: expected one .npz file, or {DECODER} to name one")
    return files[0] if files else None


def parse(text: str, where: str) -> dict[str, Any]:
    """Settings by name, of a text in YAML. Raises ConfigError for another, naming ``where``."""
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as e:
        raise ConfigError(f"{where}: not valid YAML: {' '.join(str(e).split())}") from None
    if not isinstance(found, dict):
        raise ConfigError(f"{where}: expected settings by name, found {found!r:.60}")
    return found
