"""Checkpoints: named tensors in safetensors files, memory-mapped, read one at a time."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from safetensors import SafetensorError, safe_open

from quatrain.errors import CheckpointError, WeightError
from quatrain.files import read_json
from quatrain.module import Module, Param

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
DTYPES = {"F32", "F16", "BF16", "F64"}


class Blocks(NamedTuple):
    """A matrix as a file holds it quantised, not read yet: pages of the mapped file.

    ``kind`` is GGUF's name of the type ("Q8_0", "Q4_K"). ``rows``, uint8 ``[out, bytes]``, has the
    logical rows in their order, each a whole number of blocks along the inputs.
    """

    kind: str
    rows: np.ndarray


class Tensors(Protocol):
    """Named tensors somewhere, each read when it is asked for."""

    #: The folder or file, which complaints name.
    where: Path
    #: The dtypes that ``load`` can read.
    dtypes: Collection[str]

    def names(self) -> list[str]:
        """Every tensor's name."""

    def shape(self, name: str) -> tuple[int, ...]:
        """A tensor's shape, as stored."""

    def dtype(self, name: str) -> str:
        """What a tensor's values are stored as, by the format's name for it."""

    def path(self, name: str) -> Path:
        """The file that holds a tensor."""

    def load(self, name: str) -> np.ndarray:
        """A tensor's values, read from the file now."""

    def blocks(self, name: str) -> Blocks | None:
        """A matrix as it is quantised in the file; None if it is not."""


class Checkpoint:
    """The tensors of a model folder: ``model.safetensors``, or the shards its index lists.

    Raises CheckpointError when a file is missing, truncated or not safetensors.
    """

    dtypes: Collection[str] = DTYPES

    def __init__(self, folder: Path) -> None:
        self.folder = self.where = folder
        # A file that stays open is asked for shapes alone, so that of it only the header is read.
        self._where: dict[str, tuple[Path, Any]] = {}
        #: What the files' headers say beside the tensors.
        self.metadata: dict[str, str] = {}
        for shard in self._shards():
            file = self._open(folder / shard)
            self.metadata |= file.metadata() or {}
            for name in file.keys():  # noqa: SIM118
                if name in self._where:
                    raise CheckpointError(f"{folder / shard}: {name} is in another shard as well")
                self._where[name] = folder / shard, file

    def _shards(self) -> list[str]:
        if (self.folder / SINGLE).is_file():
            return [SINGLE]
        if (self.folder / INDEX).is_file():
            index = read_json(self.folder / INDEX)
            shards = index.get("weight_map") if isinstance(index, dict) else None
            if not isinstance(shards, dict) or not shards:
                raise CheckpointError(
                    f"{self.folder / INDEX}: expected a weight_map of tensor names"
                )
            for name in shards.values():
                if not isinstance(name, str) or name != Path(name).name or name in ("", ".", ".."):
                    raise CheckpointError(
                        f"{self.folder / INDEX}: weight_map: expected bare file names, got {name!r}"
                    )
            return sorted(set(shards.values()))
        if pickles := sorted(self.folder.glob("*.bin")) + sorted(self.folder.glob("*.pt")):
            raise CheckpointError(
                f"{pickles[0]}: pickled weights can run code and are not read; convert them with"
                " safetensors.torch.save_file, or use the repository's model.safetensors"
            )
        raise CheckpointError(f"{self.folder}: expected {SINGLE} or {INDEX}, found neither")

    @staticmethod
    def _open(path: Path) -> Any:
        if not path.is_file():
            raise CheckpointError(f"{path}: expected a file of weights, found none")
        try:
            return safe_open(path, framework="numpy")
        except (SafetensorError, OSError) as e:
            raise CheckpointError(f"{path}: not a whole safetensors file: {e}") from e

    def names(self) -> list[str]:
        """Every tensor's name."""
        return list(self._where)

    def shape(self, name: str) -> tuple[int, ...]:
        """A tensor's shape, as stored."""
        return tuple(self._where[name][1].get_slice(name).get_shape())

    def dtype(self, name: str) -> str:
        """A tensor's safetensors dtype ("F32", "F16", "BF16", "F64")."""
        return self._where[name][1].get_slice(name).get_dtype()

    def path(self, name: str) -> Path:
        """The file that holds a tensor."""
        return self._where[name][0]

    def load(self, name: str) -> np.ndarray:
        """A tensor as it is stored, read from the file now.

        The file is mapped anew for each, so that what has been read leaves memory again.
        """
        return self._open(self.path(name)).get_tensor(name)

    def blocks(self, name: str) -> None:
        """safetensors files hold no quantised matrices."""


