"""The engines, by name. Nothing but the loader imports them."""

from __future__ import annotations

from typing import Any

import numpy as np

from quatrain.engines.engine import Engine
from quatrain.errors import EngineError

ENGINES = ("reference", "native", "onnx")


#: How "native" can hold the weights of linear layers; the others compute in float32 alone.
DTYPES = ("float32", "float16", "bfloat16", "int8", "int4")
#: How it holds those that a file has quantised.
BLOCK_DTYPES = ("q8_0", "q4_0", "q4_1")


#: How "native" and "reference" can hold the keys and values of a generation.
CACHE_DTYPES = ("float32", "int8")


def make_engine(
    name: str,
    threads: int | None = None,
    dtype: str | None = None,
    cache_dtype: str | None = None,
) -> Engine:
    """A new engine: "reference", "native" or "onnx".

    ``threads``: how many threads a call may use; None takes what the process may use.
    ``dtype``: how the weights of linear layers are held, one of ``DTYPES``; None for
    float32, or what they were saved in. ``cache_dtype``: how keys and values of a generation are
    held, one of ``CACHE_DTYPES``; None for float32.
    Raises EngineError for an unknown name or dtype, or an engine that cannot run here.
    """
    if threads is not None and (not isinstance(threads, int) or threads < 1):
        raise EngineError(f"[engine] expected threads >= 1, got {threads!r}")
    if dtype is not None and dtype not in DTYPES:
        raise EngineError(f"[engine] expected dtype among {', '.join(DTYPES)}, got {dtype!r}")
    if name in ENGINES and name != "native" and dtype not in (None, "float32"):
        raise EngineError(f"[engine] expected dtype float32 on {name}, got {dtype}")
    if cache_dtype not in (None, *CACHE_DTYPES):
        known = ", ".join(CACHE_DTYPES)
        raise EngineError(f"[engine] expected cache_dtype among {known}, got {cache_dtype!r}")
    if name == "onnx" and cache_dtype == "int8":
        raise EngineError("[engine] expected cache_dtype float32 on onnx, got int8")
    cache = np.dtype(np.int8) if cache_dtype == "int8" else None
    if name == "reference":
        from quatrain.engines.reference import Reference

        return Reference(cache_dtype=cache)
    if name == "native":
        from quatrain.engines.native import Native

        return Native(threads, dtype, cache)
    if name == "onnx":
        from quatrain.engines.onnx import Onnx

        return Onnx(threads)
    raise EngineError(f"[engine] expected one of {', '.join(ENGINES)}, got {name!r}")


def available() -> dict[str, dict[str, Any]]:
    """What each engine would run on here, or why it is ``unavailable``."""
    from quatrain import _core
    from quatrain.engines.onnx.runtime import onnxruntime

    try:
        onnx: dict[str, Any] = {"onnxruntime": onnxruntime().__version__}
    except EngineError as e:
        onnx = {"unavailable": str(e)}
    return {
        "reference": {"numpy": np.__version__},
        "native": {"isa": _core.isa(), "threads": _core.default_threads()},
        "onnx": onnx,
    }
