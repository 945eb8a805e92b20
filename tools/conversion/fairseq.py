"""fairseq's Transformer for translation, as a folder that ``quatrain.load`` reads.

    python tools/conversion/fairseq.py CHECKPOINT.pt DATA OUT --source en --target de

DATA is the folder with the dictionaries ``dict.en.txt`` and ``dict.de.txt``. Of a model over the
subwords of subword-nmt, ``--codes FILE`` makes tokenizers too (``--lowercase``: of lower case).
docs/conversion.md says what can be converted.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import folder
import pickled
import subwords
import torch

#: The ids that every dictionary begins with; a file lists those that follow.
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
BOS, PAD, EOS, UNK = range(4)


def config_of(args: dict[str, Any], weights: dict[str, Any]) -> dict[str, Any]:
    """Our config; exits on a setting that ours has no word for."""

    def same(name: str) -> Any:
        one, other = args[f"encoder_{name}"], args[f"decoder_{name}"]
        if one != other:
            sys.exit(f"{name}: expected one value for both sides, found {one} and {other}")
        return one

    for name in ("adaptive_softmax_cutoff", "cross_self_attention", "no_cross_attention"):
        if args.get(name):
            sys.exit(f"{name}: expected none, found {args[name]}")
    positions = "learned" if same("learned_pos") else "sinusoidal"
    shared = bool(args["share_all_embeddings"])
    return {
        "model_type": "transformer",
        "vocab_size": len(weights["encoder.embed_tokens.weight"]),
        "decoder_vocab_size": len(weights["decoder.embed_tokens.weight"]),
        "max_position_embeddings": min(args["max_source_positions"], args["max_target_positions"]),
        "d_model": same("embed_dim"),
        "encoder_layers": args["encoder_layers"],
        "encoder_attention_heads": args["encoder_attention_heads"],
        "encoder_ffn_dim": args["encoder_ffn_embed_dim"],
        "decoder_layers": args["decoder_layers"],
        "decoder_attention_heads": args["decoder_attention_heads"],
        "decoder_ffn_dim": args["decoder_ffn_embed_dim"],
        "activation_function": args["activation_fn"],
        "layer_norm_eps": 1e-5,
        "normalize_before": same("normalize_before"),
        "normalize_embedding": args["layernorm_embedding"],
        "add_final_layer_norm": "decoder.layer_norm.weight" in weights,
        "position_embedding_type": None if args["no_token_positional_embeddings"] else positions,
        # Rows are counted from that of <pad>, which no position has.
        "position_offset": PAD + 1,
        "sinusoids": "tensor2tensor",
        "scale_embedding": not args["no_scale_embedding"],
        "share_encoder_decoder_embeddings": shared,
        "tie_word_embeddings": shared or args["share_decoder_input_output_embed"],
        "decoder_start_token_id": EOS,
    }


def tensors_of(weights: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """The weights by our names, which are fairseq's own but for the tables."""
    computed = ("encoder.version", "decoder.version", "embed_positions._float_tensor")
    tensors = {key: tensor for key, tensor in weights.items() if not key.endswith(computed)}
    head = tensors.pop("decoder.output_projection.weight")
    if not config["tie_word_embeddings"]:
        tensors["lm_head.weight"] = head
    if config["share_encoder_decoder_embeddings"]:
        tensors["shared.weight"] = tensors.pop("encoder.embed_tokens.weight")
        del tensors["decoder.embed_tokens.weight"]
    return tensors


def widen(tensors: dict[str, Any], config: dict[str, Any], size: int) -> None:
    """Give ids behind the dictionary, up to ``size``, the embedding of <unk>, and no chance."""
    shared = config["share_encoder_decoder_embeddings"]
    key, more = (
        "shared.weight" if shared else "encoder.embed_tokens.weight",
        size - config["vocab_size"],
    )
    tensors[key] = torch.cat([tensors[key], tensors[key][UNK].expand(more, -1)])
    if shared:
        never = torch.zeros(1, size)
        never[:, config["vocab_size"] :] = -1e9
        tensors["final_logits_bias"] = never
    config["vocab_size"] = size


def words_of(path: Path) -> list[str]:
    """A dictionary's entries, in the order of their ids."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [*SPECIAL, *(line.rsplit(" ", 1)[0] for line in lines)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    for name in ("checkpoint", "data", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--source", required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--codes", type=Path)
    parser.add_argument("--lowercase", action="store_true")
    given = parser.parse_args()
    state = pickled.load(given.checkpoint)
    # Older checkpoints have their settings as "args", later ones as "cfg".
    args = pickled.fields(state["args"] or state["cfg"]["model"])
    config = config_of(args, state["model"])
    tensors = tensors_of(state["model"], config)
    files: dict[str, Any] = {
        "config": config,
        "generation_config": {
            "bos_token_id": BOS,
            "pad_token_id": PAD,
            "eos_token_id": EOS,
            "decoder_start_token_id": EOS,
            "max_new_tokens": 200,
            "num_beams": 5,
            "early_stopping": True,
        },
    }
    for side in ("source", "target"):
        words = words_of(given.data / f"dict.{getattr(given, side)}.txt")
        size = config["vocab_size" if side == "source" else "decoder_vocab_size"]
        if len(words) != size:
            sys.exit(f"{side}: expected {size} entries of the dictionary, found {len(words)}")
        if given.codes:
            name = "tokenizer" if side == "source" else "target_tokenizer"
            files[name] = subwords.tokenizer(given.codes, words, lowercase=given.lowercase)
    if given.codes:
        widen(tensors, config, len(files["tokenizer"]["model"]["vocab"]))
    folder.write(given.out, tensors, **files)


if __name__ == "__main__":
    main()
