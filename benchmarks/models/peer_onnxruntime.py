"""onnxruntime: the graphs that quatrain exports, and torch's export after its own optimiser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.models.batches import encoded, size_of
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

    def variants(self, case: Task) -> Iterator[tuple[str, Callable[[], Any]]]:
        """A graph that could not be made is not there."""
        if case.task == "encode":
            kinds = ("optimised", "exported") if case.dtype == "float32" else ("int8",)
            for kind in kinds:
                if path := made("minilm", kind):
                    session = self._session(path)
                    yield kind, lambda session=session: self._encode(session, case)
        elif case.dtype == "float32" and (path := made("gpt2", "exported")):
            session = self._session(path)
            yield "exported", lambda: self._generate(session, case)

    def _session(self, path: Any) -> Any:
        return self.runtime.InferenceSession(str(path), self.options, ["CPUExecutionProvider"])

    def _encode(self, session: Any, case: Task) -> np.ndarray:
        names = {port.name for port in session.get_inputs()}
        outputs = [port.name for port in session.get_outputs()]
        vectors = "sentence_embedding" in outputs

        def batch(tokens: np.ndarray, mask: np.ndarray) -> np.ndarray:
            feed = {"input_ids": tokens, "attention_mask": mask}
            if "token_type_ids" in names:
                feed["token_type_ids"] = np.zeros_like(tokens)
            if vectors:
                return session.run(["sentence_embedding"], feed)[0]
            rows = session.run(outputs[:1], feed)[0]
            weight = mask[:, :, None].astype(np.float32)
            return (rows * weight).sum(1) / weight.sum(1)

        return encoded(case.ids, size_of(case), batch)

    def _generate(self, session: Any, case: Task) -> list[list[int]]:
        """Caches go out and in as onnxruntime's own values."""
        value = self.runtime.OrtValue.ortvalue_from_numpy
        names = [port.name for port in session.get_outputs()]
        past = {
            port.name: value(np.zeros((case.batch, port.shape[1], 0, port.shape[3]), np.float32))
            for port in session.get_inputs()
            if port.name.startswith("past_key_values.")
        }
        chunk = np.array(case.ids, np.int64)
        length = 0
        found = []
        for _ in range(1 if case.task == "prefill" else NEW):
            length += chunk.shape[1]
            feed = {
                "input_ids": value(chunk),
                "attention_mask": value(np.ones((case.batch, length), np.int64)),
                **past,
            }
            results = dict(zip(names, session.run_with_ort_values(names, feed), strict=True))
            chunk = results["logits"].numpy()[:, -1].argmax(-1)[:, None]
            found.append(chunk)
            past = {name: results[name.replace("past_key_values", "present")] for name in past}
        return np.concatenate(found, 1).tolist()
