"""Models and texts to time, made here once: figures must not depend on a download.

Speed does not depend on what the weights are, so they are random, under the shapes and names of
the real checkpoints.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from benchmarks.folders import cache
from quatrain.models import network

#: The shape of all-MiniLM-L6-v2.
MINILM = {
    "model_type": "bert",
    "architectures": ["BertModel"],
    "vocab_size": 30522,
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
    "max_position_embeddings": 512,
    "hidden_act": "gelu",
}
#: The shape of the smallest GPT-2; no end token, so that every run has the same length.
GPT2 = {
    "model_type": "gpt2",
    "architectures": ["GPT2LMHeadModel"],
    "vocab_size": 50257,
    "n_positions": 1024,
    "n_embd": 768,
    "n_layer": 12,
    "n_head": 12,
    "eos_token_id": None,
    "bos_token_id": None,
}
SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "encode": ("minilm", MINILM),
    "generate": ("gpt2", GPT2),
}


def checkpoint(task: str) -> Path:
    """The folder of a task's random checkpoint, written on first use."""
    name, config = SHAPES[task]
    folder = cache() / name
    if not (folder / "config.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        save_file(weights(config), folder / "model.safetensors")
        # Last, so that its presence says that the rest is complete.
        (folder / "config.json").write_text(json.dumps(config))
    return folder


def weights(config: dict[str, Any]) -> dict[str, np.ndarray]:
    """Random tensors under the names of the family: matrices N(0, 0.02), norms near 1."""
    random = np.random.default_rng(7)
    tensors: dict[str, np.ndarray] = {}
    tied = set()
    for key, param, *_ in network(config, "config.json").params():
        if id(param) in tied:
            continue
        tied.add(id(param))
        array = random.standard_normal(param.stored_shape, np.float32)
        norm = len(param.shape) == 1 and key.endswith("weight")
        tensors[key] = 1 + 0.1 * array if norm else 0.02 * array
    return tensors


def exported(task: str) -> Path:
    """The graph that quatrain exports from the random checkpoint, written on first use."""
    import quatrain

    folder = cache() / f"{SHAPES[task][0]}-{quatrain.__version__}-onnx"
    if not folder.exists():
        quatrain.load(checkpoint(task)).export(folder)
    return folder / "onnx" / "model.onnx"
