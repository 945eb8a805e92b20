"""The values of tensors in GGUF's types, dequantised by the ``gguf`` package."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from quatrain.errors import CheckpointError
from quatrain.gguf.tensors import Type

#: The types that `values` reads.
PLAIN = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}
QUANTISED = (
    *("Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"),
    *("IQ4_NL", "IQ4_XS"),
)

#: How many values are made at a time.
PART = 2**16


def values(rows: np.ndarray, type: Type, where: str) -> np.ndarray:
    """The values of rows of blocks, uint8 ``[R, bytes]`` -> ``[R, values]``: float32, but float16
    as it is, and of bfloat16 its bits (uint16).

    Raises CheckpointError, naming ``where``, without the package that knows the quantised types.
    """
    if type.name in PLAIN:
        return rows.view(PLAIN[type.name])
    gguf = package(type, where)
    blocks = rows.reshape(-1, type.nbytes)
    found = np.empty((len(blocks), type.values), np.float32)
    step = PART // type.values
    with np.errstate(all="ignore"):  # a block may hold infinity and NaN: they are its values
        for first in range(0, len(blocks), step):
            # As one long row: of many short ones the package takes a few at a time.
            part = blocks[first : first + step].reshape(1, -1)
            numbers = gguf.dequantize(part, gguf.GGMLQuantizationType[type.name])
            found[first : first + step] = numbers.reshape(-1, type.values)
    return found.reshape(len(rows), -1)


def package(type: Type, where: str) -> ModuleType:
    """The ``gguf`` package. Raises CheckpointError saying how to install it."""
    try:
        import gguf
    except ImportError:
        raise CheckpointError(
            f"{where}: {type.name} is read by the gguf package, which is not installed: pip install"
            " 'quatrain[gguf]'"
        ) from None
    return gguf
