"""transformers on torch: eager, compiled, and with the dynamic int8 of its linear layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.models.batches import Ids, encoded, named, padded, sizes
from benchmarks.models.cases import BEAMS, FOUND, NEW, Task
from benchmarks.models.material import folder


class Torch:
    """Inference mode, its default attention; generation is a bare loop with the library's cache."""

    def __init__(self, threads: int) -> None:
        import torch
        import torch._inductor.config
        import transformers

        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        torch._inductor.config.freezing = True
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        self.torch, self.transformers = torch, transformers
        self.mode = torch.inference_mode()
        self.mode.__enter__()

    def numpy(self, result: Any, case: Task) -> np.ndarray:
        return np.array(result)

    def variants(self, case: Task) -> Iterator[tuple[str, Callable[..., Any]]]:
        torch = self.torch
        torch._dynamo.reset()
        if case.task == "encode":
            model = self.transformers.BertModel.from_pretrained(
                folder("minilm"), dtype=torch.float32, add_pooling_layer=False
            ).eval()
            if case.dtype == "int8":
                torch.backends.quantized.engine = "onednn"
                layers = {torch.nn.Linear}
                model = torch.ao.quantization.quantize_dynamic(model, layers, dtype=torch.qint8)
            kinds = {"eager": model}
            if case.dtype == "float32":
                kinds["compiled"] = torch.compile(model, dynamic=not case.tokens)
            for kind, network in kinds.items():
                for size in sizes(case):
                    yield named(kind, case, size), partial(self._encode, network, size)
        elif case.dtype == "float32" and case.task == "search":
            model = self.transformers.MarianMTModel.from_pretrained(folder("marian"))
            yield "eager", partial(self._search, model.eval())
        elif case.dtype == "float32":
            model = self.transformers.GPT2LMHeadModel.from_pretrained(
                folder("gpt2"), dtype=torch.float32
            ).eval()
            kinds = {"eager": model, "compiled": torch.compile(model, dynamic=False)}
            for kind, network in kinds.items():
                make = self._read if case.task == "prefill" else self._continue
                yield kind, make(network, case)

    def _encode(self, model: Any, size: int, ids: Ids) -> np.ndarray:
        def batch(chosen: Ids) -> np.ndarray:
            tokens, real = map(self.torch.from_numpy, padded(chosen))
            rows = model(input_ids=tokens, attention_mask=real).last_hidden_state
            weight = real[:, :, None].to(rows.dtype)
            return ((rows * weight).sum(1) / weight.sum(1)).numpy()

        return encoded(ids, size, batch)

    def _search(self, model: Any, ids: Ids) -> list[list[int]]:
        length = {"max_new_tokens": FOUND, "min_new_tokens": FOUND}
        found = model.generate(self.torch.tensor(ids), num_beams=BEAMS, **length)
        return found[:, 1:].tolist()

    def _read(self, model: Any, case: Task) -> Callable[..., list[list[int]]]:
        def call(ids: Ids) -> list[list[int]]:
            logits = model(self.torch.tensor(ids), use_cache=False, logits_to_keep=1).logits
            return logits[:, -1:].argmax(-1).tolist()

        return call

    def _continue(self, model: Any, case: Task) -> Callable[..., list[list[int]]]:
        """With the library's cache: one that grows, or for the compiler one of fixed size."""
        torch, read = self.torch, case.tokens - 1
        cache = self.transformers.DynamicCache(config=model.config)
        if compiled := isinstance(model, torch._dynamo.OptimizedModule):
            cache = self.transformers.StaticCache(model.config, max_cache_len=read + NEW)
        if read:
            whole = model._orig_mod if compiled else model
            whole(torch.tensor(case.ids)[:, :read], past_key_values=cache, logits_to_keep=1)

        def rewind() -> None:
            if not compiled:
                cache.crop(read - cache.get_seq_length())
            else:
                for layer in cache.layers:
                    layer.cumulative_length.fill_(read)

        def call(ids: Ids) -> list[list[int]]:
            rewind()
            chunk, found = torch.tensor(ids)[:, read:], []
            for _ in range(NEW):
                logits = model(chunk, past_key_values=cache, logits_to_keep=1).logits
                chunk = logits[:, -1].argmax(-1)[:, None]
                found.append(chunk)
            return torch.cat(found, 1).tolist()

        return call
