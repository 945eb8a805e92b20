"""The weights of a model folder: one safetensors file, or the shards that an index lists."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from quatrain.errors import CheckpointError
from quatrain.files import read_json
from quatrain.tensor_file import TensorFile, widened

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
#: What ``load`` reads.
DTYPES = {"F32", "F16", "BF16", "F64"}
#: How large the pieces are, about, in which a large tensor is read.
PIECE = 2**22
#: Run in the folder, it makes what can be read of pickled weights.
CONVERT = (
    'python -c "import glob, torch; from safetensors.torch import save_file; save_file({{k:'
    " v.clone().contiguous() for f in glob.glob('{pattern}') for k, v in torch.load(f,"
    " weights_only=True, map_location='cpu').items()}}, 'model.safetensors')\""
)
#: Files of weights that are not read -> why.
UNREAD = {
    ".bin": "pickled weights can run code",
    ".pt": "pickled weights can run code",
    ".pth": "pickled weights can run code",
    ".ckpt": "pickled weights can run code",
    ".h5": "weights of TensorFlow",
    ".msgpack": "weights of Flax",
}


class Checkpoint:
    """The tensors of a model folder: ``model.safetensors``, or the shards its index lists.

    Raises CheckpointError when a file is missing, truncated or not safetensors, or when the index
    and the shards disagree.
    """

    dtypes: Collection[str] = DTYPES

    def __init__(self, folder: Path) -> None:
        self.folder = self.where = folder
        self.files: list[TensorFile] = []
        # The file of each tensor, and its name there.
        self._where: dict[str, tuple[TensorFile, str]] = {}
        #: What the files' headers say beside the tensors.
        self.metadata: dict[str, str] = {}
        index = self._index()
        for shard in sorted(set(index.values())) or [SINGLE]:
            file = TensorFile(folder / shard)
            self.files.append(file)
            self.metadata |= file.metadata
            for name in file.tensors:
                if name in self._where:
                    raise CheckpointError(f"{file.path}: {name} is in another shard as well")
                if index and name not in index:
                    raise CheckpointError(f"{file.path}: {name} is not in {INDEX}")
                self._where[name] = file, name
        for name, shard in index.items():
            if name not in self._where or self.path(name).name != shard:
                raise CheckpointError(f"{folder / INDEX}: weight_map: {name} is not in {shard}")

    def add(self, part: str) -> None:
        """Take in the tensors of a folder in this one, as ``part.tensor``.

        A file that ``Model.save`` wrote has them already.
        """
        if any(name.startswith(part + ".") for name in self._where):
            return
        other = Checkpoint(self.folder / part)
        self.files += other.files
        self._where |= {f"{part}.{name}": at for name, at in other._where.items()}

    def _index(self) -> dict[str, str]:
        """Which shard has which tensor; nothing for weights in a single file."""
        if (self.folder / SINGLE).is_file():
            return {}
        file = self.folder / INDEX
        if not file.is_file():
            raise CheckpointError(self._unread())
        index = read_json(file)
        shards = index.get("weight_map") if isinstance(index, dict) else None
        if not isinstance(shards, dict) or not shards:
            raise CheckpointError(f"{file}: expected a weight_map of tensor names")
        for name in shards.values():
            if not isinstance(name, str) or name != Path(name).name or name in ("", ".", ".."):
                raise CheckpointError(f"{file}: weight_map: expected bare file names, got {name!r}")
        return shards

    def _unread(self) -> str:
        """What is wrong with a folder that has no weights that can be read, and the remedy."""
        files = sorted(path for path in self.folder.glob("*") if path.suffix in UNREAD)
        # What else is pickled there, such as an optimizer's state, has no weights.
        files.sort(key=lambda path: ("model" not in path.name, list(UNREAD).index(path.suffix)))
        if not files:
            return f"{self.folder}: expected {SINGLE} or {INDEX}, found neither"
        first, why = files[0], UNREAD[files[0].suffix]
        if "pickled" in why:
            is_sharded = re.search(r"-\d+-of-\d+$", first.stem)
            pattern = re.sub(r"\d+-of", "*-of", first.name) if is_sharded else first.name
            remedy = "convert them there with " + CONVERT.format(pattern=pattern)
        else:
            remedy = "convert them with transformers 4 and its save_pretrained"
        return f"{first}: {why} and are not read; use the repository's {SINGLE}, or {remedy}"

    def names(self) -> list[str]:
        """Every tensor's name."""
        return list(self._where)

    def shape(self, name: str) -> tuple[int, ...]:
        """A tensor's shape, as stored."""
        return tuple(self._entry(name)["shape"])

    def dtype(self, name: str) -> str:
        """A tensor's safetensors dtype ("F32", "F16", "BF16", "F64")."""
        return self._entry(name)["dtype"]

    def _entry(self, name: str) -> dict[str, Any]:
        """What the header of its file says of a tensor."""
        file, own = self._where[name]
        return file.tensors[own]

    def path(self, name: str) -> Path:
        """The file that holds a tensor."""
        return self._where[name][0].path

    def load(self, name: str) -> np.ndarray:
        """A tensor, read from the file now: as it is stored, but bfloat16 as float32."""
        file, own = self._where[name]
        return widened(file.read(own))

    def pieces(self, name: str) -> Iterator[np.ndarray]:
        """A matrix, sixteen rows or a multiple of them at a time; of bfloat16 its bits (uint16)."""
        file, own = self._where[name]
        rows, *width = self.shape(name)
        step = max(PIECE // max(4 * prod(width), 1), 16) // 16 * 16
        for first in range(0, rows, step):
            yield file.read(own, first, first + step)

    def blocks(self, name: str) -> None:
        """safetensors files hold no quantised matrices."""
