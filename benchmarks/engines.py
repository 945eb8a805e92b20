"""The engines side by side: quatrain's own, and peers doing the same work their own best way.

Each takes ids, so that no tokenizer is timed. ``encode`` gives normalised mean-pooled vectors
``[B, D]``; ``generate`` gives ``n`` greedy ids.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.material import checkpoint, exported


class Quatrain:
    """``quatrain.load(...)`` on one of its engines, through the public calls."""

    def __init__(self, task: str, threads: int, engine: str) -> None:
        import quatrain

        self.model = quatrain.load(checkpoint(task), engine=engine, threads=threads)

    def encode(self, ids: list[list[int]]) -> np.ndarray:
        return unit(self.model.encode(ids, progress=False))

    def generate(self, ids: list[int], n: int) -> list[int]:
        return self.model.generate(ids, max_new_tokens=n, temperature=0.0).ids


class Onnxruntime:
    """The graph that quatrain exports, run directly: one padded batch, numpy in and out."""

    def __init__(self, task: str, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        path = str(exported(task))
        self.session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        self.inputs = {port.name: port for port in self.session.get_inputs()}

    def encode(self, ids: list[list[int]]) -> np.ndarray:
        tokens, mask = padded(ids)
        feed = {"input_ids": tokens, "attention_mask": mask}
        if "token_type_ids" in self.inputs:
            feed["token_type_ids"] = np.zeros_like(tokens)
        return unit(self.session.run(["sentence_embedding"], feed)[0])

    def generate(self, ids: list[int], n: int) -> list[int]:
        past = {
            name: np.zeros((1, port.shape[1], 0, port.shape[3]), np.float32)
            for name, port in self.inputs.items()
            if name.startswith("past_key_values.")
        }
        names = [port.name for port in self.session.get_outputs()]
        new: list[int] = []
        chunk = np.array([ids], np.int64)
        while True:
            mask = np.ones((1, len(ids) + len(new)), np.int64)
            feed = {"input_ids": chunk, "attention_mask": mask, **past}
            values = dict(zip(names, self.session.run(names, feed), strict=True))
            new.append(int(values["logits"][0, -1].argmax()))
            if len(new) == n:
                return new
            chunk = np.array([new[-1:]], np.int64)
            past = {name: values[name.replace("past_key_values", "present")] for name in past}


class Torch:
    """transformers' BertModel and GPT2LMHeadModel: eager, inference mode, its default attention.

    Generation is a bare loop with the library's cache, without the overhead of ``generate``.
    """

    def __init__(self, task: str, threads: int) -> None:
        import torch
        import transformers

        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        self.torch = torch
        kind, options = {
            "encode": (transformers.BertModel, {"add_pooling_layer": False}),
            "generate": (transformers.GPT2LMHeadModel, {}),
        }[task]
        self.model: Any = kind.from_pretrained(checkpoint(task), dtype=torch.float32, **options)
        self.model.eval()

    def encode(self, ids: list[list[int]]) -> np.ndarray:
        tokens, mask = (self.torch.from_numpy(x) for x in padded(ids))
        with self.torch.inference_mode():
            rows = self.model(input_ids=tokens, attention_mask=mask).last_hidden_state
            weight = mask[:, :, None].to(rows.dtype)
            return unit(((rows * weight).sum(1) / weight.sum(1)).numpy())

    def generate(self, ids: list[int], n: int) -> list[int]:
        new: list[int] = []
        past = None
        chunk = self.torch.tensor([ids])
        with self.torch.inference_mode():
            while True:
                out = self.model(chunk, past_key_values=past, use_cache=True, logits_to_keep=1)
                new.append(int(out.logits[0, -1].argmax()))
                if len(new) == n:
                    return new
                past, chunk = out.past_key_values, self.torch.tensor([new[-1:]])


def padded(ids: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Ids filled up to the longest sentence, and the mask of what is real."""
    mask = np.zeros((len(ids), max(map(len, ids))), np.int64)
    tokens = np.zeros_like(mask)
    for row, real, sentence in zip(tokens, mask, ids, strict=True):
        row[: len(sentence)], real[: len(sentence)] = sentence, 1
    return tokens, mask


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


#: name -> (constructor of (task, threads), module that it needs).
ENGINES: dict[str, tuple[Any, str]] = {
    "native": (lambda task, threads: Quatrain(task, threads, "native"), "quatrain"),
    "onnx": (lambda task, threads: Quatrain(task, threads, "onnx"), "onnxruntime"),
    "onnxruntime": (Onnxruntime, "onnxruntime"),
    "torch": (Torch, "transformers"),
}
