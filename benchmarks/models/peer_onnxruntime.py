"""onnxruntime: the graphs that quatrain exports, and torch's export after its own optimiser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.models.batches import Ids, encoded, named, padded, sizes
from benchmarks.models.cases import NEW, Task
from benchmarks.models.material import made


class Onnxruntime:
    def __init__(self, threads: int) -> None:
        import onnxruntime

        self.runtime = onnxruntime
        self.options = onnxruntime.SessionOptions()
        self.options.intra_op_num_threads = threads
        self.options.inter_op_num_threads = 1
        self.options.log_severity_level = 3

    def numpy(self, result: Any, case: Task) -> np.ndarray:
        return np.array(result)

    def variants(self, case: Task) -> Iterator[tuple[str, Callable[..., Any]]]:
        """A graph that could not be made is not there."""
        if case.task == "encode":
            kinds = ("optimised", "exported") if case.dtype == "float32" else ("int8",)
            for kind in kinds:
                if path := made("minilm", kind):
                    session = self._session(path)
                    for size in sizes(case):
                        yield named(kind, case, size), partial(self._encode, session, size)
        elif case.task != "search" and case.dtype == "float32" and (path := made("gpt2", "last")):
            yield "exported", self._generate(self._session(path), case)

    def _session(self, path: Any) -> Any:
        return self.runtime.InferenceSession(str(path), self.options, ["CPUExecutionProvider"])

    def _encode(self, session: Any, size: int, ids: Ids) -> np.ndarray:
        names = {port.name for port in session.get_inputs()}
        outputs = [port.name for port in session.get_outputs()]
        vectors = "sentence_embedding" in outputs

        def batch(chosen: Ids) -> np.ndarray:
            tokens, mask = padded(chosen)
            feed = {"input_ids": tokens, "attention_mask": mask}
            if "token_type_ids" in names:
                feed["token_type_ids"] = np.zeros_like(tokens)
            if vectors:
                return session.run(["sentence_embedding"], feed)[0]
            rows = session.run(outputs[:1], feed)[0]
            weight = mask[:, :, None].astype(np.float32)
            return (rows * weight).sum(1) / weight.sum(1)

        return encoded(ids, size, batch)

    def _generate(self, session: Any, case: Task) -> Callable[..., list[list[int]]]:
        """Caches go out and in as onnxruntime's own values."""
        value = self.runtime.OrtValue.ortvalue_from_numpy
        names = [port.name for port in session.get_outputs()]

        def step(chunk: np.ndarray, length: int, past: dict[str, Any]) -> tuple[Any, Any]:
            feed = {
                "input_ids": value(chunk),
                "attention_mask": value(np.ones((case.batch, length), np.int64)),
                **past,
            }
            found = dict(zip(names, session.run_with_ort_values(names, feed), strict=True))
            following = {name: found[name.replace("past_key_values", "present")] for name in past}
            return found["logits"].numpy()[:, -1].argmax(-1)[:, None], following

        past = {
            port.name: value(np.zeros((case.batch, port.shape[1], 0, port.shape[3]), np.float32))
            for port in session.get_inputs()
            if port.name.startswith("past_key_values.")
        }
        read = 0 if case.task == "prefill" else case.tokens - 1
        if read:
            _, past = step(np.array(case.ids)[:, :read], read, past)

        def call(ids: Ids) -> list[list[int]]:
            chunk, cache, found = np.array(ids)[:, read:], past, []
            for number in range(1 if case.task == "prefill" else NEW):
                chunk, cache = step(chunk, case.tokens + number, cache)
                found.append(chunk)
            return np.concatenate(found, 1).tolist()

        return call
