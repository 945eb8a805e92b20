"""What only kernels have: bits that no batch, thread or memory layout changes, and their errors.

Whether the operations compute the right thing in every engine is tested with the operations; here
each kernel meets a float64 formula once, at awkward sizes.
"""

import numpy as np
import pytest

from quatrain import _core
from quatrain.errors import InputError
from quatrain.ops import POOLINGS

ACTIVATIONS = ["none", "gelu", "gelu_tanh", "relu", "silu", "tanh"]


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def normal(rng, *shape):
    return rng.standard_normal(shape, dtype=np.float32)


def same_bits(a, b):
    return a.shape == b.shape and a.tobytes() == b.tobytes()


def assert_close(actual, expected, tolerance=2e-6):
    """Error relative to the largest magnitude."""
    assert actual.dtype == np.float32
    assert actual.shape == expected.shape
    if expected.size:
        scale = max(np.abs(expected).max(), 1e-30)
        assert np.abs(actual - expected).max() / scale <= tolerance


# --- linear ---------------------------------------------------------------------------------------

SHAPES = [(1, 1, 1), (7, 64, 48), (13, 300, 77), (70, 513, 100), (200, 259, 33), (2, 5, 16)]


@pytest.mark.parametrize(("m", "k", "n"), SHAPES)
def test_linear_against_float64(rng, m, k, n):
    x, weight, bias = normal(rng, m, k), normal(rng, n, k), normal(rng, n)
    expected = x.astype(np.float64) @ weight.T.astype(np.float64) + bias
    assert_close(_core.linear(x, _core.pack(weight), bias), expected)


@pytest.mark.parametrize(("n", "k"), [(37, 61), (96, 600), (48, 4500)])
def test_linear_row_is_the_same_in_any_batch(rng, n, k):
    x, packed, bias = normal(rng, 260, k), _core.pack(normal(rng, n, k)), normal(rng, n)
    alone = np.concatenate([_core.linear(row[None], packed, bias) for row in x])
    for m in (*range(1, 71), 96, 128, 129, 161, 260):
        assert same_bits(_core.linear(x[:m], packed, bias), alone[:m])


def of_any_magnitude(rng, *shape):
    """Values from 2^-60 to 2^60, and some zeros."""
    return np.ldexp(normal(rng, *shape), rng.integers(-60, 61, shape)) * (rng.random(shape) < 0.9)


@pytest.mark.parametrize("k", [1, 2, 33, 300])
def test_linear_of_any_magnitude(rng, k):
    """Instruction sets that multiply parts of numbers may lose the least bits of a product, and
    what is below 2^-126: each product is known to four units in the last place."""
    x, weight = of_any_magnitude(rng, 50, k), of_any_magnitude(rng, 40, k)
    x[0], x[1], x[2] = 0, 1e-36, 1e-44
    x[0, 0], weight[:, 0] = 3.4e38, np.clip(weight[:, 0], -1, 1)  # parts do not overflow
    exact = x.astype(np.float64) @ weight.T.astype(np.float64)
    size = np.abs(x.astype(np.float64)) @ np.abs(weight.T.astype(np.float64))
    tiny = 2.0**-124 * (k + np.abs(weight.astype(np.float64)).sum(-1))
    for rows in (x, x[:3]):
        out = _core.linear(rows, _core.pack(weight))
        error = np.abs(out - exact[: len(rows)])
        assert (error <= (2.0**-22 + k * 2.0**-24) * size[: len(rows)] + tiny).all()


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("k", [1, 40, 1100])
def test_linear_lets_infinity_and_nan_through(rng, k, dtype):
    x, weight, bias = normal(rng, 45, k), normal(rng, 60, k), normal(rng, 60)
    before = _core.linear(x, _core.pack(weight, dtype), bias)
    last = k - 1
    x[1, 0], x[2, last], x[3, 0], x[40, last] = np.inf, -np.inf, np.nan, np.inf
    x[40, 0] = -np.inf
    x[5] = 0
    weight[7, 0], weight[20, last], weight[59, 0] = np.inf, -np.inf, np.nan
    packed = _core.pack(weight, dtype)
    wide = packed.rows(np.arange(60)).astype(np.float64)
    with np.errstate(all="ignore"):
        expected = (x.astype(np.float64) @ wide.T + bias).astype(np.float32)
    out = _core.linear(x, packed, bias)
    finite = np.isfinite(expected)
    assert np.array_equal(out[~finite], expected[~finite], equal_nan=True)
    rest = np.delete(np.arange(45), [1, 2, 3, 5, 40])
    others = np.delete(np.arange(60), [7, 20, 59])
    assert same_bits(out[np.ix_(rest, others)], before[np.ix_(rest, others)])
    for m in (1, 3, 32, 33):
        assert same_bits(_core.linear(x[:m], packed, bias), out[:m])
    relu = _core.linear(x, packed, bias, "relu")
    assert same_bits(relu, _core.relu(out))


