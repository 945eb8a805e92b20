"""The onnx engine: graphs, the lowering of each operation, and their execution."""

from quatrain.engines.onnx.engine import Onnx

__all__ = ["Onnx"]
