"""What torch has pickled, without running what a pickle asks for.

A pickle names functions to call. Those that make tensors, and plain containers, are called; any
other becomes an inert ``Unknown``, so that a checkpoint's settings and optimizer do no harm.
"""

from __future__ import annotations

import argparse
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

KNOWN = {
    ("argparse", "Namespace"),
    ("collections", "OrderedDict"),
    ("torch._utils", "_rebuild_parameter"),
    ("torch._utils", "_rebuild_tensor_v2"),
    *(
        ("torch", f"{kind}Storage")
        for kind in ("BFloat16", "Double", "Float", "Half", "Int", "Long")
    ),
}


class Unknown(dict):
    """An object of a class that is not called."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        pass

    def __call__(self, *_: Any, **__: Any) -> Unknown:
        return Unknown()

    def append(self, item: Any) -> None:
        pass

    def extend(self, items: Any) -> None:
        pass


class Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return super().find_class(module, name) if (module, name) in KNOWN else Unknown


def load(path: Path) -> dict[str, Any]:
    """The object in a ``.pt`` file; its tensors are on the CPU."""
    module = SimpleNamespace(
        __name__=__name__, Unpickler=Unpickler, load=lambda f, **k: Unpickler(f, **k).load()
    )
    return torch.load(path, map_location="cpu", pickle_module=module, weights_only=False)


def fields(settings: Any) -> dict[str, Any]:
    """The fields of a namespace or of a dictionary."""
    return vars(settings) if isinstance(settings, argparse.Namespace) else dict(settings)
