"""marian's weights under our names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from quatrain.marian.npz import NpzFile
from quatrain.weights import Blocks

#: The tensor that holds the settings.
SETTINGS = "special:model.yml"
#: The types that can be read.
DTYPES = {"<f4": "F32", "<f2": "F16", "<f8": "F64"}
#: What a layer's name goes on with, in marian's words and in ours. Layers count from 1 there.
LAYER = re.compile(r"(encoder|decoder)_l(\d+)_(self|context|ffn)_(\w+)")
ATTENTIONS = {"self": "self_attn", "context": "encoder_attn"}
PROJECTIONS = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "o": "out_proj"}
FEED_FORWARD = {
    "W1": "fc1.weight",
    "b1": "fc1.bias",
    "W2": "fc2.weight",
    "b2": "fc2.bias",
    "ffn_ln_scale": "final_layer_norm.weight",
    "ffn_ln_bias": "final_layer_norm.bias",
}
TABLES = {
    "Wemb": "shared.weight",
    "encoder_Wemb": "encoder.embed_tokens.weight",
    "decoder_Wemb": "decoder.embed_tokens.weight",
    "decoder_ff_logit_out_W": "lm_head.weight",
    "decoder_ff_logit_out_b": "final_logits_bias",
}

#: The axis along which a tensor is one longer here.
GROWN = {
    "shared.weight": 0,
    "encoder.embed_tokens.weight": 0,
    "decoder.embed_tokens.weight": 0,
    "lm_head.weight": 0,
    "final_logits_bias": 1,
}


def renamed(name: str) -> str:
    """A tensor's key here; its own name if there is none."""
    match = LAYER.fullmatch(name)
    if match is None:
        return TABLES.get(name, name)
    side, index, part, rest = match.groups()
    stem = f"{side}.layers.{int(index) - 1}"
    if part == "ffn":
        return f"{stem}.{FEED_FORWARD[rest]}" if rest in FEED_FORWARD else name
    attention = f"{stem}.{ATTENTIONS[part]}"
    if rest[:1] in "Wb" and rest[1:] in PROJECTIONS:
        kind = "weight" if rest[0] == "W" else "bias"
        return f"{attention}.{PROJECTIONS[rest[1:]]}.{kind}"
    kinds = {"Wo_ln_scale": "weight", "Wo_ln_bias": "bias"}
    return f"{attention}_layer_norm.{kinds[rest]}" if rest in kinds else name


class MarianTensors:
    """The tensors of a file by their keys here (`quatrain.weights.Tensors`).

    marian multiplies by a matrix as it is stored, [in, out], and keeps vectors as one row. Its
    decoder begins with zeros in place of an embedding: tables get one more row for them, whose
    id is the start token's here, and the output layer one more bias.
    """

    dtypes: Collection[str] = tuple(DTYPES.values())

    def __init__(self, file: NpzFile) -> None:
        self.where, self._file = file.path, file
        self._own = {renamed(own): own for own in file.members if own != SETTINGS}

    def names(self) -> list[str]:
        return list(self._own)

    def shape(self, name: str) -> tuple[int, ...]:
        shape = list(self._file.members[self._own[name]].shape)
        if self._turned(name):
            shape = shape[::-1]
        if name in GROWN:
            shape[GROWN[name]] += 1
        elif len(shape) == 2 and shape[0] == 1:
            shape = shape[1:]
        return tuple(shape)

    def dtype(self, name: str) -> str:
        kind = self._file.members[self._own[name]].type.str
        return DTYPES.get(kind, kind)

    def path(self, name: str) -> Path:
        return self.where

    def load(self, name: str) -> np.ndarray:
        array = self._file.read(self._own[name])
        if self._turned(name):
            array = array.T
        if name not in GROWN:
            return array.reshape(self.shape(name))
        whole = np.zeros(self.shape(name), array.dtype)
        whole[tuple(map(slice, array.shape))] = array
        return whole

    def pieces(self, name: str) -> Iterator[np.ndarray]:
        """All of a matrix at once."""
        yield self.load(name)

    def blocks(self, name: str) -> Blocks | None:
        return None

    def _turned(self, name: str) -> bool:
        """Whether the file has the matrix as [in, out]."""
        shape = self._file.members[self._own[name]].shape
        return (
            len(shape) == 2
            and shape[0] > 1
            and not name.endswith(("embed_tokens.weight", "shared.weight"))
        )
