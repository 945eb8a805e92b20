"""Accuracy of the vectorised functions against float64, over the whole range of float32."""

import math

import numpy as np
import pytest

from quatrain import _core

EDGES = np.array(
    [
        0,
        -0.0,
        1e-45,
        -1e-45,
        1e-38,
        1,
        -1,
        0.62,
        0.92,
        4,
        10,
        87,
        88.72,
        88.73,
        -87.4,
        -103,
        -104,
        3e38,
    ],
    np.float32,
)


@pytest.fixture(scope="module")
def everywhere():
    """Every 50,021st float32, a fine grid where things happen, and edges."""
    bits = np.arange(0, 2**32, 50021, dtype=np.uint64).astype(np.uint32).view(np.float32)
    grid = np.linspace(-20, 20, 100_001, dtype=np.float32)
    return np.concatenate([bits[np.isfinite(bits)], grid, EDGES])


def ulps(actual, exact):
    """Distance in units in the last place of the exact value; subnormal results count as such."""
    with np.errstate(over="ignore", under="ignore"):
        rounded = np.asarray(exact, np.float64).astype(np.float32)
    finite = np.isfinite(rounded)
    assert np.array_equal(actual[~finite], rounded[~finite], equal_nan=True)
    unit = np.spacing(np.abs(rounded[finite])).astype(np.float64)
    return (np.abs(actual[finite] - exact[finite]) / unit).max()


def exact_erf(x):
    return np.array([math.erf(v) for v in x.tolist()])


EXACT = {
    "exp": (np.exp, 2),
    "tanh": (np.tanh, 2),
    "erf": (exact_erf, 2),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 2),
}


@pytest.mark.parametrize("name", EXACT)
def test_within_ulps(everywhere, name):
    function, bound = EXACT[name]
    x = np.abs(everywhere) if name == "rsqrt" else everywhere
    with np.errstate(all="ignore"):
        exact = function(x.astype(np.float64))
        assert ulps(getattr(_core, name)(x), exact) <= bound


def test_weights_of_a_softmax():
    """Beside a much larger weight the sum is 1, and a weight is its exponential."""
    x = np.linspace(-87.3, -17.4, 100_001, dtype=np.float32)
    weights = _core.softmax(np.stack([np.zeros_like(x), x], axis=1))
    assert (weights[:, 0] == 1).all()
    assert ulps(weights[:, 1], np.exp(x.astype(np.float64))) <= 3


def test_sigmoid_and_silu(everywhere):
    x = everywhere[np.abs(everywhere) < 80]
    exact = 1 / (1 + np.exp(-x.astype(np.float64)))
    assert ulps(_core.sigmoid(x), exact) <= 4
    assert ulps(_core.silu(x), x * exact) <= 4


def test_gelu(everywhere):
    x = everywhere[np.abs(everywhere) < 30]
    wide = x.astype(np.float64)
    exact = wide / 2 * (1 + exact_erf(wide / math.sqrt(2)))
    tanh = wide / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (wide + 0.044715 * wide**3)))
    for low, high in ((0, 1), (0, 6), (0, 30)):
        part = (low <= np.abs(x)) & (np.abs(x) <= high)
        for actual, expected in ((_core.gelu(x), exact), (_core.gelu_tanh(x), tanh)):
            error = np.abs(actual - expected)[part].max()
            assert error <= 1e-6 * np.abs(expected[part]).max()


def test_gelu_keeps_its_digits_where_it_is_tiny():
    x = np.linspace(-5.5, 0, 100_001, dtype=np.float32)[:-1]
    exact = np.array([v / 2 * math.erfc(-v / math.sqrt(2)) for v in x.tolist()])
    assert (np.abs(_core.gelu(x) - exact) / np.abs(exact)).max() <= 1e-5


def test_special_values():
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0], np.float32)
    # a NaN whose payload could be taken for an exponent
    x = np.append(x, np.array([0x7FC00001, 0xFFFFFFFF], np.uint32).view(np.float32))
    expected = {
        "exp": [np.nan, np.inf, 0, 1, 1, np.nan, np.nan],
        "tanh": [np.nan, 1, -1, 0, -0.0, np.nan, np.nan],
        "erf": [np.nan, 1, -1, 0, -0.0, np.nan, np.nan],
        "sigmoid": [np.nan, 1, 0, 0.5, 0.5, np.nan, np.nan],
        "relu": [np.nan, np.inf, 0, 0, 0, np.nan, np.nan],
        "rsqrt": [np.nan, 0, np.nan, np.inf, -np.inf, np.nan, np.nan],
        "gelu": [np.nan, np.inf, np.nan, 0, 0, np.nan, np.nan],
        "silu": [np.nan, np.inf, np.nan, 0, 0, np.nan, np.nan],
    }
    for name, values in expected.items():
        actual = getattr(_core, name)(x)
        assert np.array_equal(actual, np.array(values, np.float32), equal_nan=True), name
    signs = np.signbit(np.stack([_core.tanh(x), _core.erf(x)]))[:, 3:5]
    assert signs.tolist() == [[False, True]] * 2
    assert np.isnan(_core.softmax(x[None, [3, 5]])).all()


def test_position_in_the_array_does_not_matter():
    x = np.random.default_rng(5).standard_normal(67).astype(np.float32) * 4
    for name in ("exp", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid", "erf"):
        kernel = getattr(_core, name)
        whole = kernel(x)
        for start in range(16):
            assert kernel(x[start:].copy()).tobytes() == whole[start:].tobytes(), name
