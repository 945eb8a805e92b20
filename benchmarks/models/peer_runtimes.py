"""CTranslate2 and onnxruntime-genai, on checkpoints converted by their own converters."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.models.batches import Ids, encoded, named, sizes
from benchmarks.models.cases import BEAMS, FOUND, NEW, Task
from benchmarks.models.material import made

#: What comes near to a file of blocks.
BITS = {"Q8_0": "int8", "Q4_1": "int4"}


class Ctranslate2:
    def __init__(self, threads: int) -> None:
        import ctranslate2

        self.library, self.threads = ctranslate2, threads

    def numpy(self, result: Any, case: Task) -> np.ndarray:
        return np.array(result)

    def variants(self, case: Task) -> Iterator[tuple[str, Callable[..., Any]]]:
        path = made(case.model, "ctranslate2")
        if case.dtype == "int4" or path is None:
            return
        kinds = ("float32",) if case.dtype == "float32" else ("int8_float32", "int8")
        for kind in kinds:
            options = {"compute_type": kind, "intra_threads": self.threads, "inter_threads": 1}
            if case.task == "encode":
                encoder = self.library.Encoder(str(path), **options)
                for size in sizes(case):
                    yield named(kind, case, size), partial(self._encode, encoder, size)
            elif case.task == "search":
                yield kind, partial(self._search, self.library.Translator(str(path), **options))
            else:
                generator = self.library.Generator(str(path), **options)
                yield kind, partial(self._generate, generator, case)

    def _encode(self, encoder: Any, size: int, ids: Ids) -> np.ndarray:
        def batch(chosen: Ids) -> np.ndarray:
            """It pads by itself."""
            rows = np.array(encoder.forward_batch(chosen).last_hidden_state)
            mask = np.arange(rows.shape[1]) < np.array([*map(len, chosen)])[:, None]
            return np.einsum("btd,bt->bd", rows, mask.astype(np.float32))

        return encoded(ids, size, batch)

    def _generate(self, generator: Any, case: Task, ids: Ids) -> list[list[int]]:
        """What is read before decoding is its "static prompt", whose state it keeps."""
        read = 0 if case.task == "prefill" else case.tokens - 1
        assert case.batch == 1 or not read, "a static prompt is the same for all"
        new = 1 if case.task == "prefill" else NEW
        words = [[str(i) for i in sentence] for sentence in ids]
        found = generator.generate_batch(
            [sentence[read:] for sentence in words], static_prompt=words[0][:read] or None,
            max_length=new, min_length=new, beam_size=1, include_prompt_in_result=False,
        )  # fmt: skip
        return [result.sequences_ids[0] for result in found]

    def _search(self, translator: Any, ids: Ids) -> list[list[int]]:
        words = [[str(i) for i in sentence] for sentence in ids]
        found = translator.translate_batch(
            words, beam_size=BEAMS, max_decoding_length=FOUND, min_decoding_length=FOUND
        )
        return [[int(word) for word in result.hypotheses[0]] for result in found]


class Genai:
    """It has no GPT-2: a Llama of the same size, whose ids are not compared."""

    def __init__(self, threads: int) -> None:
        import onnxruntime_genai

        self.library = onnxruntime_genai
        self.threads = threads

    def numpy(self, result: Any, case: Task) -> np.ndarray:
        return np.zeros(0, np.float32)

    def variants(self, case: Task) -> Iterator[tuple[str, Callable[..., Any]]]:
        name = "llama" if case.model == "gpt2" else case.model
        dtype = BITS.get(case.dtype, case.dtype)
        if case.task in ("encode", "search") or (path := made(name, f"genai-{dtype}")) is None:
            return
        config = self.library.Config(str(path))
        options = {"session_options": {"intra_op_num_threads": self.threads}}
        config.overlay(json.dumps({"model": {"decoder": options}}))
        model = self.library.Model(config)
        yield f"Llama {dtype}", self._generate(model, case)

    def _generate(self, model: Any, case: Task) -> Callable[..., int]:
        read = 0 if case.task == "prefill" else case.tokens - 1
        new = 1 if case.task == "prefill" else NEW
        params = self.library.GeneratorParams(model)
        length = case.tokens + new
        params.set_search_options(
            max_length=length, min_length=length, batch_size=case.batch, do_sample=False
        )
        generator = self.library.Generator(model, params)
        prompts = np.array(case.ids, np.int32)
        if read:
            generator.append_tokens(prompts[:, :read])

        def call(ids: Ids) -> int:
            generator.rewind_to(read)
            generator.append_tokens(prompts[:, read:])
            for _ in range(new):
                generator.generate_next_token()
            return len(generator.get_sequence(0))

        return call
