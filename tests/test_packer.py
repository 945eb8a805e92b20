"""Weights packed piece by piece: the bits of those packed whole, from every type of file."""

from __future__ import annotations

import numpy as np
import pytest

from quatrain import _core
from quatrain.engines import DTYPES
from quatrain.errors import InputError


def source(type: str, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A matrix as a file of that type has it (bfloat16 as its bits), and its exact float32."""
    array = np.random.default_rng(3).standard_normal(shape, dtype=np.float32)
    if type == "bfloat16":
        bits = (array.view(np.uint32) >> 16).astype(np.uint16)
        return bits, (bits.astype(np.uint32) << 16).view(np.float32)
    return array.astype(type), array.astype(type).astype(np.float32)


def bits(weight: _core.PackedWeight) -> dict[str, bytes]:
    return {name: part.tobytes() for name, part in weight.parts.items()}


@pytest.mark.parametrize("type", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (16, 16), (53, 70), (64, 33), (35, 128), (0, 5)])
def test_a_weight_is_the_same_in_pieces(shape, dtype, type):
    stored, exact = source(type, shape)
    whole = _core.pack(exact, dtype)
    options = {"bfloat16": type == "bfloat16"}
    for step, threads in ((16, 1), (32, 2), (64, 2)):
        packer = _core.Packer(shape, dtype)
        for first in range(0, shape[0], step):
            packer.add(stored[first : first + step], threads=threads, **options)
        weight = packer.take()
        assert (weight.shape, weight.dtype, weight.nbytes) == (shape, dtype, whole.nbytes)
        assert bits(weight) == bits(whole)
    # However it lies in memory.
    for view in (np.asfortranarray(stored), np.repeat(stored, 2, 1)[:, ::2], stored[::-1][::-1]):
        assert bits(_core.pack(view, dtype, **options)) == bits(whole)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_that_never_come_are_zero(dtype):
    packer = _core.Packer((40, 33), dtype)
    packer.add(np.ones((16, 33), np.float32))
    rows = packer.take().rows(np.arange(40))
    assert np.allclose(rows[:16], 1, atol=0.02)
    assert (rows[16:] == 0).all()


def test_what_does_not_fit_is_refused():
    packer = _core.Packer((40, 33))
    with pytest.raises(InputError, match="expected rows of 33 values, got 32"):
        packer.add(np.ones((16, 32), np.float32))
    with pytest.raises(InputError, match="expected at most 40 rows, got 41"):
        packer.add(np.ones((41, 33), np.float32))
    packer.add(np.ones((17, 33), np.float32))
    with pytest.raises(InputError, match="expected pieces of whole panels, got one after 17 rows"):
        packer.add(np.ones((1, 33), np.float32))
    packer.take()
    for call in (packer.take, lambda: packer.add(np.ones((0, 33), np.float32))):
        with pytest.raises(InputError, match="expected a weight that was not taken yet"):
            call()
    with pytest.raises(InputError, match="expected N from 0 to"):
        _core.Packer((-1, 33))
    with pytest.raises(InputError, match="expected a dtype among"):
        _core.Packer((1, 1), "int3")
