"""What kernels are given: any memory layout is read right, anything else is refused by name.

Every operation is called with every kind of wrong argument, one at a time.
"""

import numpy as np
import pytest

from quatrain import _core
from quatrain.errors import InputError


def floats(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def ints(*values):
    return np.array(values, np.int64)


WEIGHT = _core.pack(floats(5, 12))

#: Operation -> its array arguments by name and its other ones.
CALLS = {
    "add": ({"x": floats(6, 12), "y": floats(6, 12, seed=1)}, {}),
    "mul": ({"x": floats(6, 12), "y": floats(12)}, {}),
    "gated": ({"gate": floats(6, 12), "up": floats(6, 12, seed=1)}, {"activation": "silu"}),
    "layer_norm": ({"x": floats(6, 12), "weight": floats(12), "bias": floats(12)}, {"eps": 1e-5}),
    "rms_norm": ({"x": floats(6, 12), "weight": floats(12)}, {"eps": 1e-5}),
    "add_layer_norm": (
        {"x": floats(6, 12), "y": floats(6, 12), "weight": floats(12), "bias": floats(12)},
        {"eps": 1e-5},
    ),
    "add_rms_norm": (
        {"x": floats(6, 12), "y": floats(6, 12), "weight": floats(12)},
        {"eps": 1e-5},
    ),
    "embedding": ({"ids": ints(3, 0, 5), "weight": floats(6, 12)}, {}),
    "rope": (
        {"x": floats(6, 12), "cos": floats(6, 2), "sin": floats(6, 2)},
        {"heads": 3, "interleaved": False},
    ),
    "rotary": ({"positions": ints(3, 0, 900), "inv_freq": floats(6)}, {"scale": 0.5}),
    "linear": ({"x": floats(6, 12), "bias": floats(5)}, {"weight": WEIGHT}),
    "pool": ({"x": floats(6, 12), "starts": ints(0, 2, 2, 6)}, {"kind": "mean"}),
    "windows": ({"x": floats(6, 12), "starts": ints(0, 2, 2, 6)}, {"size": 3, "stride": 2}),
    "attention": (
        {
            "q": floats(6, 12),
            "k_rows": floats(8, 12, seed=1),
            "v_rows": floats(8, 9, seed=2),
            "q_start": ints(0, 2, 6),
            "k_start": ints(5, 0),
            "k_length": ints(3, 5),
            "past": ints(1, 0),
        },
        {"heads": 3, "kv_heads": 3, "scale": 0.5, "causal": True},
    ),
    "append_rows": (
        {
            "cache": np.zeros((2, 4, 12), np.float32),
            "rows": floats(6, 12),
            "starts": ints(0, 2, 6),
            "past": ints(1, 0),
        },
        {},
    ),
    **{
        name: ({"x": floats(6, 12)}, {})
        for name in ("gelu", "gelu_tanh", "relu", "silu", "tanh", "sigmoid", "erf", "exp", "rsqrt")
    },
    "softmax": ({"x": floats(6, 12)}, {}),
    "l2_normalize": ({"x": floats(6, 12)}, {}),
}
ARGUMENTS = [(op, name) for op, (arrays, _) in CALLS.items() for name in arrays]
INPUTS = [(op, name) for op, name in ARGUMENTS if name != "cache"]


def call(op, **changed):
    """The results of an operation, among them the cache that it writes to."""
    arrays, others = CALLS[op]
    given = {name: array.copy() for name, array in arrays.items()} | changed
    with np.errstate(invalid="ignore"):
        result = getattr(_core, op)(**given, **others)
    found = result if isinstance(result, tuple) else (result,)
    return [given["cache"]] if result is None else list(found)


def spread(array):
    """The same values, with others between them."""
    wide = np.full([2 * n for n in array.shape], 99, array.dtype)
    view = wide[tuple(slice(None, None, 2) for _ in array.shape)]
    view[...] = array
    return view


def reversed_(array):
    backwards = tuple(slice(None, None, -1) for _ in array.shape)
    return array[backwards].copy()[backwards]


def part_of_rows(array):
    wide = np.full((*array.shape[:-1], array.shape[-1] + 3), 99, array.dtype)
    wide[..., :-3] = array
    return wide[..., :-3]


def misaligned(array):
    memory = np.zeros(array.nbytes + 1, np.uint8)
    view = memory[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def fortran(array):
    return np.asfortranarray(array)


LAYOUTS = [spread, reversed_, part_of_rows, misaligned, read_only, fortran]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("op", "name"), INPUTS, ids="-".join)
def test_any_memory_layout_is_read(op, name, layout):
    expected = call(op)
    view = layout(CALLS[op][0][name])
    before = view.copy()
    found = call(op, **{name: view})
    assert all(a.tobytes() == b.tobytes() for a, b in zip(found, expected, strict=True))
    assert np.array_equal(view, before)


def test_an_empty_array_has_its_shape_whatever_its_strides():
    for shape in ((0, 3, 12), (3, 0, 12)):
        x = np.zeros((9, 9, 24), np.float32)[: shape[0], : shape[1], ::2].swapaxes(0, 1)
        assert _core.rms_norm(x[::-2], floats(12), 1e-5).shape == x[::-2].shape


@pytest.mark.parametrize("op", [op for op in CALLS if "x" in CALLS[op][0]])
def test_rows_may_be_one_row_many_times(op):
    row = floats(12)
    found = call(op, x=np.broadcast_to(row, (6, 12)))
    expected = call(op, x=np.stack([row] * 6))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(found, expected, strict=True))


