"""Decoders in GGUF files: Llama and those like it, and GPT-2.

Their tensors' names are llama.cpp's (llama-arch.cpp) and Hugging Face's, without the base prefix.
``{}`` stands for a block's number; ``.weight`` and ``.bias`` behind them stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from quatrain.gguf.described import Described
from quatrain.gguf.metadata import MOST_BLOCKS, Metadata
from quatrain.gguf.tensor_file import TensorFile

#: Tensors that divide the rotary frequencies: always, in short texts, in long ones.
DIVISORS = "rope_freqs.weight"
SHORT_DIVISORS, LONG_DIVISORS = "rope_factors_short.weight", "rope_factors_long.weight"

LLAMA = {
    "token_embd": "embed_tokens",
    "output_norm": "norm",
    "output": "lm_head",
    "blk.{}.attn_norm": "layers.{}.input_layernorm",
    "blk.{}.attn_q": "layers.{}.self_attn.q_proj",
    "blk.{}.attn_k": "layers.{}.self_attn.k_proj",
    "blk.{}.attn_v": "layers.{}.self_attn.v_proj",
    "blk.{}.attn_output": "layers.{}.self_attn.o_proj",
    "blk.{}.ffn_norm": "layers.{}.post_attention_layernorm",
    "blk.{}.ffn_gate": "layers.{}.mlp.gate_proj",
    "blk.{}.ffn_up": "layers.{}.mlp.up_proj",
    "blk.{}.ffn_down": "layers.{}.mlp.down_proj",
}


QWEN3 = LLAMA | {
    "blk.{}.attn_q_norm": "layers.{}.self_attn.q_norm",
    "blk.{}.attn_k_norm": "layers.{}.self_attn.k_norm",
}
PHI3 = {key: LLAMA[key] for key in LLAMA if not key.endswith(("_q", "_k", "_v", "_gate"))} | {
    "blk.{}.attn_qkv": "layers.{}.self_attn.qkv_proj",
    "blk.{}.ffn_up": "layers.{}.mlp.gate_up_proj",
}
GEMMA = QWEN3 | {
    "blk.{}.post_attention_norm": "layers.{}.post_attention_layernorm",
    "blk.{}.ffn_norm": "layers.{}.pre_feedforward_layernorm",
    "blk.{}.post_ffw_norm": "layers.{}.post_feedforward_layernorm",
}
#: How many blocks the models have whose queries are scaled by the width that a head would have;
#: the files do not say it.
LARGE_GEMMAS = (46, 62)


def llama(metadata: Metadata, file: TensorFile) -> Described:
    config = rotary_decoder(metadata, file) | {
        "model_type": "llama",
        "attention_bias": "blk.0.attn_q.bias" in file.tensors,
        "mlp_bias": "blk.0.ffn_up.bias" in file.tensors,
    }
    turned = ("blk.{}.attn_q", "blk.{}.attn_k")
    return Described(config, LLAMA, neighbours=turned, head_size=config["head_dim"])


def qwen2(metadata: Metadata, file: TensorFile) -> Described:
    return Described(rotary_decoder(metadata, file) | {"model_type": "qwen2"}, LLAMA)


def qwen3(metadata: Metadata, file: TensorFile) -> Described:
    bias = "blk.0.attn_q.bias" in file.tensors
    config = rotary_decoder(metadata, file) | {"model_type": "qwen3", "attention_bias": bias}
    return Described(config, QWEN3)


def phi3(metadata: Metadata, file: TensorFile) -> Described:
    config = rotary_decoder(metadata, file, partly=True) | {
        "model_type": "phi3",
        "sliding_window": metadata.integer("attention.sliding_window", 0, least=0) or None,
    }
    if config["rope_scaling"]:
        key = "original_max_position_embeddings"
        config[key] = config["rope_scaling"][key]
    return Described(config, PHI3)


def gemma2(metadata: Metadata, file: TensorFile) -> Described:
    if (found := metadata.integer("attention.sliding_window_pattern", 2)) != 2:
        metadata.fail("attention.sliding_window_pattern", "2", found)
    config = gemma(metadata, file) | {
        "model_type": "gemma2",
        "sliding_window": metadata.integer("attention.sliding_window", 4096),
        "attn_logit_softcapping": metadata.number("attn_logit_softcapping", 50.0) or None,
        "final_logit_softcapping": metadata.number("final_logit_softcapping", 30.0) or None,
    }
    return Described(config, GEMMA, raised=norms(GEMMA))


def gemma3(metadata: Metadata, file: TensorFile) -> Described:
    config = gemma(metadata, file) | {
        "model_type": "gemma3_text",
        "sliding_window_pattern": metadata.integer("attention.sliding_window_pattern", 6),
        "sliding_window": metadata.integer("attention.sliding_window", 0, least=0) or None,
        "final_logit_softcapping": metadata.number("final_logit_softcapping", 0.0) or None,
        "rope_local_base_freq": metadata.number("rope.freq_base_swa", 10000.0),
    }
    if config["sliding_window"] is None:
        config["layer_types"] = ["full_attention"] * config["num_hidden_layers"]
    return Described(config, GEMMA, raised=norms(GEMMA))


def gemma(metadata: Metadata, file: TensorFile) -> dict[str, Any]:
    config = rotary_decoder(metadata, file)
    is_large = config["num_hidden_layers"] in LARGE_GEMMAS
    width = config["hidden_size"] // config["num_attention_heads"]
    return config | {"query_pre_attn_scalar": width if is_large else config["head_dim"]}


def norms(names: Mapping[str, str]) -> list[str]:
    return [name for name in names if name.endswith("_norm")]


def rotary_decoder(metadata: Metadata, file: TensorFile, *, partly: bool = False) -> dict[str, Any]:
    """The fields of decoders with rotary positions, RMS norms and grouped heads, of which only a
    part may turn."""
    width, heads = metadata.integer("embedding_length"), metadata.integer("attention.head_count")
    size = metadata.integer("attention.key_length", max(1, width // heads))
    turned = metadata.integer("rope.dimension_count", size)
    for name, found in {
        "attention.value_length": metadata.integer("attention.value_length", size),
        "rope.dimension_count": size if partly else turned,
    }.items():
        if found != size:
            metadata.fail(name, f"the size of a head ({size})", found)
    context = metadata.integer("context_length")
    return {
        "vocab_size": file.size("token_embd.weight"),
        "hidden_size": width,
        "intermediate_size": metadata.integer("feed_forward_length"),
        "num_hidden_layers": metadata.integer("block_count", most=MOST_BLOCKS),
        "num_attention_heads": heads,
        "num_key_value_heads": metadata.integer("attention.head_count_kv", heads),
        "head_dim": size,
        "max_position_embeddings": context,
        "rms_norm_eps": metadata.number("attention.layer_norm_rms_epsilon"),
        "rope_theta": metadata.number("rope.freq_base", 10000.0),
        "rope_scaling": rope_scaling(metadata, file, context),
        **({"partial_rotary_factor": fraction(turned, size)} if partly else {}),
        "tie_word_embeddings": "output.weight" not in file.tensors,
    }


def fraction(part: int, whole: int) -> float:
    """What ``whole`` is multiplied by, and cut off behind the point, to give ``part``."""
    ratio = part / whole
    return ratio if int(whole * ratio) == part else math.nextafter(ratio, 1)


def rope_scaling(metadata: Metadata, file: TensorFile, context: int) -> dict[str, Any] | None:
    """How the rotary positions are stretched.

    A file with ``rope_freqs`` has a divisor of each frequency (Llama 3.1's are written so), which
    is what LongRoPE calls short factors, in texts of any length.
    """
    kind = metadata.text("rope.scaling.type", "linear")
    factor = metadata.number("rope.scaling.factor", 0.0) or metadata.number(
        "rope.scale_linear", 0.0
    )
    original = metadata.integer("rope.scaling.original_context_length", context)
    scale = metadata.number("rope.scaling.attn_factor", 1.0)
    fast = metadata.number("rope.scaling.yarn_beta_fast", 32.0)
    slow = metadata.number("rope.scaling.yarn_beta_slow", 1.0)
    stretched = kind != "none" and factor not in (0, 1)
    if DIVISORS in file.tensors:
        if stretched:
            metadata.fail("rope.scaling.factor", f"none beside the tensor {DIVISORS}", factor)
        return long_rope(file, DIVISORS, DIVISORS, context, 1.0)
    if LONG_DIVISORS in file.tensors:
        return long_rope(file, SHORT_DIVISORS, LONG_DIVISORS, original, scale)
    if not stretched:
        return None
    scaling = {"rope_type": kind, "factor": factor}
    if kind != "linear":
        scaling |= {"original_max_position_embeddings": original}
        scaling |= {"beta_fast": fast, "beta_slow": slow}
    if scale != 1:
        metadata.fail("rope.scaling.attn_factor", "1", scale)
    return scaling


def long_rope(
    file: TensorFile, short: str, long: str, original: int, scale: float
) -> dict[str, Any]:
    return {
        "rope_type": "longrope",
        "short_factor": file.numbers(short),
        "long_factor": file.numbers(long),
        "original_max_position_embeddings": original,
        "attention_factor": scale,
    }


GPT2 = {
    "token_embd": "wte",
    "position_embd": "wpe",
    "output_norm": "ln_f",
    "output": "lm_head",
    "blk.{}.attn_norm": "h.{}.ln_1",
    "blk.{}.attn_qkv": "h.{}.attn.c_attn",
    "blk.{}.attn_output": "h.{}.attn.c_proj",
    "blk.{}.ffn_norm": "h.{}.ln_2",
    "blk.{}.ffn_up": "h.{}.mlp.c_fc",
    "blk.{}.ffn_down": "h.{}.mlp.c_proj",
}


def gpt2(metadata: Metadata, file: TensorFile) -> Described:
    config = {
        "model_type": "gpt2",
        "vocab_size": file.size("token_embd.weight"),
        "n_positions": metadata.integer("context_length"),
        "n_embd": metadata.integer("embedding_length"),
        "n_layer": metadata.integer("block_count", most=MOST_BLOCKS),
        "n_head": metadata.integer("attention.head_count"),
        "n_inner": metadata.integer("feed_forward_length"),
        "layer_norm_epsilon": metadata.number("attention.layer_norm_epsilon"),
        "tie_word_embeddings": "output.weight" not in file.tensors,
    }
    linear = ("attn_qkv", "attn_output", "ffn_up", "ffn_down")
    return Described(config, GPT2, transposed=[f"blk.{{}}.{name}" for name in linear])
