"""quatrain's kernels, through the extension, and NumPy, whose results judge the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.kernels.cases import EPSILON, Arrays, Kernel, merge_heads, split_heads

Calls = dict[str, Callable[[], Any]]


class Quatrain:
    def __init__(self, threads: int) -> None:
        from quatrain import _core

        self.core, self.threads = _core, threads

    def numpy(self, result: Any, case: Kernel) -> np.ndarray:
        return result[-1] if isinstance(result, tuple) else result

    def variants(self, case: Kernel) -> Iterator[tuple[str, Callable[[], Any]]]:
        yield from getattr(self, f"_{case.op}")(case, case.inputs).items()

    def _linear(self, case: Kernel, given: Arrays) -> Calls:
        weight = self.core.pack(given["weight"], case.dtype, threads=self.threads)
        return {"": lambda: self.core.linear(given["x"], weight, threads=self.threads)}

    def _layer_norm(self, case: Kernel, given: Arrays) -> Calls:
        arrays = given["x"], given["weight"], given["bias"]
        return {"": lambda: self.core.layer_norm(*arrays, eps=EPSILON, threads=self.threads)}

    def _add_norm(self, case: Kernel, given: Arrays) -> Calls:
        arrays = given["x"], given["y"], given["weight"], given["bias"]
        return {"": lambda: self.core.add_layer_norm(*arrays, eps=EPSILON, threads=self.threads)}

    def _attention(self, case: Kernel, given: Arrays) -> Calls:
        b, t, s, h, d = case.sizes
        starts = np.arange(b + 1, dtype=np.int64)
        past = np.full(b, s - t, np.int64)
        where = starts * t, starts[:-1] * s, np.full(b, s, np.int64), past
        options = {
            "heads": h, "kv_heads": h, "scale": d**-0.5, "causal": case.causal,
            "threads": self.threads,
        }  # fmt: skip
        rows = given["q"], given["k"], given["v"]
        return {"": lambda: self.core.attention(*rows, *where, **options)}


class Numpy:
    """Products by OpenBLAS. Reduced precisions are judged by, and timed as, float32."""

    def __init__(self, threads: int) -> None:
        pass

    def numpy(self, result: Any, case: Kernel) -> np.ndarray:
        return merge_heads(result) if case.op == "attention" else result

    def variants(self, case: Kernel) -> Iterator[tuple[str, Callable[[], Any]]]:
        yield from getattr(self, f"_{case.op}")(case, case.inputs).items()

    def _linear(self, case: Kernel, given: Arrays) -> Calls:
        x, weight = given["x"], given["weight"]
        apart = np.ascontiguousarray(weight.T)
        out = np.empty((len(x), len(weight)), np.float32)
        suffix = "" if case.dtype == "float32" else " float32"
        return {
            "[N, K]" + suffix: lambda: np.matmul(x, weight.T, out=out),
            "[K, N]" + suffix: lambda: np.matmul(x, apart, out=out),
        }

    def _layer_norm(self, case: Kernel, given: Arrays) -> Calls:
        out = np.empty_like(given["x"])

        def call() -> np.ndarray:
            x = given["x"]
            np.subtract(x, x.mean(-1, keepdims=True), out=out)
            variance = np.einsum("rd,rd->r", out, out)[:, None] / np.float32(x.shape[1])
            np.multiply(out, 1 / np.sqrt(variance + np.float32(EPSILON)), out=out)
            np.multiply(out, given["weight"], out=out)
            return np.add(out, given["bias"], out=out)

        return {"": call}

    def _add_norm(self, case: Kernel, given: Arrays) -> Calls:
        total = np.empty_like(given["x"])
        norm = self._layer_norm(case, {**given, "x": total})[""]

        def call() -> np.ndarray:
            np.add(given["x"], given["y"], out=total)
            return norm()

        return {"": call}

    def _attention(self, case: Kernel, given: Arrays) -> Calls:
        b, t, s, h, d = case.sizes
        q, k, v = (split_heads(given[name], b, h) for name in "qkv")
        q = q * np.float32(d**-0.5)
        mask = np.where(np.tri(t, s, s - t, dtype=bool), np.float32(0), np.float32(-np.inf))

        def call() -> np.ndarray:
            scores = np.matmul(q, k.swapaxes(2, 3))
            if case.causal:
                scores += mask
            scores -= scores.max(-1, keepdims=True)
            np.exp(scores, out=scores)
            scores /= scores.sum(-1, keepdims=True)
            return np.matmul(scores, v)

        return {"": call}
