"""GGUF files of tiny checkpoints, written by the ``gguf`` package as llama.cpp's converter would:
its writer, its table of names, its quantisation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from quatrain.models import network

#: What each architecture's files cannot say, as they take it.
SAID = {
    **{family: {"use_sliding_window": False} for family in ("qwen2", "qwen3")},
    "gemma2": {"query_pre_attn_scalar": 10},
    "gemma3_text": {"query_pre_attn_scalar": 10},
    "gpt2": {"scale_attn_by_inverse_layer_idx": False},
    "t5": {"relative_attention_max_distance": 128},
}


def write(
    folder: Path,
    file: Path,
    kind: str = "F32",
    extra: dict[str, np.ndarray] | None = None,
    blocks: dict[str, tuple[str, np.ndarray]] | None = None,
    **fields: Any,
) -> Path:
    """Write the checkpoint of ``folder`` as ``file``, its matrices of type ``kind``, ``extra``
    tensors too, and some as ``blocks``: their type and bytes. Fields may be changed or added, and
    left out (None)."""
    import gguf

    config = json.loads((folder / "config.json").read_text())
    family = config["model_type"].removesuffix("_text")
    # With Hugging Face's defaults.
    config |= vars(network(config, "config.json").config)
    writer = gguf.GGUFWriter(file, family)
    for name, value in (FIELDS[family](config) | fields).items():
        own = not name.startswith(("general.", "tokenizer.", "split."))
        add(writer, f"{family}.{name}" if own else name, value)
    counts = ("num_hidden_layers", "n_layer", "num_layers", "num_decoder_layers")
    architecture = {name: key for key, name in gguf.MODEL_ARCH_NAMES.items()}[family]
    names = gguf.get_tensor_name_map(architecture, max(config.get(key) or 0 for key in counts))
    for key, tensor in load_file(folder / "model.safetensors").items():
        if "pooler" in key:
            continue
        name = names.get_name(key, try_suffixes=(".weight", ".bias"))
        assert name, key
        array = converted(tensor, key, config)
        plain = array.ndim == 1 or "_norm" in name or kind == "F32"
        type, data = "F32" if plain else kind, None
        if blocks and name in blocks:
            type, data = blocks[name]
        number = gguf.GGMLQuantizationType[type]
        writer.add_tensor(
            name, gguf.quantize(array, number) if data is None else data, raw_dtype=number
        )
    for name, array in (extra or {}).items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def add(writer: Any, name: str, value: Any) -> None:
    if isinstance(value, bool):
        writer.add_bool(name, value)
    elif isinstance(value, int):
        writer.add_uint32(name, value)
    elif isinstance(value, float):
        writer.add_float32(name, value)
    elif isinstance(value, str):
        writer.add_string(name, value)
    elif value is not None:
        writer.add_array(name, value)


def converted(tensor: np.ndarray, key: str, config: dict[str, Any]) -> np.ndarray:
    """A tensor as the converter changes it."""
    family = config["model_type"]
    if family == "gpt2" and tensor.ndim == 2 and "wte" not in key and "wpe" not in key:
        return tensor if "lm_head" in key else np.ascontiguousarray(tensor.T)
    if family == "llama" and ("q_proj" in key or "k_proj" in key):
        heads = config["num_attention_heads" if "q_proj" in key else "num_key_value_heads"]
        # [heads, first and second half, pairs] -> [heads, pairs, first and second half]
        halves = tensor.reshape(heads, 2, -1, *tensor.shape[1:])
        return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(tensor.shape)
    if family.startswith("gemma") and "norm" in key:
        return tensor + 1
    return tensor


def rotary(config: dict[str, Any]) -> dict[str, Any]:
    heads = config["num_attention_heads"]
    size = config["head_dim"] or config["hidden_size"] // heads
    return {
        "block_count": config["num_hidden_layers"],
        "context_length": config["max_position_embeddings"],
        "embedding_length": config["hidden_size"],
        "feed_forward_length": config["intermediate_size"],
        "attention.head_count": heads,
        "attention.head_count_kv": config["num_key_value_heads"] or heads,
        "attention.key_length": size,
        "attention.value_length": size,
        "attention.layer_norm_rms_epsilon": config["rms_norm_eps"],
        "rope.dimension_count": size,
        "rope.freq_base": config["rope_theta"],
        "vocab_size": config["vocab_size"],
    }


def phi3(config: dict[str, Any]) -> dict[str, Any]:
    fields = rotary(config)
    size = fields.pop("attention.key_length")
    fields.pop("attention.value_length")
    fields["rope.dimension_count"] = int(size * config.get("partial_rotary_factor", 1.0))
    scaling = config["rope_scaling"] or {}
    return fields | {
        "attention.sliding_window": config["sliding_window"] or 0,
        "rope.scaling.original_context_length": config.get("original_max_position_embeddings"),
        "rope.scaling.attn_factor": scaling.get("attention_factor"),
    }


def gemma(config: dict[str, Any]) -> dict[str, Any]:
    windows = ("sliding_window", "sliding_window_pattern")
    fields = rotary(config) | {f"attention.{name}": config.get(name) for name in windows}
    caps = ("attn_logit_softcapping", "final_logit_softcapping")
    return fields | {name: config.get(name) for name in caps}


def gpt2(config: dict[str, Any]) -> dict[str, Any]:
    return {
        "block_count": config["n_layer"],
        "context_length": config["n_positions"],
        "embedding_length": config["n_embd"],
        "feed_forward_length": config["n_inner"],
        "attention.head_count": config["n_head"],
        "attention.layer_norm_epsilon": config["layer_norm_epsilon"],
    }


def bert(config: dict[str, Any]) -> dict[str, Any]:
    return {
        "block_count": config["num_hidden_layers"],
        "context_length": config["max_position_embeddings"],
        "embedding_length": config["hidden_size"],
        "feed_forward_length": config["intermediate_size"],
        "attention.head_count": config["num_attention_heads"],
        "attention.layer_norm_epsilon": config["layer_norm_eps"],
        "attention.causal": False,
        "pooling_type": 2,
    }


def t5(config: dict[str, Any]) -> dict[str, Any]:
    return {
        "block_count": config["num_layers"],
        "decoder_block_count": config["num_decoder_layers"] or config["num_layers"],
        "context_length": 512,
        "embedding_length": config["d_model"],
        "feed_forward_length": config["d_ff"],
        "attention.head_count": config["num_heads"],
        "attention.key_length": config["d_kv"],
        "attention.value_length": config["d_kv"],
        "attention.layer_norm_epsilon": 1e-6,
        "attention.layer_norm_rms_epsilon": config["layer_norm_epsilon"],
        "attention.relative_buckets_count": config["relative_attention_num_buckets"],
        "decoder_start_token_id": config["decoder_start_token_id"],
    }


FIELDS = {
    **dict.fromkeys(("llama", "qwen2", "qwen3"), rotary),
    **dict.fromkeys(("gemma2", "gemma3"), gemma),
    **{"phi3": phi3, "gpt2": gpt2, "bert": bert, "t5": t5},
}
