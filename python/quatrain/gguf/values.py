"""The values of tensors in GGUF's types, dequantised by the ``gguf`` package."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from quatrain.errors import CheckpointError
from quatrain.gguf.tensors import Type

#: The types that `values` reads.
PLAIN = ("F32", "F16", "BF16")
QUANTISED = (
    *("Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"),
    *("IQ4_NL", "IQ4_XS"),
)


def values(rows: np.ndarray, type: Type) -> np.ndarray:
    """The values of rows of blocks, uint8 ``[R, bytes]`` -> ``[R, values]``: float16 as it is, all
    other types as float32, exactly.

    Raises CheckpointError without the package that knows the quantised types.
    """
    if type.name in ("F32", "F16"):
        return rows.view("<f4" if type.name == "F32" else "<f2")
    if type.name == "BF16":
        return (rows.view("<u2").astype(np.uint32) << 16).view(np.float32)
    gguf = package(type.name)
    with np.errstate(all="ignore"):  # a block may hold infinity and NaN: they are its values
        return gguf.dequantize(rows, gguf.GGMLQuantizationType[type.name])


def package(kind: str) -> ModuleType:
    """The ``gguf`` package. Raises CheckpointError saying how to install it."""
    try:
        import gguf
    except ImportError:
        raise CheckpointError(
            f"weights of type {kind} are read by the gguf package, which is not installed: pip"
            " install 'quatrain[gguf]'"
        ) from None
    return gguf
