"""Products with the blocks of GGUF files: exact integers, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest

from quantized import block_linear
from quatrain import _core
from quatrain.errors import InputError

#: type: the dtype that it becomes, and the bytes of a block in front of the levels.
TYPES = {"Q8_0": "q8_0", "Q4_0": "q4_0", "Q4_1": "q4_1", "Q5_0": "q8_0", "Q4_K": "q4_1"}
SIZES = {"Q8_0": 34, "Q4_0": 18, "Q4_1": 20, "Q5_0": 22, "Q4_K": 144}
SHAPES = [(1, 256, 16), (2, 256, 5), (7, 768, 50), (9, 512, 33), (40, 256, 70), (130, 256, 100)]


def blocks(random: np.random.Generator, kind: str, n: int, k: int) -> np.ndarray:
    """Random ones, of every level, with scales (and minima) from -2 to 2, uint8 ``[N, bytes]``."""
    values = 256 if kind == "Q4_K" else 32
    made = random.integers(0, 256, (n, k // values, SIZES[kind]), np.uint8)
    heads = 2 if kind in ("Q4_1", "Q4_K") else 1
    numbers = random.uniform(-2, 2, (*made.shape[:2], heads)).astype(np.float16)
    made[..., : 2 * heads] = numbers.view(np.uint8)
    return made.reshape(n, -1)


def parts(packed: _core.PackedWeight) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Levels, scales and minima of a packed weight, from its panels."""
    n, k = packed.shape
    held = packed.parts

    def of_blocks(name: str) -> np.ndarray:
        columns = held[name].astype(np.float32).reshape(-(-n // 16), -1, 16)
        return columns.swapaxes(1, 2).reshape(-1, columns.shape[1])[:n, : k // 32]

    if packed.dtype == "q8_0":
        lines = held["panels"].reshape(-(-n // 16), -1, 16, 4)
    else:
        pairs = held["panels"].reshape(-(-n // 16), -1, 16, 4)
        lines = np.stack([pairs & 15, pairs >> 4], 2).reshape(len(pairs), -1, 16, 4)
    levels = lines.transpose(0, 2, 1, 3).reshape(len(lines) * 16, -1)[:n, :k].astype(np.int64)
    if packed.dtype == "q4_0":
        levels -= 8
    return levels, of_blocks("scales"), of_blocks("minima") if "minima" in held else None


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.mark.parametrize(("m", "k", "n"), SHAPES)
@pytest.mark.parametrize("kind", TYPES)
def test_products_are_exact_integers_within_a_block(kind, m, k, n):
    random = np.random.default_rng(12)
    x, bias = random.standard_normal((m, k), np.float32), random.standard_normal(n, np.float32)
    packed = _core.pack_blocks(blocks(random, kind, n, k), kind)
    assert (packed.dtype, packed.shape, packed.block) == (TYPES[kind], (n, k), 32)
    expected = block_linear(x, *parts(packed))
    assert same_bits(_core.linear(x, packed), expected)
    assert same_bits(_core.linear(x, packed, bias), expected + bias)


@pytest.mark.oracle("gguf")
@pytest.mark.parametrize("kind", TYPES)
def test_weights_are_those_of_the_file(kind):
    """Exactly; of Q4_K, but for scales and minima that are rounded to float16."""
    import gguf

    made = blocks(np.random.default_rng(3), kind, 37, 512)
    expected = gguf.dequantize(made, gguf.GGMLQuantizationType[kind])
    for source in (made, np.asfortranarray(made), np.repeat(made, 2, 0)[::2]):
        packed = _core.pack_blocks(source, kind)
        found = packed.rows(np.arange(37))
        levels, scales, minima = parts(packed)
        products = np.repeat(scales, 32, -1) * levels.astype(np.float32)
        least = 0 if minima is None else np.repeat(minima, 32, -1)
        np.testing.assert_array_equal(found, products + least)
        most = 2**-11 * (np.abs(products) + np.abs(least)) if kind == "Q4_K" else 0
        assert (np.abs(found - expected) <= most).all()


@pytest.mark.parametrize("rows", [1, 8, 40])
@pytest.mark.parametrize("level", [-128, -127, 127])
def test_bytes_do_not_saturate(level, rows):
    """Every product of the largest magnitude, of one sign and of both."""
    k = 256
    made = np.full((5, k // 32, 34), np.array(level, np.int8).view(np.uint8))
    made[1::2, :, 2::2] = np.array(-max(level, -127), np.int8).view(np.uint8)
    made[..., :2] = np.array([1], np.float16).view(np.uint8)
    packed = _core.pack_blocks(made.reshape(5, -1), "Q8_0")
    signs = np.where(np.arange(k) % 2, 1, -1).astype(np.float32)
    x = np.resize(np.stack([signs, np.abs(signs), -signs, -np.abs(signs)]), (rows, k))
    assert same_bits(_core.linear(x, packed), block_linear(x, *parts(packed)))


@pytest.mark.parametrize("kind", TYPES)
def test_a_row_is_the_same_in_any_batch_and_on_any_number_of_threads(kind):
    random = np.random.default_rng(12)
    x = random.standard_normal((70, 256), np.float32)
    packed = _core.pack_blocks(blocks(random, kind, 203, 256), kind)
    alone = np.concatenate([_core.linear(row[None], packed) for row in x])
    for m in [*range(1, 20), 33, 70]:
        for threads in (1, 2, 8):
            assert same_bits(_core.linear(x[:m], packed, threads=threads), alone[:m])


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_eight_bits_lose_half_a_level(scale):
    weight = np.random.default_rng(5).standard_normal((33, 70)).astype(np.float32) * scale
    weight[3, :32] = 0
    rows = _core.pack(weight, "q8_0").rows(np.arange(33))
    blocks = np.pad(np.abs(weight), ((0, 0), (0, 26))).reshape(33, 3, 32).max(-1)
    most = np.repeat(blocks / 127 * (0.5 + 0.5 / 8), 32, -1)[:, :70]
    assert (np.abs(rows - weight) <= most).all()


def test_what_are_no_blocks_is_refused():
    with pytest.raises(InputError, match=r"expected a type among Q8_0, .*, got Q2_K"):
        _core.pack_blocks(np.zeros((1, 34), np.uint8), "Q2_K")
    with pytest.raises(InputError, match="expected rows of blocks of 34 bytes, got 35 bytes"):
        _core.pack_blocks(np.zeros((1, 35), np.uint8), "Q8_0")
    with pytest.raises(
        InputError, match=r"expected blocks as uint8 .*, got int8 of shape \(1, 34\)"
    ):
        _core.pack_blocks(np.zeros((1, 34), np.int8), "Q8_0")
    with pytest.raises(
        InputError, match=r"expected blocks as uint8 .*, got uint8 of shape \(34,\)"
    ):
        _core.pack_blocks(np.zeros(34, np.uint8), "Q8_0")


def test_no_blocks_are_no_weights():
    for shape in [(0, 34), (3, 0)]:
        packed = _core.pack_blocks(np.zeros(shape, np.uint8), "Q8_0")
        found = _core.linear(np.ones((2, packed.shape[1]), np.float32), packed)
        assert found.shape == (2, shape[0])
        assert not found.any()
