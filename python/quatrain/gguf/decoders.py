"""Decoders in GGUF files: Llama and those like it, and GPT-2.

Their tensors' names are llama.cpp's (llama-arch.cpp) and Hugging Face's, without the base prefix.
``{}`` stands for a block's number; ``.weight`` and ``.bias`` behind them stay as they are.
"""

from __future__ import annotations

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


def rotary_decoder(metadata: Metadata, file: TensorFile) -> dict[str, Any]:
    """The fields of decoders with rotary positions, RMS norms and grouped heads."""
    width, heads = metadata.integer("embedding_length"), metadata.integer("attention.head_count")
    size = metadata.integer("attention.key_length", max(1, width // heads))
    for name in ("attention.value_length", "rope.dimension_count"):
        if (found := metadata.integer(name, size)) != size:
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
        "tie_word_embeddings": "output.weight" not in file.tensors,
    }


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
