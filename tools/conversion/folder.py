"""Writing a model's folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

#: How the keys of an output layer begin.
HEAD = ("lm_head.", "final_logits_bias")


def write(out: Path, tensors: dict[str, torch.Tensor], **files: dict[str, Any]) -> None:
    """Write ``model.safetensors``, and each of ``files`` as a ``.json``.

    Of the base model's tensors the keys get its prefix.
    """
    out.mkdir(parents=True, exist_ok=True)
    whole = {
        name if name.startswith(HEAD) else f"model.{name}": tensor.detach().contiguous().clone()
        for name, tensor in tensors.items()
    }
    save_file(whole, out / "model.safetensors", metadata={"format": "pt"})
    for name, fields in files.items():
        text = json.dumps(fields, ensure_ascii=False, indent=1)
        (out / f"{name}.json").write_text(text + "\n", encoding="utf-8")
