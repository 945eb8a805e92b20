"""Tiny random checkpoints, one per family, written without any third party's help.

Sizes are odd and unequal on purpose. Weights are large enough that the median margin between
the best two next tokens is well above rounding.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from quatrain.models import network

VOCAB = 97

CONFIGS: dict[str, dict[str, Any]] = {
    "gpt2": {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "vocab_size": VOCAB,
        "n_positions": 64,
        "n_embd": 24,
        "n_layer": 3,
        "n_head": 3,
        "n_inner": 37,
        "scale_attn_by_inverse_layer_idx": True,
        "bos_token_id": 0,
        "eos_token_id": 0,
    },
    "llama": {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "vocab_size": VOCAB,
        "hidden_size": 24,
        "intermediate_size": 41,
        "num_hidden_layers": 3,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "head_dim": 6,
        "max_position_embeddings": 64,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "tie_word_embeddings": False,
    },
    "bert": {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "vocab_size": VOCAB,
        "hidden_size": 24,
        "num_hidden_layers": 3,
        "num_attention_heads": 3,
        "intermediate_size": 41,
        "max_position_embeddings": 64,
        "pad_token_id": 0,
    },
    "t5": {
        "model_type": "t5",
        "architectures": ["T5ForConditionalGeneration"],
        "vocab_size": VOCAB,
        "d_model": 24,
        "d_kv": 10,
        "d_ff": 41,
        "num_layers": 2,
        "num_decoder_layers": 3,
        "num_heads": 3,
        "relative_attention_num_buckets": 8,
        "relative_attention_max_distance": 12,
        "feed_forward_proj": "gated-gelu",
        "decoder_start_token_id": 0,
        "eos_token_id": 1,
    },
}

#: The prefix that each family's files carry.
PREFIXES = {"gpt2": "transformer.", "llama": "model.", "bert": "", "t5": ""}


def write(folder: Path, family: str, *, seed: int = 7, **changes: Any) -> Path:
    """Write ``family``'s tiny checkpoint into ``folder``; ``changes`` to its config."""
    fields = CONFIGS[family] | changes
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(fields))
    net = network(fields, "config.json")
    random = np.random.default_rng(seed)
    tensors, seen = {}, set()
    for key, param, *_ in net.params():
        if id(param) in seen:
            continue
        seen.add(id(param))
        head = key.startswith("lm_head")
        array = random.standard_normal(param.stored_shape).astype(np.float32)
        is_norm = len(param.shape) == 1 and key.endswith("weight")
        name = key if head else PREFIXES[family] + key
        tensors[name] = 1 + 0.1 * array if is_norm else 0.25 * array
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
