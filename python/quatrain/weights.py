"""Checkpoints: named tensors in the files of a folder, read one at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from quatrain.errors import CheckpointError, WeightError
from quatrain.files import read_json
from quatrain.module import Module, Param
from quatrain.tensor_file import TensorFile, identity

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
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

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: list[TensorFile] = []
        self._where: dict[str, TensorFile] = {}
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
                self._where[name] = file
        for name, shard in index.items():
            if name not in self._where or self._where[name].path.name != shard:
                raise CheckpointError(f"{folder / INDEX}: weight_map: {name} is not in {shard}")

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
                raise CheckpointError(
                    f"{file}: weight_map: expected bare file names, got {name!r}"
                )
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
        return tuple(self._where[name].tensors[name]["shape"])

    def dtype(self, name: str) -> str:
        """A tensor's safetensors dtype ("F32", "F16", "BF16", "F64")."""
        return self._where[name].tensors[name]["dtype"]

    def file(self, name: str) -> TensorFile:
        """The file that holds a tensor."""
        return self._where[name]

    def load(self, name: str) -> np.ndarray:
        """A tensor, read from the file now: as it is stored, but bfloat16 as float32."""
        return widened(self._where[name].read(name))

    def pieces(self, name: str) -> Iterator[np.ndarray]:
        """A matrix, sixteen rows or a multiple of them at a time; of bfloat16 its bits (uint16)."""
        rows, *width = self.shape(name)
        step = max(PIECE // max(4 * prod(width), 1), 16) // 16 * 16
        for first in range(0, rows, step):
            yield self._where[name].read(name, first, first + step)


def widened(array: np.ndarray) -> np.ndarray:
    """The numbers of an array in which uint16 are the bits of bfloat16."""
    if array.dtype != np.uint16:
        return array
    return (array.astype(np.uint32) << 16).view(np.float32)


def bind(
    network: Module,
    checkpoint: Checkpoint,
    parameter: Callable[[str, Param, Stored], Any],
    *,
    prefixes: Iterable[str] = (),
    ignored: Iterable[str] = (),
    duplicates: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Replace every Param of ``network`` by what ``parameter(key, param, load)`` returns.

    A file key may carry one of ``prefixes`` before the module's key. Keys that match a pattern
    of ``ignored`` are buffers that the architecture computes by itself. ``duplicates`` maps keys
    of tied weights to the key that owns them: where the file has both, they must be equal.
    -> what it returned, by key; what modules share is there once.
    Raises WeightError naming every missing, unused or misshapen tensor.
    """
    known: dict[str, str] = {}
    problems = []
    for stored in checkpoint.names():
        if (first := known.setdefault(strip(stored, prefixes), stored)) != stored:
            problems.append(f"{first} and {stored} are one weight")
    unused = dict(known)
    bound: dict[int, Any] = {}
    weights: dict[str, Any] = {}
    for key, param, owner, attribute in list(network.params()):
        if id(param) not in bound:
            name = known.get(key)
            unused.pop(key, None)
            if name is None:
                problems.append(f"missing {key} of shape {list(param.stored_shape)}")
                continue
            if problem := mismatch(checkpoint, name, param):
                problems.append(problem)
                continue
            weights[key] = parameter(key, param, Stored(checkpoint, name, param.transposed))
            bound[id(param)] = weights[key]
        setattr(owner, attribute, bound[id(param)])
    for copy, original in (duplicates or {}).items():
        name = unused.pop(copy, None) if original in known else None
        if name and not problems and not same(checkpoint, name, known[original]):
            problems.append(f"{name} must equal the weight it is tied to, {known[original]}")
    patterns = [re.compile(pattern) for pattern in ignored]
    left = [name for key, name in unused.items() if not any(p.fullmatch(key) for p in patterns)]
    problems += [f"unused {name} of shape {list(checkpoint.shape(name))}" for name in left]
    if problems:
        more = f" (and {len(problems) - 8} more)" if len(problems) > 8 else ""
        raise WeightError(f"{checkpoint.folder}: {'; '.join(problems[:8])}{more}")
    return weights


def strip(name: str, prefixes: Iterable[str]) -> str:
    """A file's key without its base prefix."""
    for prefix in prefixes:
        if name.startswith(prefix):
            return name[len(prefix) :]
    return name


def mismatch(checkpoint: Checkpoint, name: str, param: Param) -> str | None:
    """What is wrong with a tensor's shape or dtype; None if nothing is."""
    shape, dtype = checkpoint.shape(name), checkpoint.dtype(name)
    if shape != param.stored_shape:
        return f"{name}: expected shape {list(param.stored_shape)}, found {list(shape)}"
    if dtype not in DTYPES:
        return f"{name}: expected dtype {', '.join(sorted(DTYPES))}, found {dtype}"
    return None


def same(checkpoint: Checkpoint, name: str, other: str) -> bool:
    """Whether two tensors have the same shape and numbers, of whatever dtype."""
    if checkpoint.shape(name) != checkpoint.shape(other) or checkpoint.dtype(name) not in DTYPES:
        return False
    pairs = zip(checkpoint.pieces(name), checkpoint.pieces(other), strict=True)
    return all(np.array_equal(widened(a), widened(b)) for a, b in pairs)


@dataclass(frozen=True)
class Stored:
    """A tensor of a checkpoint. Called, it is read from its file, in its logical shape."""

    checkpoint: Checkpoint
    name: str
    transposed: bool

    def __call__(self) -> np.ndarray:
        array = self.checkpoint.load(self.name)
        return array.T if self.transposed else array

    def pieces(self) -> Iterator[np.ndarray]:
        """A matrix some rows at a time, of bfloat16 its bits (uint16); see ``Checkpoint.pieces``.

        One that is stored transposed comes whole.
        """
        if self.transposed:
            yield self.checkpoint.file(self.name).read(self.name).T
        else:
            yield from self.checkpoint.pieces(self.name)

    def identity(self) -> tuple[Hashable, ...]:
        """What only this tensor has, until its file changes."""
        file = self.checkpoint.file(self.name).path
        return *identity(file), self.name, self.transposed
