"""Running an exported graph as another tool would: onnxruntime, and nothing of ours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime


class Runner:
    """An exported graph, its caches kept between steps as another tool would keep them."""

    def __init__(self, folder: Path) -> None:
        path = folder / "onnx" / "model.onnx"
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.inputs = {port.name: port for port in self.session.get_inputs()}
        self.outputs = [port.name for port in self.session.get_outputs()]
        self.caches: dict[str, np.ndarray] = {}

    def empty(self, batch: int) -> dict[str, np.ndarray]:
        """Caches with a past of length 0, as the graph's own inputs describe them."""
        return {
            name: np.zeros((batch, port.shape[1], 0, port.shape[3]), np.float32)
            for name, port in self.inputs.items()
            if name.startswith("past_key_values.")
        }

    def run(self, ids: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
        """One step of ids ``[B, T]``; the mask covers the past as well."""
        feed = {"input_ids": ids, "attention_mask": mask}
        feed |= {"token_type_ids": np.zeros_like(ids)} | (self.caches or self.empty(len(ids)))
        feed = {name: array for name, array in feed.items() if name in self.inputs}
        found = dict(zip(self.outputs, self.session.run(self.outputs, feed), strict=True))
        self.caches = {
            name.replace("present", "past_key_values", 1): array
            for name, array in found.items()
            if name.startswith("present.")
        }
        return found


def padded(sentences: Sequence[np.ndarray], *, left: bool) -> tuple[np.ndarray, np.ndarray]:
    """Ids ``[B, T]`` and their mask."""
    longest = max(len(s) for s in sentences)
    ids = np.full((len(sentences), longest), 5, np.int64)  # padding may be any id
    mask = np.zeros_like(ids)
    for i, s in enumerate(sentences):
        where = slice(longest - len(s), None) if left else slice(len(s))
        ids[i, where], mask[i, where] = s, 1
    return ids, mask
