"""Checkpoints and sentences to time with, and what peers make of them.

Speed does not depend on what the weights are, so they are random, under the shapes and names of
the real checkpoints; MiniLM's are the real ones, since int8 is judged by them, if
``QUATRAIN_TEST_DATA`` has them. The peers' files are made by ``convert.py``, in their interpreter.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
from collections.abc import Container
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.folders import cache

ROOT = Path(__file__).resolve().parents[2]
#: The shape of all-MiniLM-L6-v2.
MINILM: dict[str, Any] = {
    "model_type": "bert",
    "architectures": ["BertModel"],
    "vocab_size": 30522,
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
    "max_position_embeddings": 512,
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
}
#: The shape of the smallest GPT-2; no end token, so that every run has the same length.
GPT2: dict[str, Any] = {
    "model_type": "gpt2",
    "architectures": ["GPT2LMHeadModel"],
    "vocab_size": 50257,
    "n_positions": 1024,
    "n_embd": 768,
    "n_layer": 12,
    "n_head": 12,
    "eos_token_id": None,
    "bos_token_id": None,
}
#: A Llama with as many weights in every block, and the same embedding.
LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "vocab_size": 50257,
    "hidden_size": 768,
    "intermediate_size": 2048,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "num_key_value_heads": 12,
    "max_position_embeddings": 1024,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
#: The shape of most of opus-mt's translators; the last id is the start token's.
MARIAN: dict[str, Any] = {
    "model_type": "marian",
    "architectures": ["MarianMTModel"],
    "vocab_size": 58101,
    "d_model": 512,
    "encoder_layers": 6,
    "decoder_layers": 6,
    "encoder_attention_heads": 8,
    "decoder_attention_heads": 8,
    "encoder_ffn_dim": 2048,
    "decoder_ffn_dim": 2048,
    "max_position_embeddings": 512,
    "activation_function": "swish",
    "scale_embedding": True,
    "static_position_embeddings": True,
    "eos_token_id": 0,
    "pad_token_id": 58100,
    "decoder_start_token_id": 58100,
    "forced_eos_token_id": None,
    "bad_words_ids": [[58100]],
}
#: The shape of SmolLM2-135M.
SMOLLM2: dict[str, Any] = LLAMA | {
    "vocab_size": 49152,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "max_position_embeddings": 8192,
    "rope_theta": 100000.0,
}
SHAPES = {"minilm": MINILM, "gpt2": GPT2, "llama": LLAMA, "smollm2": SMOLLM2, "marian": MARIAN}
#: Those that are exported for peers.
EXPORTED = ("minilm", "gpt2")
#: What peers run, by model: kind -> the file or folder.
KINDS = {
    "minilm": {"optimised": "model.onnx", "int8": "model.onnx", "ctranslate2": ""},
    "gpt2": {"ctranslate2": "", "last": "model.onnx"},
    "marian": {"ctranslate2": ""},
    "llama": {f"genai-{dtype}": "" for dtype in ("float32", "int8", "int4")},
    "smollm2": {"ctranslate2": "", "genai-int8": "", "genai-int4": ""},
}
#: The peers' packages that make them: kind, up to a hyphen -> distribution.
MAKERS = {
    "optimised": "onnxruntime", "int8": "onnxruntime", "last": "onnxruntime",
    "ctranslate2": "ctranslate2", "genai": "onnxruntime-genai",
}  # fmt: skip
SENTENCES = cache() / "models" / "sentences.json"


def folder(model: str) -> Path:
    return cache() / "models" / model


def checkpoint(model: str) -> Path:
    """The folder of a checkpoint, written on first use."""
    path = folder(model)
    if not (path / "config.json").is_file():
        path.mkdir(parents=True, exist_ok=True)
        write(SHAPES[model], path, real=model == "minilm")
    return path


def write(config: dict[str, Any], path: Path, *, real: bool) -> None:
    data = os.environ.get("QUATRAIN_TEST_DATA")
    if real and data:
        shutil.copyfile(Path(data) / "minilm" / "model.safetensors", path / "model.safetensors")
    else:
        from safetensors.numpy import save_file

        save_file(weights(config), path / "model.safetensors")
    # A tokenizer that peers' converters ask for: every id is a word.
    words = {str(i): i for i in range(config["vocab_size"])}
    if config["model_type"] == "marian":  # its converter leaves out the start token by that name
        del words[str(config["pad_token_id"])]
        words["<pad>"] = config["pad_token_id"]
    names = dict.fromkeys(("unk_token", "bos_token", "eos_token", "pad_token"), "0")
    model = {"type": "WordLevel", "vocab": words, "unk_token": "0"}
    parts = ("truncation", "padding", "normalizer", "pre_tokenizer", "post_processor", "decoder")
    tokens = {"version": "1.0", **dict.fromkeys(parts), "added_tokens": [], "model": model}
    (path / "tokenizer.json").write_text(json.dumps(tokens))
    tokenizer = {"tokenizer_class": "PreTrainedTokenizerFast", **names}
    (path / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    # Last, so that its presence says that the rest is complete.
    (path / "config.json").write_text(json.dumps(config))


def quantised(model: str, kind: str) -> Path:
    """A checkpoint as a GGUF file whose matrices are of type ``kind``, written on first use."""
    path = folder(model) / f"{kind}.gguf"
    if not path.is_file():
        from benchmarks.models.gguf_file import write_gguf

        write_gguf(checkpoint(model), path, kind)
    return path


def weights(config: dict[str, Any]) -> dict[str, np.ndarray]:
    """Random tensors under the names of the family: matrices N(0, 0.02), norms near 1."""
    from quatrain.models import network

    random = np.random.default_rng(7)
    tensors: dict[str, np.ndarray] = {}
    tied = set()
    for key, param, *_ in network(config, "config.json").params():
        if id(param) in tied or (param.default is not None and param.role == "embedding"):
            continue  # a table that is computed
        tied.add(id(param))
        array = random.standard_normal(param.stored_shape, np.float32)
        norm = len(param.shape) == 1 and key.endswith("weight")
        tensors[key] = 1 + 0.1 * array if norm else 0.02 * array
    if config["model_type"] != "marian":
        return tensors
    # A peer begins with a row of zeros, and has no bias of the logits.
    tensors["shared.weight"][config["pad_token_id"]] = 0
    del tensors["final_logits_bias"]
    return {f"model.{key}": tensor for key, tensor in tensors.items()}


def made(model: str, kind: str) -> Path | None:
    """The file or folder of a kind, if it could be made."""
    path = cache() / "models" / f"{model}-{kind}"
    path /= "onnx/model.onnx" if kind == "exported" else KINDS[model][kind]
    return path if path.exists() else None


def prepare(peers: str, installed: Container[str]) -> dict[str, str]:
    """Make what the cases need, and the peers that are installed. -> what could not be made, and
    why."""
    import quatrain

    failed = {}
    for model, kinds in KINDS.items():
        wanted = [kind for kind in kinds if MAKERS[kind.partition("-")[0]] in installed]
        if model not in EXPORTED and not wanted:
            continue
        source = checkpoint(model)
        exported = cache() / "models" / f"{model}-exported"
        if model in EXPORTED and not exported.exists():
            quatrain.load(source).export(exported)
        for kind in wanted:
            out = cache() / "models" / f"{model}-{kind}"
            if out.exists():
                continue
            given = exported if kind == "last" else source
            command = [peers, "-m", "benchmarks.models.convert", kind, str(given), str(out)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            if done.returncode:
                last = (done.stderr.strip().splitlines() or ["no message"])[-1]
                failed[f"{model}, {kind}"] = last
    if not SENTENCES.exists():
        if data := os.environ.get("QUATRAIN_TEST_DATA"):
            write_sentences(Path(data))
        else:
            failed["sentences"] = "QUATRAIN_TEST_DATA is not set"
    return failed


def write_sentences(data: Path, count: int = 4000) -> None:
    """Ids of sentences of Wikipedia, cut at full stops, chosen at random."""
    import quatrain

    with gzip.open(data / "text" / "english.txt.gz", "rt", encoding="utf-8") as file:
        found = [s.strip() for s in re.split(r" \. |\n", file.read())]
    found = [s for s in found if 20 <= len(s) <= 1000 and not s.startswith("=")]
    chosen = np.random.default_rng(4).choice(len(found), count, replace=False)
    tokenizer = quatrain.Tokenizer.from_file(data / "minilm" / "tokenizer.json")
    ids = tokenizer.without_padding().without_truncation()
    SENTENCES.write_text(json.dumps([ids.encode_ids(found[i]) for i in chosen]))