def test_linear_does_not_depend_on_threads(rng):
    packed, bias = _core.pack(normal(rng, 203, 500)), normal(rng, 203)
    for m in (1, 5, 96, 301):
        x = normal(rng, m, 500)
        once = _core.linear(x, packed, bias, "gelu", threads=1)
        for threads in (2, 3, 8):
            assert same_bits(_core.linear(x, packed, bias, "gelu", threads=threads), once)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("m", [1, 4, 40])
def test_fused_epilogue_equals_the_separate_kernels(rng, activation, m):
    x, packed, bias = normal(rng, m, 70), _core.pack(normal(rng, 45, 70)), normal(rng, 45)
    separate = _core.add(_core.linear(x, packed), bias)
    if activation != "none":
        separate = getattr(_core, activation)(separate)
    assert same_bits(_core.linear(x, packed, bias, activation), separate)


def test_pack_reads_any_strides_and_half_precision(rng):
    weight = normal(rng, 45, 37)
    packed = _core.pack(weight)
    x = normal(rng, 3, 37)
    y = _core.linear(x, packed)
    assert packed.shape == (45, 37)
    assert packed.nbytes == 48 * 37 * 4
    assert same_bits(packed.rows(np.arange(45)), weight)
    transposed = np.ascontiguousarray(weight.T).T
    spread = np.zeros((90, 74), np.float32)[::2, ::2]
    spread[:] = weight
    for view in (transposed, spread, weight[::-1][::-1]):
        assert same_bits(_core.linear(x, _core.pack(view)), y)

    half = weight.astype(np.float16)
    half[0, :6] = [0, -0.0, 6e-8, -1e-5, np.inf, 65504]
    assert same_bits(_core.pack(half).rows(np.arange(45)), half.astype(np.float32))
    bits = weight.view(np.uint32) >> 16
    expected = (bits << 16).view(np.float32)
    brain = _core.pack(bits.astype(np.uint16), bfloat16=True)
    assert same_bits(brain.rows(np.arange(45)), expected)


def test_linear_of_nothing(rng):
    packed = _core.pack(normal(rng, 5, 4))
    assert _core.linear(np.zeros((0, 4), np.float32), packed).shape == (0, 5)
    empty = _core.pack(np.zeros((3, 0), np.float32))
    bias = normal(rng, 3)
    for rows in (2, 100):
        out = _core.linear(np.zeros((rows, 0), np.float32), empty, bias)
        assert same_bits(out, np.stack([bias] * rows))
    assert _core.pack(np.zeros((0, 4), np.float32)).shape == (0, 4)
    assert _core.linear(normal(rng, 2, 3, 4), packed).shape == (2, 3, 5)


# --- rows and elements ----------------------------------------------------------------------------


def kernels_of_rows(rng, width):
    weight, bias = normal(rng, width), normal(rng, width)
    return {
        "add": lambda x: _core.add(x, bias),
        "mul": lambda x: _core.mul(x, x),
        "gelu": _core.gelu,
        "gated": lambda x: _core.gated(x, x, "silu"),
        "softmax": _core.softmax,
        "layer_norm": lambda x: _core.layer_norm(x, weight, bias, 1e-5),
        "rms_norm": lambda x: _core.rms_norm(x, weight, 1e-6),
        "l2_normalize": _core.l2_normalize,
    }


@pytest.mark.parametrize("width", [1, 7, 8, 33, 100, 384])
def test_rows_do_not_know_their_neighbours(rng, width):
    x = normal(rng, 40, width)
    for name, kernel in kernels_of_rows(rng, width).items():
        alone = np.concatenate([kernel(row[None]) for row in x])
        assert same_bits(kernel(x), alone), name


@pytest.mark.parametrize("width", [1, 7, 33, 384])
def test_strided_inputs_give_the_same_bits(rng, width):
    wide = normal(rng, 12, 2 * width)
    views = [wide[:, :width], wide[:, ::2], wide[::-1, :width], wide[:, :width].reshape(3, 4, -1)]
    for name, kernel in kernels_of_rows(rng, width).items():
        for view in views:
            out = kernel(view)
            assert out.flags.c_contiguous, name
            assert out.ctypes.data % 64 == 0, name
            assert same_bits(out, kernel(np.ascontiguousarray(view))), name