def bind(
    network: Module,
    checkpoint: Tensors,
    parameter: Callable[[str, Param, Load], Any],
    *,
    prefixes: Iterable[str] = (),
    ignored: Iterable[str] = (),
    duplicates: Mapping[str, str] | None = None,
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
    params = list(network.params())
    first_of: dict[Param, str] = {}
    for key, param, *_ in params:
        first_of.setdefault(param, key)
    loads: dict[Param, Load] = {}
    for param, key in first_of.items():
        name = known.get(key)
        unused.pop(key, None)
        if name is None and param.default is not None:
            loads[param] = Default(param.default)
        elif name is None:
            problems.append(f"missing {key} of shape {list(param.stored_shape)}")
        elif problem := mismatch(checkpoint, name, param):
            problems.append(problem)
        else:
            loads[param] = Stored(checkpoint, name, param.shape, param.transposed)
    for copy, original in (duplicates or {}).items():
        name = unused.pop(copy, None) if original in known else None
        if name and not np.array_equal(checkpoint.load(name), checkpoint.load(known[original])):
            problems.append(f"{name} must equal the weight it is tied to, {known[original]}")
    patterns = [re.compile(pattern) for pattern in ignored]
    left = [name for key, name in unused.items() if not any(p.fullmatch(key) for p in patterns)]
    problems += [f"unused {name} of shape {list(checkpoint.shape(name))}" for name in left]
    if problems:
        more = f" (and {len(problems) - 8} more)" if len(problems) > 8 else ""
        raise WeightError(f"{checkpoint.where}: {'; '.join(problems[:8])}{more}")
    made = {param: parameter(first_of[param], param, load) for param, load in loads.items()}
    for _, param, owner, attribute in params:
        setattr(owner, attribute, made[param])
    return {first_of[param]: weight for param, weight in made.items()}


def strip(name: str, prefixes: Iterable[str]) -> str:
    """A file's key without its base prefix."""
    for prefix in prefixes:
        if name.startswith(prefix):
            return name[len(prefix) :]
    return name


def mismatch(checkpoint: Tensors, name: str, param: Param) -> str | None:
    """What is wrong with a tensor's shape or dtype; None if nothing is."""
    shape, dtype = checkpoint.shape(name), checkpoint.dtype(name)
    if shape != param.stored_shape:
        return f"{name}: expected shape {list(param.stored_shape)}, found {list(shape)}"
    if dtype not in checkpoint.dtypes:
        return f"{name}: expected dtype {', '.join(sorted(checkpoint.dtypes))}, found {dtype}"
    return None


@dataclass(frozen=True)
class Stored:
    """A tensor of a checkpoint. Called, it is read from its file, in its logical shape."""

    checkpoint: Tensors
    name: str
    shape: tuple[int, ...]
    transposed: bool

    def __call__(self) -> np.ndarray:
        array = self.checkpoint.load(self.name)
        return array.T if self.transposed else array.reshape(self.shape)

    def blocks(self) -> Blocks | None:
        """The tensor as it is quantised in its file, in its logical rows; None if it is not."""
        return self.checkpoint.blocks(self.name)

    def identity(self) -> tuple[Hashable, ...]:
        """What only this tensor has, until its file changes."""
        file = os.stat(self.checkpoint.path(self.name))
        when = file.st_mtime_ns, file.st_ctime_ns
        return file.st_dev, file.st_ino, file.st_size, when, self.name, self.transposed


@dataclass(frozen=True)
class Default:
    """A tensor that no file holds, because it can be computed. Called, it is."""

    compute: Callable[[], np.ndarray]

    def __call__(self) -> np.ndarray:
        return self.compute()

    def blocks(self) -> None:
        """Nothing is quantised."""

    def identity(self) -> tuple[Hashable, ...]:
        """What only this tensor has."""
        return (self.compute,)


Load = Stored | Default
