"""Modules: parameters in a tree, with the names that the checkpoint gives them.

A module's path is its checkpoint key without the base prefix (``h.3.attn``). That one name is
the weight's key, the trace's key and the ONNX node's name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(eq=False)
class Param:
    """A declared weight. Binding a module to an engine replaces it by the engine's own tensor.

    ``shape`` is logical: [out, in] for a linear layer, however the file stores it; with
    ``transposed``, the file has the reverse (GPT-2's Conv1D). ``role`` tells the engine what
    the weight is for: "linear" (packed), "embedding" (gathered), "tied" (both), "convolution"
    (packed as a matrix) or "vector".
    A file may leave out a weight that ``default`` computes, or that is then ``tied_to`` another;
    with ``one_row`` it stores a vector as ``[1, N]``. It stores the weight less ``offset``
    (Gemma's norms: less 1).
    """

    shape: tuple[int, ...]
    role: str = "vector"
    transposed: bool = False
    default: Callable[[], np.ndarray] | None = None
    tied_to: Param | None = None
    one_row: bool = False
    offset: float = 0.0

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """The shape that the file must have."""
        if self.one_row:
            return (1, *self.shape)
        return self.shape[::-1] if self.transposed else self.shape

    @property
    def matrix(self) -> tuple[int, int]:
        """The shape of the matrix that is packed: all inputs of an output in one row."""
        return self.shape[0], math.prod(self.shape[1:])

    @property
    def packed(self) -> bool:
        """Whether an engine that packs matrices packs this one."""
        return self.role in ("linear", "tied", "convolution")


class Module:
    """A part of a model. Subclasses define ``forward(op, ...)`` and nothing else is magic."""

    path = ""

    def forward(self, op: Any, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def __call__(self, op: Any, *args: Any, **kwargs: Any) -> Any:
        if op.names:
            return op.enter(self, args, kwargs)
        return self.forward(op, *args, **kwargs)

    def children(self) -> Iterator[tuple[str, Module]]:
        """Sub-modules with the names that they have here; lists are numbered."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value
            elif isinstance(value, list):
                for i, item in enumerate(value):
                    if isinstance(item, Module):
                        yield f"{name}.{i}", item

    def modules(self) -> Iterator[Module]:
        """This module and all below it."""
        yield self
        for _, child in self.children():
            yield from child.modules()

    def assign_paths(self, path: str = "") -> None:
        """Give every module below its absolute path. The first owner of a shared one names it."""
        self.path = path
        for name, child in self.children():
            if not child.path:
                child.assign_paths(f"{path}.{name}" if path else name)

    def params(self) -> Iterator[tuple[str, Param, Module, str]]:
        """Every declared weight as (key, param, owner, attribute)."""
        for module in self.modules():
            for attribute, value in vars(module).items():
                if isinstance(value, Param):
                    key = f"{module.path}.{attribute}" if module.path else attribute
                    yield key, value, module, attribute
