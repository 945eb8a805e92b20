"""onnxruntime: graphs of one operation, inputs and outputs bound to memory that is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.kernels.cases import EPSILON, Arrays, Kernel, merge_heads, split_heads

Calls = dict[str, Callable[[], Any]]
#: Of 4-bit weights.
BLOCK = 32


class Onnxruntime:
    def __init__(self, threads: int) -> None:
        import onnx
        import onnxruntime

        self.onnx, self.runtime = onnx, onnxruntime
        self.options = onnxruntime.SessionOptions()
        self.options.intra_op_num_threads = threads
        self.options.inter_op_num_threads = 1

    def numpy(self, result: Any, case: Kernel) -> np.ndarray:
        if case.op != "attention":
            return result
        return merge_heads(result) if result.ndim == 4 else result.reshape(-1, result.shape[2])

    def variants(self, case: Kernel) -> Iterator[tuple[str, Callable[[], Any]]]:
        """Ways to say it; one that this version refuses is not there."""
        refusals = self.runtime.capi.onnxruntime_pybind11_state
        for name, make in getattr(self, f"_{case.op}")(case, case.inputs).items():
            try:
                call = make()
            except (refusals.Fail, refusals.InvalidArgument, refusals.NotImplemented):
                continue
            yield name, call

    def _bound(
        self,
        node: str | Sequence[Any],
        inputs: Arrays,
        weights: Arrays,
        outputs: Sequence[str],
        shapes: dict[str, Sequence[int]],
        domain: str = "",
        **attributes: Any,
    ) -> Callable[[], np.ndarray]:
        """A call of a graph: of one node that takes ``inputs`` and ``weights`` in their order, or
        of several. -> the last output."""
        helper, numpy_helper = self.onnx.helper, self.onnx.numpy_helper
        if isinstance(node, str):
            names = [*inputs, *weights]
            given = [name.strip("_") and name for name in names]
            node = [helper.make_node(node, given, list(outputs), domain=domain, **attributes)]

        def port(name: str, dtype: Any, shape: Sequence[int]) -> Any:
            kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
            return helper.make_tensor_value_info(name, kind, list(shape))

        real = [name for name in outputs if name]
        graph = helper.make_graph(
            list(node),
            "graph",
            [port(name, x.dtype, x.shape) for name, x in inputs.items() if name.strip("_")],
            [port(name, np.float32, shapes[name]) for name in real],
            [numpy_helper.from_array(w, name) for name, w in weights.items() if name.strip("_")],
        )
        model = helper.make_model(
            graph, ir_version=10,
            opset_imports=[helper.make_opsetid("", 23), helper.make_opsetid("com.microsoft", 1)],
        )  # fmt: skip
        session = self.runtime.InferenceSession(
            model.SerializeToString(), self.options, ["CPUExecutionProvider"]
        )
        binding = session.io_binding()
        kept = {n: self.runtime.OrtValue.ortvalue_from_numpy(x) for n, x in inputs.items()}
        for name, value in kept.items():
            if name.strip("_"):
                binding.bind_ortvalue_input(name, value)
        results = {}
        for name in real:
            # A cache that grows in place is an input and an output.
            past = name.replace("present", "past")
            results[name] = kept.get(past) or self.runtime.OrtValue.ortvalue_from_numpy(
                np.zeros(shapes[name], np.float32)
            )
            binding.bind_ortvalue_output(name, results[name])
        answer = results["out"].numpy()

        def call() -> np.ndarray:
            session.run_with_iobinding(binding)
            return results["out"].numpy() if answer is None else answer

        call()
        return call

    def _linear(self, case: Kernel, given: Arrays) -> dict[str, Callable[[], Any]]:
        m, k, n = case.sizes
        x, weight = {"x": given["x"]}, given["weight"]
        shapes = {"out": (m, n)}
        if case.dtype == "float32":
            return {
                "MatMul": lambda: self._bound("MatMul", x, {"w": weight.T.copy()}, ["out"], shapes),
                "Gemm": lambda: self._bound("Gemm", x, {"w": weight}, ["out"], shapes, transB=1),
            }

        def bits(count: int, accuracy: int) -> Callable[[], Any]:
            packed, scales = blocked(weight, count)
            return lambda: self._bound(
                "MatMulNBits", x, {"w": packed, "scales": scales}, ["out"], shapes,
                "com.microsoft", K=k, N=n, bits=count, block_size=BLOCK, accuracy_level=accuracy,
            )  # fmt: skip

        if case.dtype == "int4":
            return {f"MatMulNBits, level {a}": bits(4, a) for a in (4, 1)}
        scale = np.abs(weight).max(1) / np.float32(127)
        whole = np.rint(weight / scale[:, None]).astype(np.int8).T.copy()
        return {
            "DynamicQuantizeMatMul": lambda: self._bound(
                "DynamicQuantizeMatMul", x, {"w": whole, "scale": scale}, ["out"], shapes,
                "com.microsoft",
            ),
            "MatMulNBits": bits(8, 4),
        }  # fmt: skip

    def _layer_norm(self, case: Kernel, given: Arrays) -> dict[str, Callable[[], Any]]:
        weights = {"w": given["weight"], "b": given["bias"]}
        return {
            "LayerNormalization": lambda: self._bound(
                "LayerNormalization", {"x": given["x"]}, weights, ["out"], {"out": case.sizes},
                epsilon=EPSILON,
            )
        }  # fmt: skip

    def _add_norm(self, case: Kernel, given: Arrays) -> dict[str, Callable[[], Any]]:
        shapes = {"out": case.sizes, "sum": case.sizes}
        inputs = {"x": given["x"], "y": given["y"]}
        weights = {"w": given["weight"], "b": given["bias"]}
        node = self.onnx.helper.make_node
        nodes = [
            node("Add", ["x", "y"], ["sum"]),
            node("LayerNormalization", ["sum", "w", "b"], ["out"], epsilon=EPSILON),
        ]
        return {
            "SkipLayerNormalization": lambda: self._bound(
                "SkipLayerNormalization", inputs, weights, ["out", "", "", "sum"], shapes,
                "com.microsoft", epsilon=EPSILON,
            ),
            "Add, LayerNormalization": lambda: self._bound(
                nodes, inputs, weights, ["sum", "out"], shapes
            ),
        }  # fmt: skip

    def _attention(self, case: Kernel, given: Arrays) -> dict[str, Callable[[], Any]]:
        b, t, _, h, d = case.sizes
        rows = {name: given[name].reshape(b, -1, h * d) for name in "qkv"}
        heads = {name: split_heads(given[name], b, h) for name in "qkv"}
        apart, together = {"out": (b, h, t, d)}, {"out": (b, t, h * d)}
        causal = int(case.causal)
        found = {
            "MultiHeadAttention": lambda: self._bound(
                "MultiHeadAttention", rows, {}, ["out"], together, "com.microsoft",
                num_heads=h, unidirectional=causal,
            ),
            "Attention": lambda: self._bound(
                "Attention", heads, {}, ["out"], apart, is_causal=causal
            ),
        }  # fmt: skip
        if case.causal or t == 1:
            found["GroupQueryAttention"] = lambda: self._grouped(case, rows, heads)
        return found

    def _grouped(self, case: Kernel, rows: Arrays, heads: Arrays) -> Callable[[], Any]:
        """The last of the keys are new; the others lie in a cache that grows in place."""
        b, t, s, h, d = case.sizes
        inputs = {
            "q": rows["q"],
            "k": rows["k"][:, s - t :].copy(),
            "v": rows["v"][:, s - t :].copy(),
            "past_k": heads["k"].copy(),
            "past_v": heads["v"].copy(),
            "ends": np.full(b, s - 1, np.int32),
            "total": np.array([s], np.int32),
        }
        shapes = {
            "out": (b, t, h * d),
            "present_k": (b, h, s, d),
            "present_v": (b, h, s, d),
        }
        return self._bound(
            "GroupQueryAttention", inputs, {}, ["out", "present_k", "present_v"], shapes,
            "com.microsoft", num_heads=h, kv_num_heads=h,
        )  # fmt: skip


def blocked(weight: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """[N, K] -> blocks of unsigned values about the middle [N, K/32, bytes], scales [N, K/32]."""
    n, k = weight.shape
    blocks = weight.reshape(n, k // BLOCK, BLOCK)
    middle = 1 << (bits - 1)
    scales = np.abs(blocks).max(-1) / np.float32(middle - 1)
    whole = (np.rint(blocks / scales[..., None]) + middle).astype(np.uint8)
    if bits == 4:
        whole = whole[..., ::2] | (whole[..., 1::2] << 4)
    return whole, scales
