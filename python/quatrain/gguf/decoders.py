"""Decoders in GGUF files: Llama and those like it, and GPT-2.

Their tensors' names are llama.cpp's (llama-arch.cpp) and Hugging Face's, without the base prefix.
``{}`` stands for a block's number; ``.weight`` and ``.bias`` behind them stay as they are.
"""

from __future__ import annotations

from typing import Any

from quatrain.gguf.described import Described, Shapes, size_of
from quatrain.gguf.metadata import MOST_BLOCKS, Metadata

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


def llama(metadata: Metadata, shapes: Shapes) -> Described:
    config = rotary_decoder(metadata, shapes) | {
        "model_type": "llama",
        "attention_bias": "blk.0.attn_q.bias" in shapes,
        "mlp_bias": "blk.0.ffn_up.bias" in shapes,
    }
    return Described(
        config, LLAMA, neighbours=("blk.{}.attn_q", "blk.{}.attn_k"), head_size=config["head_dim"]
    )


def rotary_decoder(metadata: Metadata, shapes: Shapes) -> dict[str, Any]:
    """The fields of decoders with rotary positions, RMS norms and grouped heads."""
    width, heads = metadata.integer("embedding_length"), metadata.integer("attention.head_count")
    size = metadata.integer("attention.key_length", max(1, width // heads))
    for name in ("attention.value_length", "rope.dimension_count"):
        if (found := metadata.integer(name, size)) != size:
            metadata.fail(name, f"the size of a head ({size})", found)
    return {
        "vocab_size": size_of(metadata, shapes, "token_embd.weight"),
        "hidden_size": width,
        "intermediate_size": metadata.integer("feed_forward_length"),
        "num_hidden_layers": metadata.integer("block_count", most=MOST_BLOCKS),
        "num_attention_heads": heads,
        "num_key_value_heads": metadata.integer("attention.head_count_kv", heads),
        "head_dim": size,
        "max_position_embeddings": metadata.integer("context_length"),
        "rms_norm_eps": metadata.number("attention.layer_norm_rms_epsilon"),
        "rope_theta": metadata.number("rope.freq_base", 10000.0),
        "rope_scaling": rope_scaling(metadata),
        "tie_word_embeddings": "output.weight" not in shapes,
    }


def rope_scaling(metadata: Metadata) -> dict[str, Any] | None:
    """How the rotary positions are stretched."""
    kind = metadata.text("rope.scaling.type", "linear")
    factor = metadata.number("rope.scaling.factor", 0.0) or metadata.number(
        "rope.scale_linear", 0.0
    )
    original = metadata.integer("rope.scaling.original_context_length", None)
    attention = metadata.number("rope.scaling.attn_factor", None)
    if kind == "none" or factor in (0, 1):
        return None
    scaling = {"rope_type": kind, "factor": factor}
    if kind == "yarn":
        scaling |= {"original_max_position_embeddings": original, "attention_factor": attention}
    return scaling


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


def gpt2(metadata: Metadata, shapes: Shapes) -> Described:
    config = {
        "model_type": "gpt2",
        "vocab_size": size_of(metadata, shapes, "token_embd.weight"),
        "n_positions": metadata.integer("context_length"),
        "n_embd": metadata.integer("embedding_length"),
        "n_layer": metadata.integer("block_count", most=MOST_BLOCKS),
        "n_head": metadata.integer("attention.head_count"),
        "n_inner": metadata.integer("feed_forward_length"),
        "layer_norm_epsilon": metadata.number("attention.layer_norm_epsilon"),
        "tie_word_embeddings": "output.weight" not in shapes,
    }
    linear = ("attn_qkv", "attn_output", "ffn_up", "ffn_down")
    return Described(config, GPT2, transposed=[f"blk.{{}}.{name}" for name in linear])
