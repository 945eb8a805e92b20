"""Random tiny checkpoints made by transformers, and what transformers computes from them.

Every switch that our configs read is thrown at least once, and sizes are odd and unequal.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

VOCAB = 97

GPT2 = {
    "vocab_size": VOCAB,
    "n_positions": 64,
    "n_embd": 24,
    "n_layer": 3,
    "n_head": 3,
    "bos_token_id": None,
    "eos_token_id": None,
}
BERT = {
    "vocab_size": VOCAB,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "intermediate_size": 41,
    "max_position_embeddings": 64,
}
LLAMA = {
    "vocab_size": VOCAB,
    "hidden_size": 24,
    "intermediate_size": 41,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "max_position_embeddings": 64,
    "bos_token_id": None,
    "eos_token_id": None,
}
T5 = {
    "vocab_size": VOCAB,
    "d_model": 24,
    "d_kv": 10,
    "d_ff": 41,
    "num_layers": 2,
    "num_heads": 3,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 12,
    "decoder_start_token_id": 0,
    "eos_token_id": None,
}

OWN_HEAD = "t5, head of its own"
#: Variant -> (family, the fields of its config).
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2": ("gpt2", GPT2),
    "gpt2, every switch": (
        "gpt2",
        GPT2
        | {
            "n_inner": 37,
            "activation_function": "gelu",
            "layer_norm_epsilon": 1e-3,
            "scale_attn_by_inverse_layer_idx": True,
            "tie_word_embeddings": False,
        },
    ),
    "gpt2, unscaled": (
        "gpt2",
        GPT2 | {"scale_attn_weights": False, "activation_function": "relu"},
    ),
    "bert": ("bert", BERT),
    "bert, every switch": (
        "bert",
        BERT | {"hidden_act": "gelu_new", "layer_norm_eps": 1e-3, "type_vocab_size": 5},
    ),
    "bert, silu": ("bert", BERT | {"hidden_act": "silu", "type_vocab_size": 1}),
    "llama": ("llama", LLAMA | {"num_key_value_heads": 2, "head_dim": 6}),
    "llama, every switch": (
        "llama",
        LLAMA
        | {
            "num_key_value_heads": 3,
            "head_dim": 10,
            "hidden_act": "gelu",
            "rms_norm_eps": 1e-3,
            "rope_parameters": {"rope_type": "default", "rope_theta": 500.0},
            "attention_bias": True,
            "mlp_bias": True,
            "tie_word_embeddings": True,
        },
    ),
    "llama, one key head": ("llama", LLAMA | {"num_key_value_heads": 1}),
    "t5": ("t5", T5),
    "t5, gated, unscaled, deeper decoder": (
        "t5",
        T5
        | {
            "feed_forward_proj": "gated-gelu",
            "num_decoder_layers": 3,
            "tie_word_embeddings": False,
            "layer_norm_epsilon": 1e-3,
        },
    ),
    "t5, gated silu": ("t5", T5 | {"feed_forward_proj": "gated-silu"}),
    OWN_HEAD: ("t5", T5 | {"tie_word_embeddings": False}),
}
DECODERS = [name for name, (family, _) in VARIANTS.items() if family != "bert"]


def auto_class(family: str) -> Any:
    import transformers

    return {
        "bert": transformers.AutoModel,
        "t5": transformers.AutoModelForSeq2SeqLM,
    }.get(family, transformers.AutoModelForCausalLM)


def write(folder: Path, variant: str, seed: int = 5) -> Path:
    """Make the variant's checkpoint with transformers, weights large enough for clear margins."""
    import torch
    import transformers

    family, fields = VARIANTS[variant]
    config = transformers.AutoConfig.for_model(family, **fields)
    model = auto_class(family).from_config(config)
    if variant == OWN_HEAD:
        model.lm_head.weight = torch.nn.Parameter(torch.empty_like(model.lm_head.weight))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            is_norm = weight.ndim == 1 and name.endswith("weight")
            weight.copy_(1 + 0.1 * noise if is_norm else 0.3 * noise)
    model.save_pretrained(folder)
    if variant == OWN_HEAD:
        # As transformers 4 wrote it; 5 calls every T5 tied and finds out from the weights.
        config = json.loads((folder / "config.json").read_text())
        config.pop("scale_decoder_outputs", None)
        (folder / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": False}))
    return folder


class Oracle:
    """A checkpoint on transformers, in float64 unless told otherwise; one sentence at a time."""

    def __init__(self, folder: Path, family: str, dtype: str = "float64") -> None:
        import torch

        torch.set_num_threads(1)
        self.torch, self.family = torch, family
        self.model = auto_class(family).from_pretrained(
            folder, dtype=getattr(torch, dtype), attn_implementation="eager"
        )
        self.model.eval()

    def _run(self, ids: np.ndarray, **more: Any) -> Any:
        tensors = {k: self.torch.tensor(np.array(v))[None] for k, v in more.items()}
        if self.family == "t5":
            tensors["decoder_input_ids"] = self.torch.tensor(np.array(ids))[None]
        else:
            tensors["input_ids"] = self.torch.tensor(np.array(ids))[None]
        # Norms and softmax ask for torch.float32 by name whatever the model's dtype is; a judge
        # in float64 has to be one throughout.
        dtype = self.model.dtype
        with self.torch.no_grad(), mock.patch.object(self.torch, "float32", dtype):
            return self.model(**tensors, output_hidden_states=True)

    def logits(self, ids: np.ndarray, source: np.ndarray | None = None) -> np.ndarray:
        """float64 ``[T, V]``; ``source`` for encoder-decoders."""
        more = {} if source is None else {"input_ids": source}
        return self._run(ids, **more).logits[0].double().numpy()

    def layers(self, ids: np.ndarray, types: np.ndarray) -> list[np.ndarray]:
        """An encoder's embeddings and the rows after each layer, ``[T, D]``."""
        states = self._run(ids, token_type_ids=types).hidden_states
        return [state[0].double().numpy() for state in states]

    def greedy(self, prompt: np.ndarray, count: int) -> tuple[list[int], list[float]]:
        """The ids of a greedy loop, and the margin of each over the second best logit."""
        source = prompt if self.family == "t5" else None
        ids = [self.model.config.decoder_start_token_id] if source is not None else list(prompt)
        new: list[int] = []
        margins: list[float] = []
        for _ in range(count):
            last = self.logits(np.array(ids + new), source)[-1]
            second, best = np.sort(last)[-2:]
            new.append(int(last.argmax()))
            margins.append(float(best - second))
        return new, margins