WRONG = {
    "a list": lambda array: array.tolist(),
    "another type": lambda array: array.astype(np.float16 if array.dtype.kind == "f" else np.int32),
    "a wider type": lambda array: array.astype(
        np.float64 if array.dtype.kind == "f" else np.uint64
    ),
    "another byte order": lambda array: array.astype(array.dtype.newbyteorder()),
    "complex numbers": lambda array: array.astype(np.complex64),
    "nothing": lambda array: None,
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize(("op", "name"), ARGUMENTS, ids="-".join)
def test_what_is_no_array_of_the_type_is_refused_by_name(op, name, wrong):
    if name == "bias" and wrong == "nothing":
        return  # an optional argument
    value = WRONG[wrong](CALLS[op][0][name])
    found = f"dtype {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
    kind = "float32" if CALLS[op][0][name].dtype.kind == "f" else "int64"
    with pytest.raises(InputError) as caught:
        call(op, **{name: value})
    message = f"[{op}] expected {name} to be a NumPy array of {kind}, got {found}"
    assert str(caught.value) == message


SHAPES = {
    "an axis more": lambda array: array[None],
    "an axis less": lambda array: array[0],
    "a row more": lambda array: np.concatenate([array, array[-1:]]),
    "a column less": lambda array: array[..., :-1],
}


@pytest.mark.parametrize("change", SHAPES)
@pytest.mark.parametrize(("op", "name"), ARGUMENTS, ids="-".join)
def test_a_wrong_shape_is_refused_or_gives_its_own_result(op, name, change):
    """Never anything in between: an error of the operation, or finite values."""
    refused = None
    try:
        found = call(op, **{name: SHAPES[change](CALLS[op][0][name])})
    except InputError as error:
        refused = str(error)
    if refused is None:
        assert op == "rsqrt" or all(np.isfinite(array).all() for array in found)
    else:
        assert refused.startswith(f"[{op}] ")
        assert any(word in refused for word in ("expected", "outside", "exceed", "decreases"))


def test_a_target_is_refused_unless_it_can_be_written_in_place():
    cache, rows = np.zeros((2, 4, 12), np.float32), floats(6, 12)
    strided = np.zeros((2, 4, 24), np.float32)[..., ::2]
    flat = cache.reshape(8, 12)
    for given, message in (
        (
            {"cache": strided},
            "expected cache to be C-contiguous and aligned, got strides (384, 96, 8)",
        ),
        ({"cache": misaligned(cache)}, "expected cache to be C-contiguous and aligned"),
        ({"cache": read_only(cache)}, "expected cache to be writable, got a read-only array"),
        ({"cache": cache[0]}, "expected cache of shape (B, C, W), got (4, 12)"),
        ({"cache": cache, "rows": flat[1:7]}, "expected rows in memory of its own"),
        ({"cache": cache[:1], "rows": flat[3:4], "starts": ints(0, 1), "past": ints(0)}, "own"),
        ({"cache": cache, "rows": rows[:, :5]}, "expected rows of shape (N, 12), got (6, 5)"),
        ({"past": ints(1, -1)}, "expected past >= 0, got -1 for sentence 1"),
        ({"past": ints(1, 2**62)}, "sentence 1: 4 rows behind 4611686018427387904 exceed"),
        ({"starts": ints(0, 7, 6)}, "starts decreases at sentence 1"),
        ({"starts": ints(0, -3, 6)}, "starts decreases at sentence 0"),
    ):
        with pytest.raises(InputError) as caught:
            call("append_rows", **given)
        assert str(caught.value).startswith("[append_rows] ")
        assert message in str(caught.value)
    assert not cache.any()
    call("append_rows", cache=cache[:1], rows=flat[4:6], starts=ints(0, 2), past=ints(2))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"k_start": ints(6, 0)}, "keys 6 to 6 + 3 of sentence 0 are outside the 8 rows of k"),
        ({"k_start": ints(-1, 0)}, "keys -1 to -1 + 3"),
        ({"k_length": ints(3, -1)}, "keys 0 to 0 + -1 of sentence 1"),
        ({"k_start": ints(2**63 - 1, 0)}, "keys 9223372036854775807"),
        ({"k_length": ints(3, 2**63 - 1)}, "of sentence 1 are outside"),
        ({"past": ints(-1, 0)}, "expected past in [0, 2^31) for sentence 0, got -1"),
        ({"past": ints(0, 2**31)}, "for sentence 1, got 2147483648"),
        ({"q_start": ints(0, 2, 5)}, "expected q_start to run from 0 to 6, got 0 to 5"),
        ({"q_start": ints(0, 7, 6)}, "q_start decreases at sentence 1"),
        ({"q_start": ints(6)}, "expected q_start to run from 0 to 6, got 6 to 6"),
        ({"q": floats(6, 9)}, "expected keys of the queries' size 3, got 4"),
        (
            {"v_rows": floats(8, 10)},
            "expected v to have a positive multiple of kv_heads = 3 columns",
        ),
        ({"v_rows": floats(7, 9)}, "expected 8 rows of v, as of k, got 7"),
        ({"heads": 0}, "expected heads to be a multiple of kv_heads, got 0 and 3"),
        ({"kv_heads": 0}, "expected heads to be a multiple of kv_heads, got 3 and 0"),
        ({"heads": -3, "kv_heads": -3}, "expected heads to be a multiple of kv_heads"),
        ({"window": 0}, "expected window >= 1 or None, got 0"),
        ({"window": -(2**62)}, "expected window >= 1 or None"),
        ({"softcap": 0.0}, "expected softcap > 0 or None, got 0"),
        ({"softcap": float("nan")}, "expected softcap > 0 or None, got nan"),
        ({"bias": []}, "expected 2 biases, one per sentence, got 0"),
        ({"bias": [floats(3, 2, 3), floats(3, 4, 4)]}, "bias of sentence 1 of shape (3, 4, 5)"),
        ({"bias": [floats(2, 2, 3), floats(3, 4, 5)]}, "bias of sentence 0 of shape (3, 2, 3)"),
        ({"bias": [floats(3, 2, 3), None]}, "expected bias to be a NumPy array of float32"),
    ],
    ids=str,
)
def test_attention_reads_nothing_outside_its_arrays(changed, message):
    arrays, others = CALLS["attention"]
    with pytest.raises(InputError) as caught:
        _core.attention(**arrays | others | changed)
    assert str(caught.value).startswith("[attention] ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"heads": 5}, "expected x of heads = 5 equal parts, got shape (6, 12)"),
        ({"heads": 0}, "expected x of heads = 0 equal parts"),
        ({"heads": -3}, "expected x of heads = -3 equal parts"),
        ({"sin": floats(6, 1)}, "expected sin of shape (6, 2), got (6, 1)"),
        ({"cos": floats(5, 2), "sin": floats(5, 2)}, "a row of cos for each of 6 rows of x"),
        ({"cos": floats(6, 3), "sin": floats(6, 3)}, "turns more than a head's 4 values"),
    ],
    ids=str,
)
def test_rope_turns_nothing_outside_a_head(changed, message):
    arrays, others = CALLS["rope"]
    with pytest.raises(InputError) as caught:
        _core.rope(**arrays | others | changed)
    assert str(caught.value).startswith("[rope] ")
    assert message in str(caught.value)


