"""Random tiny checkpoints made by transformers, and what transformers computes from them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

import checkpoints
from families import ENCODERS, FAMILIES, PAIRED

Array = np.ndarray

#: Of transformers' results.
KEPT = (
    "logits",
    "pooler_output",
    "hidden_states",
    "encoder_hidden_states",
    "decoder_hidden_states",
)


#: The family that transformers does not know; torch itself judges it.
OUR_OWN = "transformer"


def auto_class(family: str) -> Any:
    import transformers

    if family in ENCODERS:
        return transformers.AutoModel
    if FAMILIES[family].rows is not None:
        return transformers.AutoModelForSpeechSeq2Seq
    paired = family in PAIRED
    return transformers.AutoModelForSeq2SeqLM if paired else transformers.AutoModelForCausalLM


def write(folder: Path, family: str, variant: str, seed: int = 5, **more: Any) -> Path:
    """Make a variant's checkpoint with transformers; every weight is drawn, and none is 0 or 1.

    ``more``: further changes to the config.
    """
    import torch
    import transformers

    known = FAMILIES[family]
    # Nothing ends a text before it is as long as it may be.
    changes = {"bos_token_id": None, "eos_token_id": None} | known.variants.get(variant, {}) | more
    if family == OUR_OWN:
        return checkpoints.write(folder, family, seed=seed, **changes)
    fields = known.config | changes
    kind = fields.pop("model_type")
    torch.manual_seed(seed)
    model = auto_class(family).from_config(transformers.AutoConfig.for_model(kind, **fields))
    if variant in known.remade:
        known.remade[variant](model)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            weight.copy_(known.drawn(name, noise))
    model.save_pretrained(folder)
    if variant in known.rewritten:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | known.rewritten[variant]))
    return folder


class Oracle:
    """A checkpoint on transformers, in float64 unless told otherwise; one sentence at a time."""

    def __init__(self, folder: Path, family: str, dtype: str = "float64") -> None:
        import torch

        torch.set_num_threads(1)
        self.torch, self.paired = torch, family in PAIRED
        self.hears = FAMILIES[family].rows is not None
        self.model = auto_class(family).from_pretrained(
            folder, dtype=getattr(torch, dtype), attn_implementation="eager"
        )
        self.model.eval()
        self.start = self.model.config.to_dict().get("decoder_start_token_id")

    def run(self, ids: Array, source: Array | None = None, **more: Array) -> dict[str, Any]:
        """transformers' results for one sentence; ``source`` for encoder-decoders.

        ``logits`` ``[T, V]`` and lists of hidden states ``[T, D]``, by transformers' names.
        """
        given = more | {"decoder_input_ids" if self.paired else "input_ids": ids}
        if self.hears and source is not None:
            given["input_features"] = source.T.astype(np.float64)
        elif source is not None:
            given["input_ids"] = source
        tensors = {k: self.torch.tensor(np.array(v))[None] for k, v in given.items()}
        with self.wide():
            result = self.model(**tensors, output_hidden_states=True)
        return {name: as_numpy(result[name]) for name in KEPT if name in result}

    @contextlib.contextmanager
    def wide(self) -> Iterator[None]:
        """Norms and softmax ask for float32 by name whatever the model's dtype is; a judge in
        float64 has to be one throughout."""
        torch, dtype = self.torch, self.model.dtype
        with (
            torch.no_grad(),
            mock.patch.object(torch, "float32", dtype),
            mock.patch.object(torch.Tensor, "float", lambda x: x.to(dtype)),
        ):
            yield

    def logits(self, ids: Array, source: Array | None = None) -> Array:
        """float64 ``[T, V]``; ``source`` for encoder-decoders."""
        return self.run(ids, source)["logits"]

    def layers(self, ids: Array, types: Array) -> list[Array]:
        """An encoder's embeddings and the rows after each layer, ``[T, D]``."""
        return self.run(ids, token_type_ids=types)["hidden_states"]

    def greedy(self, prompt: Array, count: int) -> tuple[list[int], list[float]]:
        """The ids of a greedy loop, and the margin of each over the second best logit."""
        source = prompt if self.paired else None
        ids = [self.start] if self.paired else list(prompt)
        new: list[int] = []
        margins: list[float] = []
        for _ in range(count):
            last = self.logits(np.array(ids + new), source)[-1]
            second, best = np.sort(last)[-2:]
            new.append(int(last.argmax()))
            margins.append(float(best - second))
        return new, margins

    def beams(self, prompt: Array, **settings: Any) -> list[tuple[list[int], float]]:
        """What transformers' own beam search finds: (new ids with the end token, score)."""
        from transformers import GenerationMixin

        settings = {"num_return_sequences": settings["num_beams"], "do_sample": False} | settings
        settings |= {"pad_token_id": 0, "use_cache": False}
        settings |= {"return_dict_in_generate": True, "output_scores": True}
        if self.hears:
            source = self.torch.tensor(prompt.T.astype(np.float64))[None]
        else:
            source = self.torch.tensor(prompt)[None]
            settings["attention_mask"] = self.torch.ones_like(source)
        with self.wide():
            result = GenerationMixin.generate(self.model, source, **settings)
        # Beams of -1e9 stand for texts that there are none of.
        lengths = (result.beam_indices >= 0).sum(1).tolist()
        first = result.sequences.shape[1] - max(lengths)
        return [
            (row[first : first + length], score)
            for row, length, score in zip(
                result.sequences.tolist(), lengths, result.sequences_scores.tolist(), strict=True
            )
            if score > -1e6
        ]


def as_numpy(value: Any) -> Any:
    """The first sentence of a batch, in float64."""
    if isinstance(value, tuple):
        return [as_numpy(part) for part in value]
    return value[0].double().numpy()


def judge(folder: Path, family: str) -> Any:
    """Who else can run a checkpoint of that family."""
    from torch_transformer import TorchTransformer

    return TorchTransformer(folder) if family == OUR_OWN else Oracle(folder, family)
