"""The types of a GGUF file's tensors: sizes, and values as the formats define them."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import gguf_blocks
from gguf_blocks import FORMULAS
from quatrain.errors import CheckpointError
from quatrain.gguf.tensors import TYPES, Type
from quatrain.gguf.values import PLAIN, QUANTISED, values

pytestmark = pytest.mark.oracle("gguf")
BY_NAME = {type.name: type for type in TYPES.values()}


def test_every_quantised_type_that_is_read_has_a_formula():
    assert set(QUANTISED) == set(FORMULAS)


def test_the_table_of_types_is_that_of_the_package():
    import gguf

    known = {
        type.value: Type(type.name, *size)
        for type, size in gguf.GGML_QUANT_SIZES.items()
        if type.value in TYPES
    }
    assert known == {number: type for number, type in TYPES.items() if number in known}
    assert set(PLAIN) | set(QUANTISED) <= {type.name for type in known.values()}


@pytest.mark.parametrize("kind", QUANTISED)
def test_values_are_those_of_the_formula(kind):
    type = BY_NAME[kind]
    rows = gguf_blocks.random_rows(np.random.default_rng(5), kind, 5, 3 * type.values)
    ours = values(rows, type, "it")
    blocks = rows.reshape(-1, type.nbytes)
    expected = np.array([FORMULAS[kind][0](block.tobytes()) for block in blocks])
    assert ours.shape == (5, 3 * type.values) and ours.dtype == np.float32
    # A difference of two products of float32 may lose digits; none of another scale appears.
    tolerance = 2e-7 * abs(expected).max(axis=1, keepdims=True)
    assert (abs(ours.reshape(expected.shape) - expected) <= tolerance).all()


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16"])
def test_plain_values_are_exact(kind):
    numbers = np.random.default_rng(1).standard_normal((3, 5)).astype(np.float32)
    bits = numbers.view(np.uint32) >> 16
    stored = {"F32": numbers, "F16": numbers.astype("<f2"), "BF16": bits.astype("<u2")}[kind]
    found = values(stored.view(np.uint8).reshape(3, -1), BY_NAME[kind], "it")
    np.testing.assert_array_equal(found, stored)


def test_blocks_of_infinity_and_nan_have_such_values():
    for scale in (np.inf, np.nan):
        block = np.zeros((1, 34), np.uint8)
        block[0, :2] = np.array([scale], "<f2").view(np.uint8)
        block[0, 2] = 1
        found = values(block, BY_NAME["Q8_0"], "it")
        assert not np.isfinite(found[0, 0])


def test_without_the_package_the_remedy_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(
        CheckpointError, match=r"it: Q8_0 is read by .* pip install 'quatrain\[gguf\]'"
    ):
        values(np.zeros((1, 34), np.uint8), BY_NAME["Q8_0"], "it")
