"""Weights as the native engine holds them, in a safetensors file that is mapped and not read.

Of a packed weight ``h.0.attn.c_attn.weight`` the file has the parts, flat: ``.panels``, and of
integers ``.scales`` and ``.sums``, ``.zeros`` or ``.minima``; other weights are float32 under their
own names. The header's metadata says the format, its version, the block, and the dtypes and shapes
of the packed weights. Keys carry no prefix.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quatrain import _core
from quatrain.checkpoint import SINGLE, Checkpoint
from quatrain.engines import BLOCK_DTYPES, DTYPES
from quatrain.engines.engine import Engine
from quatrain.errors import CheckpointError, EngineError, InputError, WeightError
from quatrain.files import new_folder, parse_json
from quatrain.module import Module, Param
from quatrain.tensor_file import TYPES
from quatrain.weights import Default, Tensors

if TYPE_CHECKING:
    from quatrain.model import Model

FORMAT, VERSION = "quatrain", "1"
#: What a part begins at a multiple of, so that it can be used where it is mapped.
ALIGNMENT = 64
PARTS = ("panels", "scales", "sums", "zeros", "minima")
NAMES = {np.dtype(type): name for name, type in TYPES.items()}


def save(model: Model, out_dir: str | os.PathLike[str]) -> Path:
    """Write ``out_dir``; see ``Model.save``."""
    weights = model.network.weights
    packed = {k: w for k, w in weights.items() if isinstance(w, _core.PackedWeight)}
    if not packed:
        raise EngineError(
            f"[save] expected a model on the native engine, got one on {model.engine.name}"
        )
    tensors = {key: weight for key, weight in weights.items() if key not in packed}
    for key, weight in packed.items():
        tensors |= {f"{key}.{name}": part for name, part in weight.parts.items()}
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "block": str(next(iter(packed.values())).block),
        "dtypes": json.dumps({key: weight.dtype for key, weight in packed.items()}),
        "shapes": json.dumps({key: weight.shape for key, weight in packed.items()}),
    }
    with new_folder(Path(out_dir)) as draft:
        write(draft / SINGLE, tensors, metadata)
        if model.tokenizer is not None:
            model.tokenizer.save(draft)
        model.folder.copy_settings(draft)
    return Path(out_dir)


def write(path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Write a safetensors file whose tensors are aligned as far as its format can have them.

    The format allows no gaps, and the safetensors package begins tensors at multiples of 8. Here
    the header is filled up with spaces, and tensors whose size is no multiple come last.
    """
    ordered = sorted(tensors.items(), key=lambda item: item[1].nbytes % ALIGNMENT != 0)
    header: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for name, tensor in ordered:
        begin, end = end, end + tensor.nbytes
        shape = list(tensor.shape)
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, tensor in ordered:
            file.write(np.ascontiguousarray(tensor).data)


class PackedFile:
    """A file that ``save`` wrote, mapped. Raises CheckpointError for another version of it."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        (file,) = checkpoint.files
        self.path, metadata = file.path, file.metadata
        if (version := metadata.get("version")) != VERSION:
            raise CheckpointError(
                f"{self.path}: expected version {VERSION} of packed weights, found {version!r}"
            )
        block, known = metadata.get("block", ""), (*DTYPES, *BLOCK_DTYPES)
        if block not in ("32", "128"):
            raise CheckpointError(f"{self.path}: block: expected 32 or 128, found {block!r}")
        self.block = int(block)
        self.dtypes = self._fields(metadata.get("dtypes", "").encode())
        for key, dtype in self.dtypes.items():
            if dtype not in known:
                raise CheckpointError(
                    f"{self.path}: dtypes: {key}: expected one of {', '.join(known)}, found"
                    f" {dtype!r}"
                )
        self.shapes = self._fields(metadata.get("shapes", "").encode())
        self._data, self._header = file.mapped(), dict(file.tensors)

    @classmethod
    def of(cls, checkpoint: Tensors) -> PackedFile | None:
        """A checkpoint's packed file; None for one that has weights as they were trained."""
        if not isinstance(checkpoint, Checkpoint):
            return None
        single = len(checkpoint.files) == 1
        return cls(checkpoint) if single and checkpoint.metadata.get("format") == FORMAT else None

    def bind(self, network: Module, engine: Engine) -> dict[str, Any]:
        """Replace every Param of ``network`` by the engine's tensor; -> these by key.

        Raises WeightError for a tensor that is missing, unused or not of its size, EngineError
        for an engine that cannot use the weights.
        """
        bound: dict[int, Any] = {}
        weights: dict[str, Any] = {}
        for key, param, owner, attribute in list(network.params()):
            if id(param) not in bound:
                weights[key] = bound[id(param)] = self._weight(key, param, engine)
            setattr(owner, attribute, bound[id(param)])
        if self._header:
            raise WeightError(f"{self.path}: unused {', '.join(list(self._header)[:8])}")
        return weights

    def _weight(self, key: str, param: Param, engine: Engine) -> Any:
        """The engine's tensor for a weight; its tensors are taken out of the header."""
        if not param.packed and key not in self.shapes:
            array = self._take(key, param.shape)
            return engine.parameter(key, param, Default(lambda: array))
        if (found := self.shapes.get(key)) != list(param.matrix):
            raise WeightError(
                f"{self.path}: {key}: expected shape {list(param.matrix)}, found {found!r}"
            )
        names = [name for name in PARTS if f"{key}.{name}" in self._header]
        parts = {name: self._take(f"{key}.{name}") for name in names}
        try:
            return engine.packed(param.matrix, self.dtypes.get(key, ""), parts, self.block)
        except InputError as e:
            raise WeightError(f"{self.path}: {key}: {e}") from None
        except EngineError as e:
            raise EngineError(f"{self.path}: {e}") from None

    def _take(self, name: str, shape: tuple[int, ...] | None = None) -> np.ndarray:
        """A tensor where it is mapped, which must be float32 of ``shape``, or flat without one."""
        entry = self._header.pop(name, None)
        if entry is None:
            raise WeightError(f"{self.path}: missing {name} of shape {list(shape or ())}")
        wanted = list(shape) if shape is not None else [math.prod(entry["shape"])]
        types = ["F32"] if shape is not None else list(TYPES)
        if entry["shape"] != wanted or entry["dtype"] not in types:
            raise WeightError(
                f"{self.path}: {name}: expected {' or '.join(types)} of shape {wanted}, found"
                f" {entry['dtype']} of shape {entry['shape']}"
            )
        begin, end = entry["data_offsets"]
        return self._data[begin:end].view(TYPES[entry["dtype"]]).reshape(wanted)

    def _fields(self, text: bytes) -> dict[str, Any]:
        fields = parse_json(text, str(self.path))
        if not isinstance(fields, dict):
            raise CheckpointError(f"{self.path}: expected an object, found {fields!r}")
        return fields
