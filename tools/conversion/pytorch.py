"""A model around torch's ``nn.Transformer``, as a folder that ``quatrain.load`` reads.

    python tools/conversion/pytorch.py CHECKPOINT.pt OUT --heads 8 --start 2 --end 3
        --state model_state_dict --source-table src.embedding --target-table tgt.embedding

What stands around ``nn.Transformer`` is everybody's own, so its modules are named here; the
defaults are those of torch's tutorial on translation. Positions are the sines of the paper, added
to embeddings times sqrt(d_model), as there. docs/conversion.md says more.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

import folder
import pickled
import torch

#: torch's names of a block's parts -> ours; a decoder's second norm is the cross attention's.
PARTS = {
    "self_attn": "self_attn",
    "multihead_attn": "encoder_attn",
    "linear1": "fc1",
    "linear2": "fc2",
}
NORMS = {
    "encoder": ("self_attn_layer_norm", "final_layer_norm"),
    "decoder": ("self_attn_layer_norm", "encoder_attn_layer_norm", "final_layer_norm"),
}


def renamed(key: str, tensor: torch.Tensor) -> dict[str, torch.Tensor]:
    """A weight of ``nn.Transformer`` by our names; three of them in one are taken apart."""
    side, _, rest = key.partition(".")
    if rest.startswith("norm."):
        return {f"{side}.layer_{rest}": tensor}
    found = re.fullmatch(r"layers\.(\d+)\.(\w+)\.(.+)", rest)
    if side not in NORMS or found is None:
        raise SystemExit(f"{key}: expected a weight of nn.Transformer's encoder or decoder")
    index, part, name = found.groups()
    part = NORMS[side][int(part[4]) - 1] if part.startswith("norm") else PARTS[part]
    stem = f"{side}.layers.{index}.{part}"
    if name.startswith("in_proj_"):
        kind = name.removeprefix("in_proj_")
        parts = zip("qkv", tensor.chunk(3), strict=True)
        return {f"{stem}.{x}_proj.{kind}": piece for x, piece in parts}
    return {f"{stem}.{name}": tensor}


def converted(weights: dict[str, torch.Tensor], given: argparse.Namespace) -> dict[str, Any]:
    """All weights by our names."""
    own = f"{given.transformer}."
    tensors = {
        "encoder.embed_tokens.weight": weights[f"{given.source_table}.weight"],
        "decoder.embed_tokens.weight": weights[f"{given.target_table}.weight"],
        "lm_head.weight": weights[f"{given.output}.weight"],
    }
    if (bias := weights.get(f"{given.output}.bias")) is not None:
        tensors["final_logits_bias"] = bias[None]
    for key, tensor in weights.items():
        if key.startswith(own):
            tensors |= renamed(key.removeprefix(own), tensor)
    # Made with bias=False, torch's norms have none either.
    for key in [key for key in tensors if "layer_norm.weight" in key]:
        bias_key = key.removesuffix("weight") + "bias"
        tensors.setdefault(bias_key, torch.zeros_like(tensors[key]))
    return tensors


def config_of(tensors: dict[str, Any], given: argparse.Namespace) -> dict[str, Any]:
    """Our config, as the weights' shapes say."""

    def count(side: str) -> int:
        return len(
            [key for key in tensors if re.fullmatch(rf"{side}\.layers\.\d+\.fc1\.weight", key)]
        )

    source, target = tensors["encoder.embed_tokens.weight"], tensors["decoder.embed_tokens.weight"]
    return {
        "model_type": "transformer",
        "vocab_size": len(source),
        "decoder_vocab_size": len(target),
        "max_position_embeddings": given.positions,
        "d_model": source.shape[1],
        "encoder_layers": count("encoder"),
        "encoder_attention_heads": given.heads,
        "encoder_ffn_dim": len(tensors["encoder.layers.0.fc1.weight"]),
        "decoder_layers": count("decoder"),
        "decoder_attention_heads": given.heads,
        "decoder_ffn_dim": len(tensors["decoder.layers.0.fc1.weight"]),
        "activation_function": given.activation,
        "layer_norm_eps": given.eps,
        "use_bias": "encoder.layers.0.fc1.bias" in tensors,
        "normalize_before": given.norm_first,
        "add_final_layer_norm": "decoder.layer_norm.weight" in tensors,
        "sinusoids": "paper",
        "scale_embedding": True,
        "share_encoder_decoder_embeddings": False,
        "tie_word_embeddings": False,
        "decoder_start_token_id": given.start,
    }


def main() -> None:
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=style)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--heads", type=int, required=True)
    parser.add_argument(
        "--start", type=int, required=True, help="the id that every target begins with"
    )
    parser.add_argument("--end", type=int, required=True, help="the id that ends it")
    parser.add_argument("--state", default="", help="where in the file the weights are, with dots")
    parser.add_argument("--transformer", default="transformer", help="the nn.Transformer")
    parser.add_argument("--source-table", default="src_tok_emb.embedding")
    parser.add_argument("--target-table", default="tgt_tok_emb.embedding")
    parser.add_argument("--output", default="generator")
    parser.add_argument("--activation", default="relu", choices=["relu", "gelu"])
    parser.add_argument("--norm-first", action="store_true")
    parser.add_argument("--eps", type=float, default=1e-5)
    parser.add_argument("--positions", type=int, default=5000, help="the longest text")
    given = parser.parse_args()
    weights = pickled.load(given.checkpoint)
    for name in filter(None, given.state.split(".")):
        weights = weights[name]
    tensors = converted(weights, given)
    folder.write(
        given.out,
        tensors,
        config=config_of(tensors, given),
        generation_config={"decoder_start_token_id": given.start, "eos_token_id": given.end},
    )


if __name__ == "__main__":
    main()
