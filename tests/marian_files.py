"""A checkpoint of transformers' Marian, written as the program marian writes its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

#: Parts of a layer: transformers' names -> marian's, for weights ("W") and biases ("b").
PARTS = {
    **{f"self_attn.{x}_proj": f"self_?{x}" for x in "qkv"},
    "self_attn.out_proj": "self_?o",
    **{f"encoder_attn.{x}_proj": f"context_?{x}" for x in "qkv"},
    "encoder_attn.out_proj": "context_?o",
    "fc1": "ffn_?1",
    "fc2": "ffn_?2",
}
NORMS = {
    "self_attn_layer_norm": "self_Wo_ln",
    "encoder_attn_layer_norm": "context_Wo_ln",
    "final_layer_norm": "ffn_ffn_ln",
}


def arrays_of(folder: Path) -> dict[str, np.ndarray]:
    """marian's arrays: matrices [in, out], vectors as one row, nothing for the last id, <pad>."""
    found = {}
    for key, array in load_file(folder / "model.safetensors").items():
        name = key.removeprefix("model.")
        if name == "final_logits_bias":
            found["decoder_ff_logit_out_b"] = array[:, :-1]
        elif name == "lm_head.weight":
            found["decoder_ff_logit_out_W"] = array[:-1].T
        elif name == "shared.weight":
            found["Wemb"] = array[:-1]
        elif name.endswith("embed_tokens.weight"):
            found[f"{name.split('.')[0]}_Wemb"] = array[:-1]
        else:
            side, _, index, rest = name.split(".", 3)
            part, kind = rest.rsplit(".", 1)
            stem = f"{side}_l{int(index) + 1}_"
            if part in NORMS:
                scale = "scale" if kind == "weight" else "bias"
                found[f"{stem}{NORMS[part]}_{scale}"] = array[None]
            elif kind == "weight":
                found[stem + PARTS[part].replace("?", "W")] = array.T
            else:
                found[stem + PARTS[part].replace("?", "b")] = array[None]
    return found


def settings_of(config: dict[str, Any], **changes: Any) -> str:
    """The text of ``special:model.yml``, in the order and the form in which marian has it."""
    shared = config["share_encoder_decoder_embeddings"]
    settings = {
        "dec-depth": config["decoder_layers"],
        "dim-emb": config["d_model"],
        "dim-vocabs": [config["vocab_size"] - 1, config["decoder_vocab_size"] - 1],
        "enc-depth": config["encoder_layers"],
        "input-types": [],
        "layer-normalization": False,
        "tied-embeddings": config["tie_word_embeddings"],
        "tied-embeddings-all": shared and config["tie_word_embeddings"],
        "tied-embeddings-src": shared,
        "transformer-decoder-autoreg": "self-attention",
        "transformer-dim-ffn": config["encoder_ffn_dim"],
        "transformer-ffn-activation": config["activation_function"],
        "transformer-ffn-depth": 2,
        "transformer-heads": config["encoder_attention_heads"],
        "transformer-postprocess": "dan",
        "transformer-postprocess-emb": "d",
        "transformer-preprocess": "",
        "type": "transformer",
        "version": "v1.9.56 a1e2f9c 2020-09-01 10:00:00 +0100",
    } | changes
    return "".join(f"{name}: {written(value)}\n" for name, value in settings.items())


def written(value: Any) -> str:
    if isinstance(value, list) and value:
        return "".join(f"\n  - {item}" for item in value)
    return json.dumps(value) if value in ("", [], True, False) else str(value)


def write(folder: Path, source: Path, **changes: Any) -> Path:
    """The folder of marian's that has what transformers' has; ``changes`` to the settings."""
    config = json.loads((source / "config.json").read_text())
    text = settings_of(config, **changes).encode() + b"\0"
    arrays = arrays_of(source) | {"special:model.yml": np.frombuffer(text, np.int8)}
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "model.npz", **{k: np.ascontiguousarray(v) for k, v in arrays.items()})
    (folder / "decoder.yml").write_text(
        "relative-paths: true\nmodels:\n  - model.npz\nvocabs:\n  - vocab.yml\n  - vocab.yml\n"
        "beam-size: 3\nnormalize: 1\nword-penalty: 0\n"
    )
    return folder
