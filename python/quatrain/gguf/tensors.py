"""The directory of a GGUF file's tensors, checked against the file and each other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from quatrain.gguf.container import Reader


class Type(NamedTuple):
    """How values are stored: in blocks of ``values``, each of ``nbytes``."""

    name: str
    values: int
    nbytes: int


#: The types by their number in a file (ggml.h, enum ggml_type), whether we read them or not.
TYPES = {
    number: Type(*type)
    for number, type in {
        **{0: ("F32", 1, 4), 1: ("F16", 1, 2), 30: ("BF16", 1, 2), 28: ("F64", 1, 8)},
        **{24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8)},
        **{2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24)},
        **{8: ("Q8_0", 32, 34), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110)},
        **{12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210)},
        **{15: ("Q8_K", 256, 292), 16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74)},
        **{18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18)},
        **{21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136)},
        **{29: ("IQ1_M", 256, 56), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66)},
        **{39: ("MXFP4", 32, 17), 40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18)},
    }.items()
}
#: In what the data are aligned, unless the file says another number.
ALIGNMENT, ALIGNMENT_FIELD = 32, "general.alignment"
#: The fewest bytes of a tensor's entry: its name's length, one size, its type and its place.
_ENTRY = 8 + 4 + 8 + 4 + 8
_MOST_DIMENSIONS = 4


class Tensor(NamedTuple):
    """A tensor's entry: its shape, the slowest axis first, and which bytes of the file it is."""

    shape: tuple[int, ...]
    type: Type
    begin: int
    end: int


def directory(reader: Reader, fields: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors by name, from a reader that has read the fields.

    Raises the reader's error for names that appear twice, sizes that are not positive or not whole
    blocks, unknown types, places outside the file, and tensors that share bytes.
    """
    alignment = fields.get(ALIGNMENT_FIELD, ALIGNMENT)
    if type(alignment) is not int or alignment.bit_count() != 1 or not 8 <= alignment <= 2**20:
        reader.fail(
            f"{ALIGNMENT_FIELD}: expected a power of two from 8 to {2**20}, found {alignment!r:.60}"
        )
    left = len(reader.data) - reader.at
    if reader.tensors * _ENTRY > left:
        reader.fail(f"says that it has {reader.tensors} tensors, which {left} bytes cannot hold")
    found: dict[str, Tensor] = {}
    for _ in range(reader.tensors):
        name = reader.string("the name of a tensor")
        if name in found:
            reader.fail(f"tensor {name!r} appears twice")
        found[name] = _entry(reader, name, alignment)
    data = -(-reader.at // alignment) * alignment
    found = {n: t._replace(begin=t.begin + data, end=t.end + data) for n, t in found.items()}
    _check_places(reader, found)
    return found


def _entry(reader: Reader, name: str, alignment: int) -> Tensor:
    what = f"tensor {name!r}"
    integer, size = np.dtype("<u4"), np.dtype("<u8")
    dimensions = reader.number(integer, what)
    if not 1 <= dimensions <= _MOST_DIMENSIONS:
        reader.fail(f"{what} has {dimensions} dimensions, expected 1 to {_MOST_DIMENSIONS}")
    # The file gives the fastest axis first.
    shape = tuple(reversed(reader.numbers(dimensions, size, what)))
    if not all(shape):
        reader.fail(f"{what} has the shape {list(shape)}, expected sizes of at least 1")
    kind, begin = reader.number(integer, what), reader.number(size, what)
    if kind not in TYPES:
        reader.fail(f"{what} has the unknown type {kind}")
    type = TYPES[kind]
    if shape[-1] % type.values:
        reader.fail(
            f"{what} of {type.name} has rows of {shape[-1]} values, expected a multiple of"
            f" {type.values}"
        )
    if begin % alignment:
        reader.fail(f"{what} is at byte {begin} of the data, expected a multiple of {alignment}")
    return Tensor(shape, type, begin, begin + math.prod(shape) // type.values * type.nbytes)


def _check_places(reader: Reader, tensors: Mapping[str, Tensor]) -> None:
    size = len(reader.data)
    ordered = sorted(tensors.items(), key=lambda item: item[1].begin)
    for name, tensor in ordered:
        if tensor.end > size:
            reader.fail(
                f"tensor {name!r} of {tensor.type.name} and shape {list(tensor.shape)} ends at byte"
                f" {tensor.end}, but the file at byte {size}: it is truncated, or says so wrongly"
            )
    for (first, one), (second, other) in pairwise(ordered):
        if other.begin < one.end:
            reader.fail(f"tensors {first!r} and {second!r} share bytes")
