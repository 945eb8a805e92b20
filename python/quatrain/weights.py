"""Weights: named tensors in files, one at a time, and the parameters that take them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from quatrain.errors import WeightError
from quatrain.module import Module, Param
from quatrain.tensor_file import identity, widened


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

    def pieces(self, name: str) -> Iterator[np.ndarray]:
        """A matrix, sixteen rows or a multiple of them at a time; of bfloat16 its bits (uint16)."""

    def blocks(self, name: str) -> Blocks | None:
        """A matrix as it is quantised in the file; None if it is not."""


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
            loads[param] = Stored(checkpoint, name, param.shape, param.transposed, param.offset)
    for copy, original in (duplicates or {}).items():
        name = unused.pop(copy, None) if original in known else None
        if name and not problems and not same(checkpoint, name, known[original]):
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


def same(checkpoint: Tensors, name: str, other: str) -> bool:
    """Whether two matrices have the same shape and numbers, of whatever dtype."""
    shapes = checkpoint.shape(name), checkpoint.shape(other)
    if shapes[0] != shapes[1] or checkpoint.dtype(name) not in checkpoint.dtypes:
        return False
    pairs = zip(checkpoint.pieces(name), checkpoint.pieces(other), strict=True)
    return all(np.array_equal(widened(a), widened(b)) for a, b in pairs)


@dataclass(frozen=True)
class Stored:
    """A tensor of a checkpoint. Called, it is read from its file, in its logical shape."""

    checkpoint: Tensors
    name: str
    shape: tuple[int, ...]
    transposed: bool
    offset: float

    def __call__(self) -> np.ndarray:
        array = self.checkpoint.load(self.name)
        if self.offset:
            # Sixteen bits would lose most of what is stored beside it.
            array = array.astype(np.result_type(array.dtype, np.float32)) + self.offset
        return array.T if self.transposed else array.reshape(self.shape)

    def pieces(self) -> Iterator[np.ndarray]:
        """A matrix some rows at a time, of bfloat16 its bits (uint16); see ``Tensors.pieces``."""
        if self.transposed or self.offset:
            yield self()
        else:
            yield from self.checkpoint.pieces(self.name)

    def blocks(self) -> Blocks | None:
        """The tensor as it is quantised in its file, in its logical rows; None if it is not."""
        return self.checkpoint.blocks(self.name)

    def identity(self) -> tuple[Hashable, ...]:
        """What only this tensor has, until its file changes."""
        file = identity(self.checkpoint.path(self.name))
        return *file, self.name, self.transposed, self.offset


@dataclass(frozen=True)
class Default:
    """A tensor that no file holds, because it can be computed. Called, it is."""

    compute: Callable[[], np.ndarray]

    def __call__(self) -> np.ndarray:
        return self.compute()

    def pieces(self) -> Iterator[np.ndarray]:
        """All of it at once."""
        yield self()

    def blocks(self) -> None:
        """Nothing is quantised."""

    def identity(self) -> tuple[Hashable, ...]:
        """What only this tensor has."""
        return (self.compute,)


Load = Stored | Default
