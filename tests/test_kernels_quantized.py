"""Products with quantised weights: exact integers, bit by bit, on every instruction set."""

import os
import subprocess
import sys

import numpy as np
import pytest

from quantized import int4_linear, int4_weight, int8_linear, int8_weight
from quatrain import _core
from quatrain.errors import InputError
from tiers import INTEGERS

SHAPES = [
    (1, 1, 1), (7, 64, 48), (13, 300, 77), (70, 513, 100), (200, 259, 33), (2, 5, 16),
    (1, 3000, 50), (5, 63, 17), (33, 65, 31), (130, 768, 96),
]  # fmt: skip


@pytest.fixture
def rng():
    return np.random.default_rng(12)


def normal(rng, *shape):
    return rng.standard_normal(shape, dtype=np.float32)


def same_bits(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.mark.parametrize(("m", "k", "n"), SHAPES)
def test_int8_equals_exact_integers(rng, m, k, n):
    x, weight, bias = normal(rng, m, k), normal(rng, n, k), normal(rng, n)
    packed = _core.pack(weight, "int8")
    assert (packed.dtype, packed.shape) == ("int8", (n, k))
    assert same_bits(_core.linear(x, packed), int8_linear(x, weight))
    assert same_bits(_core.linear(x, packed, bias), int8_linear(x, weight, bias))


@pytest.mark.parametrize("k", [4, 64, 1000, 65536])
def test_int8_does_not_saturate(k):
    """All products of the largest magnitude, of one sign and of both: 255 * 127 * K and 0."""
    ones = np.ones(k, np.float32)
    signs = np.where(np.arange(k) % 2, ones, -ones)
    x = np.stack([ones, -ones, signs, -signs, 0 * ones])
    weight = np.stack([ones, -ones, signs, -signs, 0 * ones])
    for rows in (x, np.tile(x, (8, 1))):
        assert same_bits(_core.linear(rows, _core.pack(weight, "int8")), int8_linear(rows, weight))


def test_int8_is_close_to_float64(rng):
    x, weight = normal(rng, 40, 768), normal(rng, 100, 768)
    exact = x.astype(np.float64) @ weight.T.astype(np.float64)
    error = _core.linear(x, _core.pack(weight, "int8")) - exact
    assert np.sqrt((error**2).mean()) <= 0.012 * np.sqrt((exact**2).mean())


def test_int8_row_is_the_same_in_any_batch_and_on_any_number_of_threads(rng):
    x, packed, bias = (
        normal(rng, 150, 200),
        _core.pack(normal(rng, 203, 200), "int8"),
        normal(rng, 203),
    )
    alone = np.concatenate([_core.linear(row[None], packed, bias, "gelu") for row in x])
    for m in [*range(1, 40), 127, 128, 129, 150]:
        for threads in (1, 2, 8):
            assert same_bits(_core.linear(x[:m], packed, bias, "gelu", threads=threads), alone[:m])
    separate = _core.gelu(_core.add(_core.linear(x, packed), bias))
    assert same_bits(alone, separate)


def test_rows_of_int8_are_what_the_product_sees(rng):
    weight = normal(rng, 45, 37)
    weight[3] = 0
    integers, scale = int8_weight(weight)
    ids = np.array([44, 0, 3, 17])
    expected = scale[ids, None] * integers[ids].astype(np.float32)
    for source in (weight, np.asfortranarray(weight)):
        assert same_bits(_core.pack(source, "int8").rows(ids), expected)


def test_special_values(rng):
    x, weight = normal(rng, 9, 70), normal(rng, 20, 70) * np.float32(1e-3)
    x[1, 3], x[2, 69], x[3, 0] = np.nan, np.inf, -np.inf
    x[4], x[5], x[6] = 0, 3e38 * np.sign(x[5]), 1e-30 * x[6]
    x[7] = 1e-40
    weight[5, 2], weight[6, 3], weight[7] = np.nan, np.inf, 1e-40
    bias = normal(rng, 20)
    out = _core.linear(x, _core.pack(weight, "int8"), bias)
    finite = [0, 4, 6, 7, 8]
    assert np.isnan(out[[1, 2, 3]]).all()
    assert np.isnan(out[:, [5, 6]]).all()
    sound = [n for n in range(20) if n not in (5, 6, 7)]
    assert same_bits(out[finite][:, sound], int8_linear(x[finite], weight[sound], bias[sound]))
    assert same_bits(out[4, sound], bias[sound])
    assert same_bits(out[7, sound], bias[sound])
    assert same_bits(out[finite, 7], np.full(5, bias[7]))
    whole = x[5].astype(np.float64) @ weight[sound].T
    assert np.abs(out[5, sound] - whole).max() <= 0.02 * np.abs(whole).max()


def test_int8_of_nothing(rng):
    packed = _core.pack(normal(rng, 5, 4), "int8")
    assert _core.linear(np.zeros((0, 4), np.float32), packed).shape == (0, 5)
    bias = normal(rng, 3)
    empty = _core.pack(np.zeros((3, 0), np.float32), "int8")
    assert same_bits(_core.linear(np.zeros((2, 0), np.float32), empty, bias), np.stack([bias] * 2))


@pytest.mark.parametrize(("m", "k", "n"), SHAPES)
@pytest.mark.parametrize(("block", "zero_points"), [(32, True), (128, True), (32, False)])
def test_int4_equals_exact_integers(rng, m, k, n, block, zero_points):
    x, weight, bias = normal(rng, m, k), normal(rng, n, k), normal(rng, n)
    packed = _core.pack(weight, "int4", block=block, zero_points=zero_points)
    expected = int4_linear(x, weight, block, zero_points)
    assert same_bits(_core.linear(x, packed), expected)
    assert same_bits(_core.linear(x, packed, bias), expected + bias)
    integers, scales = int4_weight(weight, block, zero_points)
    rows = packed.rows(np.arange(n))
    assert same_bits(rows, (scales * integers.astype(np.float32)).astype(np.float32))


@pytest.mark.parametrize("zero_points", [True, False])
@pytest.mark.parametrize("block", [32, 128])
def test_int4_loses_less_than_levels_between_the_extremes(rng, block, zero_points):
    """In every block, and a twelfth of the squares over all of a normal weight."""
    weight = normal(rng, 64, 1024).astype(np.float64)
    rows = _core.pack(weight.astype(np.float32), "int4", block=block, zero_points=zero_points)
    blocks = weight.reshape(-1, block)
    low, high = blocks.min(-1, keepdims=True), blocks.max(-1, keepdims=True)
    scale = (high - low) / 15 if zero_points else np.maximum(-low / 8, high / 7)
    scale = scale.astype(np.float16).astype(np.float64)
    zero = np.rint(-low / scale) if zero_points else 8
    plain = (np.clip(np.rint(blocks / scale) + zero, 0, 15) - zero) * scale
    lost, before = (
        ((values - blocks) ** 2).sum(-1)
        for values in (rows.rows(np.arange(64)).reshape(blocks.shape), plain)
    )
    assert (lost <= before * (1 + 1e-5)).all()
    assert lost.sum() <= 11 / 12 * before.sum()


def test_int4_does_not_saturate():
    """Every product of the largest magnitude: 15 * 127, of one sign and of both."""
    k = 256
    ones, signs = np.ones(k, np.float32), np.where(np.arange(k) % 2, 1, -1).astype(np.float32)
    rows = np.stack([ones, -ones, signs, -signs, 0 * ones])
    packed = _core.pack(rows, "int4")
    for x in (rows, np.tile(rows, (8, 1))):
        assert same_bits(_core.linear(x, packed), int4_linear(x, rows))


@pytest.mark.parametrize("m", [6, 40])
def test_int4_special_values(rng, m):
    x, weight = normal(rng, m, 70), normal(rng, 20, 70)
    x[1, 3], x[2, 69], x[3], x[4] = np.nan, np.inf, 0, 1e-40
    weight[5, 2], weight[6, 3], weight[7] = np.nan, np.inf, 0
    out = _core.linear(x, _core.pack(weight, "int4"))
    sound = [n for n in range(20) if n not in (5, 6)]
    assert np.isnan(out[[1, 2]]).all()
    assert np.isnan(out[:, [5, 6]]).all()
    finite = [0, *range(3, m)]
    assert same_bits(out[finite][:, sound], int4_linear(x[finite], weight[sound]))
    assert not out[[3, 4]][:, sound].any()
    assert not out[finite, 7].any()


@pytest.mark.parametrize("dtype", ["int4", "q8_0", "q4_0", "float16", "bfloat16"])
def test_a_row_is_the_same_in_any_batch_and_on_any_number_of_threads(rng, dtype):
    x, packed, bias = (
        normal(rng, 150, 200),
        _core.pack(normal(rng, 203, 200), dtype),
        normal(rng, 203),
    )
    alone = np.concatenate([_core.linear(row[None], packed, bias, "gelu") for row in x])
    for m in [*range(1, 20), 127, 128, 129, 150]:
        for threads in (1, 2, 8):
            assert same_bits(_core.linear(x[:m], packed, bias, "gelu", threads=threads), alone[:m])
    assert same_bits(alone, _core.gelu(_core.add(_core.linear(x, packed), bias)))


@pytest.mark.parametrize(("m", "k", "n"), SHAPES)
def test_halves_give_the_bits_of_the_widened_weight(rng, m, k, n):
    x, weight, bias = normal(rng, m, k), normal(rng, n, k), normal(rng, n)
    weight[0, :7] = np.array([0, -0.0, 6e-8, -1e-5, 65519, 1e-9, 9e-8])[:k]
    bits = weight.view(np.uint32)
    rounded = (bits + 0x7FFF + (bits >> 16 & 1)) & np.uint32(0xFFFF0000)
    for dtype, wide in (("float16", weight.astype(np.float16)), ("bfloat16", rounded.view("f4"))):
        packed, wide = _core.pack(weight, dtype), wide.astype(np.float32)
        assert packed.nbytes == (n + 15) // 16 * 16 * k * 2
        assert same_bits(packed.rows(np.arange(n)), wide)
        expected = _core.linear(x, _core.pack(wide), bias, "gelu")
        assert same_bits(_core.linear(x, packed, bias, "gelu"), expected)


def test_what_cannot_be_packed_is_refused(rng):
    with pytest.raises(InputError, match="expected K <= 65536 for int8, got 65537"):
        _core.pack(np.zeros((1, 65537), np.float32), "int8")
    with pytest.raises(InputError, match="expected a block of 32 or 128, got 64"):
        _core.pack(np.zeros((1, 2), np.float32), "int4", block=64)
    with pytest.raises(InputError, match=r"among float32, .*, q4_1, got int7"):
        _core.pack(np.zeros((1, 2), np.float32), "int7")
    with pytest.raises(InputError, match="expected another dtype than q4_1, which files have"):
        _core.pack(np.zeros((1, 2), np.float32), "q4_1")


BITS = """
import numpy as np
from quatrain import _core
rng = np.random.default_rng(4)
print(_core.isa())
for m, k, n in [(1, 700, 50), (5, 63, 17), (40, 130, 70)]:
    x, weight = rng.standard_normal((m, k), dtype=np.float32), rng.standard_normal((n, k))
    for dtype in ["int8", "int4", "q8_0", "q4_0"]:
        packed = _core.pack(weight.astype(np.float32), dtype)
        print(_core.linear(x, packed, x[0, :1].repeat(n)).tobytes().hex())
"""


@pytest.mark.parametrize("tier", ["portable", *INTEGERS])
def test_every_instruction_set_gives_the_same_bits(tier):
    def run(isa):
        done = subprocess.run(
            [sys.executable, "-c", BITS],
            capture_output=True, text=True, timeout=60,
            env=os.environ | {"QUATRAIN_ISA": isa, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        if "which this processor lacks" in done.stderr:
            pytest.skip(f"this processor has no {isa}")
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    found = run(tier)
    assert found[0] == tier
    assert found[1:] == run("portable")[1:]
