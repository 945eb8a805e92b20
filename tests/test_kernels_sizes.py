"""Sizes beyond 2^31 values, beyond memory, and beyond what a size can say."""

import time

import numpy as np
import pytest

from quatrain import _core
from quatrain.errors import InputError
from test_kernels_input import floats, ints

ROWS, STEP = 2**25 + 7, 2**24


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """More than 2^31 values, in a sparse file: only the last rows of each quarter hold any."""
    path = tmp_path_factory.mktemp("large") / "sparse"
    table = np.memmap(path, np.float32, "w+", shape=(ROWS, 80))
    for row in (ROWS - 2, ROWS - 1, ROWS - 1 - STEP):
        table[row] = floats(80, seed=row)
    yield table
    path.unlink()


ROW_WISE = {
    name: getattr(_core, name)
    for name in ("gelu", "relu", "exp", "sigmoid", "softmax", "l2_normalize")
} | {
    "add": lambda x: _core.add(x, x),
    "mul": lambda x: _core.mul(x, floats(80)),
    "gated": lambda x: _core.gated(x, x, "gelu"),
    "layer_norm": lambda x: _core.layer_norm(x, floats(80), None, 1e-5),
    "rms_norm": lambda x: _core.rms_norm(x, floats(80), 1e-5),
    "add_layer_norm": lambda x: _core.add_layer_norm(x, x, floats(80), floats(80), 1e-5)[1],
    "add_rms_norm": lambda x: _core.add_rms_norm(x, x, floats(80), 1e-5)[1],
    "linear": lambda x: _core.linear(x, _core.pack(floats(3, 80))),
    "rope": lambda x: _core.rope(x, floats(3, 20), floats(3, 20), 2, True),
}


@pytest.mark.parametrize("op", ROW_WISE)
def test_rows_may_lie_more_than_two_to_the_31_values_apart(table, op):
    rows = table[ROWS - 1 - 2 * STEP :: STEP]
    assert (len(rows) - 1) * STEP * 80 > 2**31
    assert ROW_WISE[op](rows).tobytes() == ROW_WISE[op](rows.copy()).tobytes()


def test_large_tables_are_read_and_written_to_their_end(table):
    assert np.array_equal(_core.embedding(ints(ROWS - 1, 0), table), table[[-1, 0]])
    ends = _core.pool(table, ints(0, ROWS - 1, ROWS), "last")
    assert np.array_equal(ends, table[[-2, -1]])
    q, last = floats(1, 80), ints(ROWS - 2)
    options = {"heads": 2, "kv_heads": 2, "scale": 0.3, "causal": False}
    found = _core.attention(q, table, table, ints(0, 1), last, ints(2), ints(0), **options)
    keys = table[-2:].copy()
    same = _core.attention(q, keys, keys, ints(0, 1), ints(0), ints(2), ints(0), **options)
    assert found.tobytes() == same.tobytes()
    _core.append_rows(table[None], floats(1, 80), ints(0, 1), ints(ROWS - 1))
    assert np.array_equal(table[-1], floats(1, 80)[0])


@pytest.mark.parametrize("op", [op for op in ROW_WISE if op not in ("linear", "rope")])
def test_rows_without_columns_take_no_time(op, monkeypatch):
    """Billions of them: a loop over rows that do nothing would be felt."""
    monkeypatch.setitem(globals(), "floats", lambda *shape, **_: np.zeros(0, np.float32))
    begun = time.process_time()
    assert ROW_WISE[op](np.zeros((2**40, 0), np.float32)).shape == (2**40, 0)
    assert time.process_time() - begun < 1


def test_sizes_that_overflow_are_refused():
    nothing, one = np.zeros((2, 0), np.float32), ints(0)
    for heads, values in ((2**62, floats(2, 4)), (2**61 - 1, nothing)):
        where = (ints(0, 2), one, ints(2), one)
        options = {"heads": heads, "kv_heads": 1, "scale": 1.0, "causal": False}
        with pytest.raises(InputError, match=f"a positive multiple of heads = {heads} columns"):
            _core.attention(nothing, nothing, values, *where, **options)
        with pytest.raises(InputError, match=f"a positive multiple of heads = {heads} columns"):
            _core.attention_weights(nothing, nothing, *where, **options)
    wide = np.zeros((0, 2**60), np.float32)
    with pytest.raises(InputError, match="expected an output that memory can hold"):
        _core.attention(
            wide, wide[:, :1], wide, ints(0), one[:0], one[:0], one[:0],
            heads=2**60, kv_heads=1, scale=1.0, causal=False,
        )  # fmt: skip
    many = np.broadcast_to(np.float32(1), (2**60, 1))
    for dtype in ("float32", "float16", "bfloat16", "int8", "int4"):
        with pytest.raises(InputError, match=f"expected N from 0 to {2**29}, got {2**60}"):
            _core.pack(many, dtype)
    with pytest.raises(MemoryError):  # of bytes, 2^64 - 8
        _core.embedding(ints(0, 0), np.zeros((0, 2**61 - 1), np.float32))


def test_results_that_no_memory_holds_are_refused():
    """Beyond any address space, or beyond what a size can say."""
    one = np.zeros((1, 1), np.float32)
    many = np.broadcast_to(one, (2**40, 2**20))
    packed = _core.pack(np.zeros((2**22, 1), np.float32))
    weight = np.zeros(2**20, np.float32)
    for result in (
        lambda: _core.relu(many),
        lambda: _core.add_rms_norm(many, many, weight, 1e-5),
        lambda: _core.linear(many[:, :1], packed),
    ):
        with pytest.raises(MemoryError):
            result()