@pytest.mark.parametrize("width", [1040, 1041])
def test_results_that_no_cache_holds_have_the_same_bits(rng, width):
    x = normal(rng, 8100, width)
    assert x.nbytes > 32 << 20
    weight, bias = normal(rng, width), normal(rng, width)
    kernels = kernels_of_rows(rng, width) | {
        "add_layer_norm": lambda x: np.stack(_core.add_layer_norm(x, x, weight, bias, 1e-5)),
        "add_rms_norm": lambda x: np.stack(_core.add_rms_norm(x, x, weight, 1e-6)),
    }
    for name, kernel in kernels.items():
        parts = [kernel(x[first : first + 1000]) for first in range(0, len(x), 1000)]
        assert same_bits(kernel(x), np.concatenate(parts, axis=-2)), name


def test_norms_and_softmax_against_float64(rng):
    x, y = normal(rng, 9, 131) * 3 + 1, normal(rng, 9, 131)
    weight, bias = normal(rng, 131), normal(rng, 131)
    exact = x.astype(np.float64)
    centred = exact - exact.mean(-1, keepdims=True)
    layer = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * weight
    assert_close(_core.layer_norm(x, weight, None, 1e-5), layer)
    assert_close(_core.layer_norm(x, weight, bias, 1e-5), layer + bias)
    root = np.sqrt((exact**2).mean(-1, keepdims=True) + 1e-6)
    assert_close(_core.rms_norm(x, weight, 1e-6), exact / root * weight)
    power = np.exp(exact - exact.max(-1, keepdims=True))
    assert_close(_core.softmax(x), power / power.sum(-1, keepdims=True))
    assert_close(_core.l2_normalize(x), exact / np.linalg.norm(exact, axis=-1, keepdims=True))

    total, normed = _core.add_layer_norm(x, y, weight, bias, 1e-5)
    assert same_bits(total, _core.add(x, y))
    assert same_bits(normed, _core.layer_norm(total, weight, bias, 1e-5))
    total, normed = _core.add_rms_norm(x, y, weight, 1e-6)
    assert same_bits(total, _core.add(x, y))
    assert same_bits(normed, _core.rms_norm(total, weight, 1e-6))


def test_large_results_take_memory_that_was_given_back(rng):
    """Never that of a result, or of a view of one, which somebody still holds."""
    x = normal(rng, 1024, 512)
    view = _core.relu(x)[5:7]
    addresses = [_core.relu(x).ctypes.data for _ in range(5)]
    assert len(set(addresses)) == 1
    assert abs(view.ctypes.data - addresses[0]) >= x.nbytes
    assert same_bits(view, np.maximum(x[5:7], 0))


def test_special_values_stay_in_their_row(rng):
    x = normal(rng, 4, 20)
    x[1, 3], x[2, 5] = np.nan, -np.inf
    with np.errstate(invalid="ignore"):
        soft = _core.softmax(x)
    assert np.isnan(soft[1]).all()
    assert soft[2, 5] == 0
    assert np.isfinite(soft[[0, 2, 3]]).all()
    assert np.isnan(_core.softmax(np.full((1, 9), -np.inf, np.float32))).all()
    assert same_bits(_core.softmax(x[:, :0]), np.zeros((4, 0), np.float32))
    assert not _core.l2_normalize(np.zeros((2, 3), np.float32)).any()


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize(("size", "turned"), [(8, 8), (20, 12), (64, 64), (6, 0)])
def test_rope(rng, interleaved, size, turned):
    heads, rows, half = 3, 5, turned // 2
    x, angle = normal(rng, rows, heads * size), normal(rng, rows, half).astype(np.float64)
    cos, sin = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
    expected = x.astype(np.float64).reshape(rows, heads, size).copy()
    pairs = (
        np.arange(turned).reshape(half, 2) if interleaved else np.arange(turned).reshape(2, half).T
    )
    a, b = expected[..., pairs[:, 0]], expected[..., pairs[:, 1]]
    c, s = cos[:, None], sin[:, None]
    expected[..., pairs[:, 0]], expected[..., pairs[:, 1]] = a * c - b * s, b * c + a * s
    actual = _core.rope(x, cos, sin, heads, interleaved)
    assert_close(actual, expected.reshape(rows, -1))
    alone = np.concatenate(
        [
            _core.rope(x[i : i + 1], cos[i : i + 1], sin[i : i + 1], heads, interleaved)
            for i in range(rows)
        ]
    )
    assert same_bits(actual, alone)


