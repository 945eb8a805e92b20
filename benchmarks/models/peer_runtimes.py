"""CTranslate2 and onnxruntime-genai, on checkpoints converted by their own converters."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.models.cases import NEW, Task
from benchmarks.models.material import made


class Ctranslate2:
    def __init__(self, threads: int) -> None:
        import ctranslate2

        self.library, self.threads = ctranslate2, threads

    def numpy(self, result: Any, case: Task) -> np.ndarray:
        return np.array(result)

    def variants(self, case: Task) -> Iterator[tuple[str, Callable[[], Any]]]:
        path = made(case.model, "ctranslate2")
        if case.dtype == "int4" or path is None:
            return
        kinds = ("float32",) if case.dtype == "float32" else ("int8_float32", "int8")
        for kind in kinds:
            options = {"compute_type": kind, "intra_threads": self.threads, "inter_threads": 1}
            if case.task == "encode":
                encoder = self.library.Encoder(str(path), **options)
                yield kind, lambda encoder=encoder: self._encode(encoder, case)
            else:
                generator = self.library.Generator(str(path), **options)
                yield kind, lambda generator=generator: self._generate(generator, case)

    def _encode(self, encoder: Any, case: Task) -> np.ndarray:
        """It pads by itself; real sentences come sorted by length, 32 at a time."""
        order = sorted(range(case.batch), key=lambda i: -len(case.ids[i]))
        size = case.batch if case.tokens else 32
        out = None
        for first in range(0, case.batch, size):
            chosen = order[first : first + size]
            ids = [case.ids[i] for i in chosen]
            rows = np.array(encoder.forward_batch(ids).last_hidden_state)
            if out is None:
                out = np.empty((case.batch, rows.shape[2]), np.float32)
            lengths = np.array([len(sentence) for sentence in ids])
            mask = np.arange(rows.shape[1]) < lengths[:, None]
            vectors = np.einsum("btd,bt->bd", rows, mask.astype(np.float32))
            out[chosen] = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
        assert out is not None
        return out

    def _generate(self, generator: Any, case: Task) -> list[list[int]]:
        new = 1 if case.task == "prefill" else NEW
        found = generator.generate_batch(
            [[str(i) for i in ids] for ids in case.ids], max_length=new, min_length=new,
            beam_size=1, include_prompt_in_result=False,
        )  # fmt: skip
        return [result.sequences_ids[0] for result in found]


class Genai:
    """It has no GPT-2: a Llama of the same size, whose ids are not compared."""

    def __init__(self, threads: int) -> None:
        import onnxruntime_genai

        self.library = onnxruntime_genai
        self.threads = threads

    def numpy(self, result: Any, case: Task) -> np.ndarray:
        return np.zeros(0, np.float32)

    def variants(self, case: Task) -> Iterator[tuple[str, Callable[[], Any]]]:
        if case.task == "encode" or (path := made("llama", f"genai-{case.dtype}")) is None:
            return
        config = self.library.Config(str(path))
        options = {"session_options": {"intra_op_num_threads": self.threads}}
        config.overlay(json.dumps({"model": {"decoder": options}}))
        model = self.library.Model(config)
        yield f"Llama {case.dtype}", lambda: self._generate(model, case)

    def _generate(self, model: Any, case: Task) -> int:
        new = 1 if case.task == "prefill" else NEW
        params = self.library.GeneratorParams(model)
        length = case.tokens + new
        params.set_search_options(
            max_length=length, min_length=length, batch_size=case.batch, do_sample=False
        )
        generator = self.library.Generator(model, params)
        generator.append_tokens(np.array(case.ids, np.int32))
        for _ in range(new):
            generator.generate_next_token()
        return len(generator.get_sequence(0))
