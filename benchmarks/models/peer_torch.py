"""transformers on torch: eager, compiled, and with the dynamic int8 of its linear layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.models.batches import encoded, size_of
from benchmarks.models.cases import NEW, Task
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

    def variants(self, case: Task) -> Iterator[tuple[str, Callable[[], Any]]]:
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
            yield "eager", lambda: self._encode(model, case)
            if case.dtype == "float32":
                compiled = torch.compile(model, dynamic=not case.tokens)
                yield "compiled", lambda: self._encode(compiled, case)
        elif case.dtype == "float32":
            model = self.transformers.GPT2LMHeadModel.from_pretrained(
                folder("gpt2"), dtype=torch.float32
            ).eval()
            yield "eager", lambda: self._generate(model, case)

    def _encode(self, model: Any, case: Task) -> np.ndarray:
        def batch(tokens: np.ndarray, mask: np.ndarray) -> np.ndarray:
            ids, real = self.torch.from_numpy(tokens), self.torch.from_numpy(mask)
            rows = model(input_ids=ids, attention_mask=real).last_hidden_state
            weight = real[:, :, None].to(rows.dtype)
            return ((rows * weight).sum(1) / weight.sum(1)).numpy()

        return encoded(case.ids, size_of(case), batch)

    def _generate(self, model: Any, case: Task) -> list[list[int]]:
        found: list[Any] = []
        past, chunk = None, self.torch.tensor(case.ids)
        for _ in range(1 if case.task == "prefill" else NEW):
            out = model(chunk, past_key_values=past, use_cache=True, logits_to_keep=1)
            past, chunk = out.past_key_values, out.logits[:, -1].argmax(-1)[:, None]
            found.append(chunk)
        return self.torch.cat(found, 1).tolist()