def test_embedding_and_pool(rng):
    table, ids = normal(rng, 10, 33), np.array([3, 9, 0, 3])
    assert same_bits(_core.embedding(ids, table), table[ids])
    assert same_bits(_core.embedding(ids.reshape(2, 2)[:, ::-1], table), table[[[9, 3], [3, 0]]])
    starts = np.array([0, 1, 1, 10])
    expected = {
        "mean": [table[0], 0 * table[0], table[1:].astype(np.float64).mean(0)],
        "cls": [table[0], 0 * table[0], table[1]],
        "max": [table[0], 0 * table[0], table[1:].max(0)],
        "last": [table[0], 0 * table[0], table[9]],
        "mean_sqrt_len": [table[0], 0 * table[0], table[1:].astype(np.float64).sum(0) / 3],
        "weightedmean": [table[0], 0 * table[0], np.arange(1.0, 10) @ table[1:] / 45],
    }
    for kind in POOLINGS:
        pooled = _core.pool(table, starts, kind)
        assert_close(pooled, np.stack(expected[kind]))
        assert same_bits(pooled[2:], _core.pool(table[1:], np.array([0, 9]), kind))
    table[4, 2] = np.nan
    assert np.isnan(_core.pool(table, starts, "max")[2, 2])


def test_append_rows(rng):
    cache = np.zeros((3, 4, 5), np.float32)
    rows = normal(rng, 6, 10)[:, :5]
    _core.append_rows(cache, rows, np.array([0, 3, 3, 6]), np.array([0, 4, 1]))
    expected = np.zeros((3, 4, 5), np.float32)
    expected[0, :3], expected[2, 1:4] = rows[:3], rows[3:]
    assert same_bits(cache, expected)
    with pytest.raises(
        InputError, match="sentence 2: 3 rows behind 2 exceed the cache's capacity of 4"
    ):
        _core.append_rows(cache, rows, np.array([0, 3, 3, 6]), np.array([0, 4, 2]))
    assert same_bits(cache, expected)


# --- errors ---------------------------------------------------------------------------------------


def test_errors_say_what_was_expected(rng):
    x, weight = normal(rng, 2, 6), _core.pack(normal(rng, 3, 6))

    def refuses(message, call, *args, **options):
        with pytest.raises(InputError) as caught:
            call(*args, **options)
        assert str(caught.value) == message

    refuses(
        "[linear] expected x to be a NumPy array of float32, got dtype float64",
        _core.linear,
        x.astype(np.float64),
        weight,
    )
    refuses("[gelu] expected x to be a NumPy array of float32, got list", _core.gelu, [1.0])
    refuses(
        "[linear] expected x with a last axis of 6, got shape (2, 5)",
        _core.linear,
        x[:, :5],
        weight,
    )
    refuses("[linear] expected bias of shape (3,), got (6,)", _core.linear, x, weight, x[0].copy())
    refuses(
        "[linear] expected an activation among none, gelu, gelu_tanh, relu, silu, tanh, got swish",
        _core.linear,
        x,
        weight,
        None,
        "swish",
    )
    refuses(
        "[rms_norm] expected weight of shape (6,), got (3,)",
        _core.rms_norm,
        x,
        np.ones(3, np.float32),
        1e-6,
    )
    refuses(
        "[add] expected y of shape (2, 6) or a vector of its last axis, got (2, 5)",
        _core.add,
        x,
        x[:, :5],
    )
    refuses(
        "[embedding] id 7 at position 1 is outside a vocabulary of 2",
        _core.embedding,
        np.array([0, 7]),
        x,
    )
    refuses(
        "[embedding] id -1 at position 0 is outside a vocabulary of 2",
        _core.embedding,
        np.array([-1]),
        x,
    )
    refuses(
        "[embedding] expected ids to be a NumPy array of int64, got dtype int32",
        _core.embedding,
        np.array([0], np.int32),
        x,
    )
    refuses("[rows] id 3 at position 0 is outside a vocabulary of 3", weight.rows, np.array([3]))
    refuses(
        "[pool] expected starts to run from 0 to 2, got 0 to 3",
        _core.pool,
        x,
        np.array([0, 3]),
        "cls",
    )
    refuses("[pool] starts decreases at sentence 1", _core.pool, x, np.array([0, 3, 2]), "cls")
    kinds = ", ".join(POOLINGS)
    refuses(
        f"[pool] expected a kind among {kinds}, got min", _core.pool, x, np.array([0, 2]), "min"
    )
    whole = np.array([0, 2])
    refuses("[windows] expected an odd size, got 2", _core.windows, x, whole, 2)
    refuses("[windows] expected a stride of at least 1, got 0", _core.windows, x, whole, 3, 0)
    refuses("[threads] expected a number of threads >= 0, got -1", _core.gelu, x, threads=-1)
    refuses(
        "[pack] expected weight of float32 or float16, got dtype float64",
        _core.pack,
        x.astype(np.float64),
    )
