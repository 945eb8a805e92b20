"""A Llama's checkpoint as a GGUF file, as llama.cpp's converter would write it."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file


def write_gguf(source: Path, out: Path, kind: str) -> None:
    """Matrices of type ``kind``, but the embedding of ``Q8_0``; no vocabulary."""
    config = json.loads((source / "config.json").read_text())
    draft = out.with_suffix(".draft")
    writer = gguf.GGUFWriter(draft, "llama")
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("none")
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    for key, tensor in load_file(source / "model.safetensors").items():
        array = tensor
        if ".q_proj." in key or ".k_proj." in key:
            # The halves of a head's pairs become neighbours.
            halves = array.reshape(heads if ".q_proj." in key else kv_heads, 2, -1, array.shape[1])
            array = np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(array.shape)
        type_name = "F32" if array.ndim == 1 else "Q8_0" if "embed" in key else kind
        type = gguf.GGMLQuantizationType[type_name]
        name = names.get_name(key, try_suffixes=(".weight",))
        writer.add_tensor(name, gguf.quantize(array, type), raw_dtype=type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    draft.rename(out)
