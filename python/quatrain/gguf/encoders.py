"""Models with encoders in GGUF files: BERT and T5.

Their tensors' names are llama.cpp's (llama-arch.cpp) and Hugging Face's, without the base prefix.
``{}`` stands for a block's number; ``.weight`` and ``.bias`` behind them stay as they are.
"""

from __future__ import annotations

from quatrain.gguf.described import Described
from quatrain.gguf.metadata import MOST_BLOCKS, Metadata
from quatrain.gguf.tensor_file import TensorFile

BERT = {
    "token_embd": "embeddings.word_embeddings",
    "position_embd": "embeddings.position_embeddings",
    "token_types": "embeddings.token_type_embeddings",
    "token_embd_norm": "embeddings.LayerNorm",
    "blk.{}.attn_q": "encoder.layer.{}.attention.self.query",
    "blk.{}.attn_k": "encoder.layer.{}.attention.self.key",
    "blk.{}.attn_v": "encoder.layer.{}.attention.self.value",
    "blk.{}.attn_output": "encoder.layer.{}.attention.output.dense",
    "blk.{}.attn_output_norm": "encoder.layer.{}.attention.output.LayerNorm",
    "blk.{}.ffn_up": "encoder.layer.{}.intermediate.dense",
    "blk.{}.ffn_down": "encoder.layer.{}.output.dense",
    "blk.{}.layer_output_norm": "encoder.layer.{}.output.LayerNorm",
}
#: ``pooling_type``, by its number: none gives no vectors of texts, so the mean is as good as any.
POOLING = {0: "mean", 1: "mean", 2: "cls", 3: "lasttoken"}


def bert(metadata: Metadata, file: TensorFile) -> Described:
    pooling = metadata.choice("pooling_type", POOLING, 0)
    if metadata.flag("attention.causal", False):
        metadata.fail("attention.causal", "false", True)
    config = {
        "model_type": "bert",
        "vocab_size": file.size("token_embd.weight"),
        "hidden_size": metadata.integer("embedding_length"),
        "num_hidden_layers": metadata.integer("block_count", most=MOST_BLOCKS),
        "num_attention_heads": metadata.integer("attention.head_count"),
        "intermediate_size": metadata.integer("feed_forward_length"),
        "max_position_embeddings": metadata.integer("context_length"),
        "type_vocab_size": file.size("token_types.weight"),
        "layer_norm_eps": metadata.number("attention.layer_norm_epsilon"),
    }
    return Described(config, BERT, pooling=pooling)


def t5(metadata: Metadata, file: TensorFile) -> Described:
    metadata.ignore("context_length", "attention.layer_norm_epsilon")
    blocks = metadata.integer("block_count", most=MOST_BLOCKS)
    size = metadata.integer("attention.key_length")
    if (found := metadata.integer("attention.value_length", size)) != size:
        metadata.fail("attention.value_length", f"attention.key_length ({size})", found)
    gated = "enc.blk.0.ffn_gate.weight" in file.tensors
    config = {
        "model_type": "t5",
        "vocab_size": file.size("token_embd.weight"),
        "d_model": metadata.integer("embedding_length"),
        "d_kv": size,
        "d_ff": metadata.integer("feed_forward_length"),
        "num_layers": blocks,
        "num_decoder_layers": metadata.integer("decoder_block_count", blocks, most=MOST_BLOCKS),
        "num_heads": metadata.integer("attention.head_count"),
        "relative_attention_num_buckets": metadata.integer("attention.relative_buckets_count"),
        "layer_norm_epsilon": metadata.number("attention.layer_norm_rms_epsilon"),
        "feed_forward_proj": "gated-gelu" if gated else "relu",
        "tie_word_embeddings": "output.weight" not in file.tensors,
        "decoder_start_token_id": metadata.integer("decoder_start_token_id", 0, least=0),
    }
    return Described(config, t5_names(gated))


def t5_names(gated: bool) -> dict[str, str]:
    names = {"token_embd": "shared", "output": "lm_head"}
    for short, whole in (("enc", "encoder"), ("dec", "decoder")):
        block, layer = f"{short}.blk.{{}}", f"{whole}.block.{{}}.layer"
        names |= {f"{short}.output_norm": f"{whole}.final_layer_norm"}
        names |= t5_attention(f"{block}.attn", f"{layer}.0", "SelfAttention")
        names[f"{block}.attn_rel_b"] = f"{layer}.0.SelfAttention.relative_attention_bias"
        last = f"{layer}.1"
        if short == "dec":
            names |= t5_attention(f"{block}.cross_attn", f"{layer}.1", "EncDecAttention")
            last = f"{layer}.2"
        names |= {
            f"{block}.ffn_norm": f"{last}.layer_norm",
            f"{block}.ffn_gate": f"{last}.DenseReluDense.wi_0",
            f"{block}.ffn_up": f"{last}.DenseReluDense.{'wi_1' if gated else 'wi'}",
            f"{block}.ffn_down": f"{last}.DenseReluDense.wo",
        }
    return names


def t5_attention(theirs: str, ours: str, kind: str) -> dict[str, str]:
    return {
        f"{theirs}_norm": f"{ours}.layer_norm",
        f"{theirs}_q": f"{ours}.{kind}.q",
        f"{theirs}_k": f"{ours}.{kind}.k",
        f"{theirs}_v": f"{ours}.{kind}.v",
        f"{theirs}_o": f"{ours}.{kind}.o",
    }
