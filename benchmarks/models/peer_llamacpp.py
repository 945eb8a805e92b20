"""llama.cpp on the GGUF files that quatrain reads, through llama-cpp-python's plain bindings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.models.batches import Ids
from benchmarks.models.cases import BLOCK_BYTES, NEW, Task
from benchmarks.models.material import folder


class LlamaCpp:
    def __init__(self, threads: int) -> None:
        from llama_cpp import llama_cpp

        self.library, self.threads = llama_cpp, threads
        llama_cpp.llama_backend_init()

    def numpy(self, result: Any, case: Task) -> np.ndarray:
        return np.array(result)

    def variants(self, case: Task) -> Iterator[tuple[str, Callable[..., Any]]]:
        path = folder(case.model) / f"{case.dtype}.gguf"
        if case.dtype not in BLOCK_BYTES or not path.exists():
            return
        library = self.library
        model = library.llama_model_load_from_file(
            str(path).encode(), library.llama_model_default_params()
        )
        options = library.llama_context_default_params()
        options.n_ctx = (case.tokens + NEW) * case.batch
        options.n_seq_max = case.batch
        options.n_threads = options.n_threads_batch = self.threads
        yield case.dtype, self._generate(library.llama_init_from_model(model, options), case)

    def _generate(self, context: Any, case: Task) -> Callable[..., list[list[int]]]:
        """All sentences' tokens in one pass, as the others do."""
        library, count = self.library, case.batch
        vocabulary = library.llama_model_get_vocab(library.llama_get_model(context))
        size = library.llama_vocab_n_tokens(vocabulary)
        memory = library.llama_get_memory(context)
        batch = library.llama_batch_init(count, 0, 1)
        batch.n_tokens = count
        for i in range(count):
            batch.n_seq_id[i] = batch.logits[i] = 1
            batch.seq_id[i][0] = i

        def call(ids: Ids) -> list[list[int]]:
            library.llama_memory_clear(memory, False)
            tokens, found = [sentence[-1] for sentence in ids], []
            for step in range(NEW):
                for i in range(count):
                    batch.token[i], batch.pos[i] = tokens[i], step
                if library.llama_decode(context, batch):
                    raise RuntimeError("llama_decode failed")
                logits = np.ctypeslib.as_array(library.llama_get_logits(context), (count, size))
                tokens = logits.argmax(-1).tolist()
                found.append(tokens)
            return np.array(found).T.tolist()

        return call