@pytest.mark.parametrize("threads", [2**31 - 1, 257, 0])
@pytest.mark.parametrize("op", CALLS)
def test_any_number_of_threads_may_be_asked_for(op, threads):
    arrays, others = CALLS[op]
    found = call(op)
    given = {name: array.copy() for name, array in arrays.items()}
    result = getattr(_core, op)(**given, **others, threads=threads)
    again = [given["cache"]] if result is None else [result]
    if not isinstance(result, tuple):
        assert all(a.tobytes() == b.tobytes() for a, b in zip(again, found, strict=True))
    with pytest.raises(InputError, match=r"\[threads\] expected a number of threads >= 0, got -1"):
        getattr(_core, op)(**arrays, **others, threads=-1)


class Liar(np.ndarray):
    """Its copies are of another size."""

    def copy(self, order="C"):
        return np.zeros((3, 2), self.dtype)


@pytest.mark.parametrize(("op", "name"), INPUTS, ids="-".join)
def test_what_a_subclass_says_of_itself_is_not_believed(op, name):
    expected = call(op)
    view = spread(CALLS[op][0][name]).view(Liar)
    found = call(op, **{name: view})
    assert all(a.tobytes() == b.tobytes() for a, b in zip(found, expected, strict=True))
    assert not any(isinstance(array, Liar) for array in found)
