"""Export: a folder that other tools read, with graphs that onnxruntime runs."""

from quatrain.export.folder import export

__all__ = ["export"]
