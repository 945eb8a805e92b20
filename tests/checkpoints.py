"""Tiny random checkpoints, one per family, written without any third party's help."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from families import FAMILIES
from quatrain.models import network


def write(folder: Path, family: str, *, seed: int = 7, **changes: Any) -> Path:
    """Write ``family``'s tiny checkpoint into ``folder``; ``changes`` to its config."""
    known = FAMILIES[family]
    fields = known.config | changes
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(fields))
    net = network(fields, "config.json")
    random = np.random.default_rng(seed)
    tensors, seen = {}, set()
    for key, param, *_ in net.params():
        if id(param) in seen:
            continue
        seen.add(id(param))
        if param.tied_to is not None or (param.default is not None and param.role == "embedding"):
            continue  # another weight serves, or the table is computed
        array = random.standard_normal(param.stored_shape).astype(np.float32)
        # The head is no part of the base model, whose prefix the others carry.
        head = key.startswith(("lm_head", "final_logits_bias"))
        name = key if head else known.prefix + key
        tensors[name] = known.drawn(key, array)
    save_file(tensors, folder / "model.safetensors")
    return folder


def describe(folder: Path, *kinds: str, **files: dict[str, Any]) -> None:
    """Say how texts become vectors: ``modules.json`` with these modules, and other settings.

    ``config`` is the pooling's; the others are named as their files are.
    """
    paths = {"Transformer": "", "Pooling": "words", "Normalize": "2_Normalize"}
    modules = [
        {"idx": i, "name": str(i), "path": paths.get(kind, kind), "type": f"models.{kind}"}
        for i, kind in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    for name, fields in files.items():
        path = folder / (f"words/{name}.json" if name == "config" else f"{name}.json")
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(fields))
