"""torch, eager and compiled (its compiler packs weights for oneDNN)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.kernels.cases import EPSILON, Arrays, Kernel, merge_heads, split_heads

Calls = dict[str, Callable[[], Any]]


class Torch:
    def __init__(self, threads: int) -> None:
        import torch
        import torch._inductor.config

        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        torch._inductor.config.freezing = True
        self.torch = torch
        self.mode = torch.inference_mode()
        self.mode.__enter__()

    def numpy(self, result: Any, case: Kernel) -> np.ndarray:
        result = (result[-1] if isinstance(result, tuple) else result).float().numpy()
        return merge_heads(result) if case.op == "attention" else result

    def variants(self, case: Kernel) -> Iterator[tuple[str, Callable[[], Any]]]:
        self.torch._dynamo.reset()
        given = {name: self.torch.from_numpy(array) for name, array in case.inputs.items()}
        yield from getattr(self, f"_{case.op}")(case, given).items()

    def _both(self, function: Callable[..., Any], *given: Any) -> Calls:
        compiled = self.torch.compile(function, dynamic=False)
        return {"eager": lambda: function(*given), "compiled": lambda: compiled(*given)}

    def _linear(self, case: Kernel, given: Arrays) -> Calls:
        if case.dtype == "int4":
            return {}
        _, k, n = case.sizes
        layer = self.torch.nn.Linear(k, n, bias=False).requires_grad_(False).eval()
        layer.weight.copy_(given["weight"])
        if case.dtype == "float32":
            return self._both(layer, given["x"])
        found: Calls = {}
        for engine in ("x86", "onednn"):
            self.torch.backends.quantized.engine = engine
            quantized = self.torch.ao.quantization.quantize_dynamic(
                self.torch.nn.Sequential(layer), dtype=self.torch.qint8
            )
            found[f"dynamic int8, {engine}"] = lambda net=quantized: net(given["x"])
        return found

    def _layer_norm(self, case: Kernel, given: Arrays) -> Calls:
        norm, d = self.torch.nn.functional.layer_norm, case.sizes[1]
        return self._both(
            lambda x, weight, bias: norm(x, (d,), weight, bias, EPSILON),
            given["x"], given["weight"], given["bias"],
        )  # fmt: skip

    def _add_norm(self, case: Kernel, given: Arrays) -> Calls:
        norm, d = self.torch.nn.functional.layer_norm, case.sizes[1]

        def add_norm(x: Any, y: Any, weight: Any, bias: Any) -> Any:
            total = x + y
            return total, norm(total, (d,), weight, bias, EPSILON)

        return self._both(add_norm, given["x"], given["y"], given["weight"], given["bias"])

    def _attention(self, case: Kernel, given: Arrays) -> Calls:
        b, _, _, h, _ = case.sizes
        heads = [self.torch.from_numpy(split_heads(given[name].numpy(), b, h)) for name in "qkv"]
        attend = self.torch.nn.functional.scaled_dot_product_attention
        return {"eager": lambda: attend(*heads, is_causal=case.causal)}
