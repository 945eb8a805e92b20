"""Random calls of the kernels, right and wrong: shapes, memory layouts, threads.

Call number n is always the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator

from judge import difference
from quantized import int4_linear, int8_linear
from quatrain import _core
from quatrain.engines.reference import Reference
from quatrain.errors import InputError
from quatrain.layout import Packed
from quatrain.ops import POOLINGS
from quatrain.state import Remembered

Array = np.ndarray
Arrays = dict[str, Array]
#: A call: the operation's name, its arrays, its other arguments, and what gives the right result.
Call = tuple[str, Arrays, dict[str, Any], Callable[..., Any]]

REFERENCE = Reference(np.float64)


def size(random: Generator, most: int = 70) -> int:
    """Sizes that vectors, tiles and panels begin or end at, and any other; now and then none."""
    edges = [1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65]
    drawn = int(random.choice(edges)) if random.random() < 0.6 else int(random.integers(most))
    return min(drawn, most)


def floats(random: Generator, *shape: int) -> Array:
    return random.standard_normal(shape).astype(np.float32)


def some(random: Generator, most: int = 70) -> int:
    return max(size(random, most), 1)


def cut(random: Generator, total: int, parts: int) -> Array:
    """Where each of ``parts`` sentences begins and the last one ends; some are empty."""
    return np.sort([0, *random.integers(0, total + 1, max(parts - 1, 0)), total][: parts + 1])


# --- memory layouts -------------------------------------------------------------------------------


def laid_out(random: Generator, array: Array) -> Array:
    """The same values in memory of any layout, among others that would spoil every result."""
    if array.ndim == 0:
        return array
    poison = np.nan if array.dtype.kind == "f" else 2**40
    order = random.permutation(array.ndim)
    steps = [int(random.choice([1, 1, 1, -1, 2, -2, 3])) for _ in order]
    margins = [int(random.integers(3)) for _ in order]
    shape = [2 * m + n * abs(s) for n, s, m in zip(array.shape, steps, margins, strict=True)]
    offset = int(random.choice([0, 0, 1, 2])) if array.dtype.itemsize > 1 else 0
    count = int(np.prod([shape[axis] for axis in order], dtype=np.int64))
    memory = np.empty(count * array.itemsize + offset, np.uint8)
    wide = memory[offset:].view(array.dtype).reshape([shape[axis] for axis in order])
    wide = wide.transpose(np.argsort(order))
    wide[...] = poison
    cuts = zip(array.shape, steps, margins, strict=True)
    view = wide[tuple(slice(m, m + n * abs(s), abs(s)) for n, s, m in cuts)]
    view = view[tuple(slice(None, None, -1 if s < 0 else 1) for s in steps)]
    view[...] = array
    if len(array) > 1 and (array == array[:1]).all() and random.random() < 0.5:
        view = np.broadcast_to(view[:1], array.shape)
    view.flags.writeable = False
    return view


# --- calls ----------------------------------------------------------------------------------------


def rows_of(random: Generator, *last: int) -> Array:
    """An array of one to four axes, the last of which is given; often the same row again."""
    shape = [size(random, 12) for _ in range(random.integers(3))]
    array = floats(random, *shape, size(random), *last)
    return np.broadcast_to(array[..., :1, :], array.shape) if random.random() < 0.2 else array


def element_wise(random: Generator) -> Call:
    names = ("gelu", "gelu_tanh", "relu", "silu", "tanh", "sigmoid", "erf", "softmax")
    name = str(random.choice([*names, "l2_normalize", "exp", "rsqrt"]))
    x = rows_of(random, some(random, 300))
    if name == "exp":
        return name, {"x": x}, {}, lambda x: np.exp(x)
    if name == "rsqrt":
        return name, {"x": np.abs(x) + np.float32(0.01)}, {}, REFERENCE.rsqrt
    return name, {"x": x}, {}, getattr(REFERENCE, name)


def two_operands(random: Generator) -> Call:
    x = rows_of(random, some(random, 300))
    name = str(random.choice(["add", "mul", "gated"]))
    if name == "gated":
        activation = str(random.choice(["gelu", "gelu_tanh", "relu", "silu", "tanh"]))
        arrays = {"gate": x, "up": floats(random, *x.shape)}
        return name, arrays, {"activation": activation}, REFERENCE.gated
    y = floats(random, *x.shape[-1:]) if random.random() < 0.4 else floats(random, *x.shape)
    return name, {"x": x, "y": y}, {}, getattr(REFERENCE, name)


def norm(random: Generator) -> Call:
    x = rows_of(random, some(random, 300))
    name = str(random.choice(["layer_norm", "rms_norm"]))
    arrays = {"weight": floats(random, x.shape[-1])}
    if name == "layer_norm":
        arrays["bias"] = floats(random, x.shape[-1])
    plain = getattr(REFERENCE, name)
    if random.random() < 0.5:
        heads = {}
        if name == "rms_norm" and x.ndim == 2:
            heads = {"heads": some(random, 5)}
            x = np.tile(x, (1, heads["heads"]))
        return name, {"x": x, **arrays}, {"eps": 0.1, **heads}, plain
    y = floats(random, *x.shape)

    def added(x: Array, y: Array, **options: Any) -> tuple[Array, Array]:
        return x + y, plain(x + y, **options)

    return "add_" + name, {"x": x, "y": y, **arrays}, {"eps": 0.1}, added


def linear(random: Generator) -> Call:
    n, k = some(random), some(random, 300)
    weight = laid_out(random, floats(random, n, k))
    dtype = str(random.choice(["float32", "float16", "bfloat16", "int8", "int4"]))
    block, zero_points = int(random.choice([32, 128])), bool(random.integers(2))
    packed = _core.pack(weight, dtype, block=block, zero_points=zero_points)
    if random.random() < 0.3:
        packed = _core.PackedWeight.from_parts((n, k), dtype, packed.parts, block, zero_points)
    arrays = {"x": floats(random, size(random, 120), k)}
    if random.random() < 0.5:
        arrays["bias"] = floats(random, n)
    held = packed.rows(np.arange(n))  # what the half forms hold is judged by other tests

    def right(x: Array, weight: Any, bias: Array | None = None) -> Array:
        if dtype in ("int8", "int4"):  # exact: single operations of float32
            x = x.astype(np.float32)
            if dtype == "int8":
                exact = int8_linear(x, np.ascontiguousarray(original))
            else:
                exact = int4_linear(x, np.ascontiguousarray(original), block, zero_points)
            return exact if bias is None else exact + bias.astype(np.float32)
        return REFERENCE.linear(x, held.astype(np.float64), bias)

    original = weight
    return "linear", arrays, {"weight": packed}, right


def embedding(random: Generator) -> Call:
    table = floats(random, some(random), some(random))
    ids = random.integers(0, len(table), [size(random, 9) for _ in range(random.integers(3))])
    return "embedding", {"ids": ids, "weight": table}, {}, REFERENCE.embedding


def rope(random: Generator) -> Call:
    heads, half = some(random, 5), some(random, 20)
    x = floats(random, size(random), heads * (2 * half + size(random, 9)))
    arrays = {"x": x, "cos": floats(random, len(x), half), "sin": floats(random, len(x), half)}
    options = {"heads": heads, "interleaved": bool(random.integers(2))}
    return "rope", arrays, options, REFERENCE.rope


def rotary(random: Generator) -> Call:
    positions = random.integers(0, 3000, size(random))
    scale = float(random.choice([1.0, 0.5]))

    def right(positions: Array, inv_freq: Array, scale: float) -> tuple[Array, Array]:
        angle = np.outer(np.float32(positions), np.float32(inv_freq)).astype(np.float64)
        return scale * np.cos(angle), scale * np.sin(angle)

    arrays = {"positions": positions, "inv_freq": np.abs(floats(random, some(random)))}
    return "rotary", arrays, {"scale": scale}, right


def pool(random: Generator) -> Call:
    x = floats(random, size(random), some(random))
    starts = cut(random, len(x), some(random, 6))
    kind = str(random.choice(POOLINGS))

    def right(x: Array, starts: Array, kind: str) -> Array:
        out = np.zeros((len(starts) - 1, x.shape[1]))
        for b in np.flatnonzero(np.diff(starts)):
            one = x[starts[b] : starts[b + 1]]
            out[b] = REFERENCE.pool(one, Packed.of([len(one)]), kind=kind)[0]
        return out

    return "pool", {"x": x, "starts": starts}, {"kind": kind}, right


def windows(random: Generator) -> Call:
    x = floats(random, size(random), some(random))
    starts = cut(random, len(x), some(random, 6))
    others = {"size": 2 * int(random.integers(0, 4)) + 1, "stride": some(random, 4)}

    def right(x: Array, starts: Array, size: int, stride: int) -> Array:
        made = [np.zeros((0, size * x.shape[1]))]
        for begin, end in itertools.pairwise(starts):
            rows = np.pad(x[begin:end], ((size // 2, size // 2), (0, 0)))
            firsts = range(0, end - begin, stride)
            made += [rows[i : i + size].reshape(1, -1) for i in firsts]
        return np.concatenate(made)

    return "windows", {"x": x, "starts": starts}, others, right


def append_rows(random: Generator) -> Call:
    batch, capacity, width = some(random, 6), size(random, 9), size(random, 20)
    past = random.integers(0, capacity + 1, batch)
    lengths = np.array([random.integers(0, capacity - n + 1) for n in past])
    starts = np.concatenate([[0], np.cumsum(lengths)])

    def right(cache: Array, rows: Array, starts: Array, past: Array) -> Array:
        for b, n in enumerate(lengths):
            cache[b, past[b] : past[b] + n] = rows[starts[b] : starts[b + 1]]
        return cache

    arrays = {
        "cache": floats(random, batch, capacity, width),
        "rows": floats(random, int(starts[-1]), width),
        "starts": starts,
        "past": past,
    }
    return "append_rows", arrays, {}, right


def attention(random: Generator) -> Call:
    """Sentences whose keys are any of those of a source, in any order, and some of them shared."""
    kv_heads, group = some(random, 3), some(random, 3)
    heads, key_size, value_size = kv_heads * group, some(random, 40), some(random, 40)
    batch, sources = some(random, 5), some(random, 4)
    q_start = cut(random, size(random, 40), batch)
    source = Packed.of(np.diff(cut(random, size(random, 700), sources)))
    index = random.integers(0, sources, batch)
    lengths, past = np.diff(q_start), random.integers(0, 300, batch)
    arrays = {
        "q": floats(random, int(q_start[-1]), heads * key_size),
        "k_rows": floats(random, int(source.starts[-1]), kv_heads * key_size),
        "v_rows": floats(random, int(source.starts[-1]), kv_heads * value_size),
        "q_start": q_start,
        "k_start": source.starts[index],
        "k_length": source.lengths[index],
        "past": past,
    }
    options: dict[str, Any] = {
        "heads": heads,
        "kv_heads": kv_heads,
        "scale": key_size**-0.5,
        "causal": bool(random.integers(2)),
        "window": None if random.random() < 0.6 else some(random, 400),
        "softcap": None if random.random() < 0.7 else 4.0,
    }
    if random.random() < 0.4:
        wide = heads if random.random() < 0.5 else 1
        options["bias"] = [
            laid_out(random, floats(random, wide, int(n), int(s)))
            for n, s in zip(lengths, source.lengths[index], strict=True)
        ]
    if random.random() < 0.3:
        options["sinks"] = laid_out(random, floats(random, heads))
    name = str(random.choice(["attention", "attention", "attention_weights"]))
    if name == "attention_weights":
        del arrays["v_rows"]

    def right(q: Array, k_rows: Array, v_rows: Array | None = None, **options: Any) -> Any:
        values = np.zeros((len(k_rows), kv_heads)) if v_rows is None else v_rows
        for where in ("q_start", "k_start", "k_length", "past"):
            del options[where]
        keep: dict[str, list[Array]] = {}
        slot = Remembered(index, k_rows, values, source)
        layout = Packed(lengths, past)
        out = REFERENCE.attention(q, None, None, layout, **options, slot=slot, keep=keep)
        return out if v_rows is not None else (*keep["scores"], *keep["weights"])

    return name, arrays, options, right


CALLS = (
    *(element_wise, two_operands, norm, linear, linear, embedding, rope, rotary, pool, windows),
    *(append_rows, attention, attention, attention),
)


def results(name: str, arrays: Arrays, others: dict[str, Any], threads: int) -> list[Array]:
    """What an operation gives, as one list; of ``append_rows`` the cache."""
    made = getattr(_core, name)(**arrays, **others, threads=threads)
    if name == "append_rows":
        return [arrays["cache"]]
    if name == "attention_weights":
        return [*made[0], *made[1]]
    return list(made) if isinstance(made, tuple) else [made]


def check_call(number: int) -> None:
    """A call gives what the reference gives, and the same bits from any memory, on any threads."""
    random = np.random.default_rng([number, 1])
    name, arrays, others, right = CALLS[random.integers(len(CALLS))](random)
    exact = {key: array.astype(np.float64) for key, array in arrays.items()}
    exact |= {key: array for key, array in arrays.items() if array.dtype.kind != "f"}
    with np.errstate(all="ignore"):
        want = right(**exact, **others)
    want = list(want) if isinstance(want, tuple) else [want]

    def copies() -> Arrays:
        return {key: array.copy() for key, array in arrays.items()}

    got = results(name, copies(), others, 1)
    assert len(got) == len(want), (name, len(got), len(want))
    for a, b in zip(got, want, strict=True):
        far = difference(a, b)
        assert far <= 2e-6, (name, far, a.shape, others)
    for threads in (1, int(random.choice([2, 3, 5, 2**31 - 1]))):
        moved = {
            key: array if key == "cache" else laid_out(random, array)
            for key, array in copies().items()
        }
        again = results(name, moved, others, threads)
        for a, b in zip(again, got, strict=True):
            assert a.tobytes() == b.tobytes(), (name, threads, others)


# --- wrong calls ----------------------------------------------------------------------------------

NUMBERS = [-1, 0, 2, 7, 255, 2**31 - 1, 2**31, 2**32, 2**40, 2**62, 2**63 - 1, -(2**31), -(2**63)]


def spoiled(random: Generator, array: Array) -> Any:
    """Something else in an array's place."""
    axis = int(random.integers(max(array.ndim, 1)))
    ways: list[Callable[[], Any]] = [
        lambda: array[None],
        lambda: array[0],
        lambda: array[..., :-1],
        lambda: np.concatenate([array, array], axis),
        lambda: np.moveaxis(array, axis, 0),
        lambda: array.reshape(-1),
        lambda: array[:0],
        lambda: array.astype(random.choice(["f2", "f8", "i4", "u8", ">f4", ">i8", "c8", "?", "O"])),
        lambda: None,
        lambda: array.tolist(),
        lambda: np.broadcast_to(array[:1], (2**40, *array.shape[1:])),
        lambda: np.zeros((0, 2**60), array.dtype),
        lambda: np.zeros((3, 0), array.dtype),
    ]
    if array.dtype.kind == "i":
        ways += [lambda: np.where(random.random(array.shape) < 0.5, random.choice(NUMBERS), array)]
    else:
        odd = [np.nan, np.inf, -np.inf, 3e38, 1e-45]
        ways += [lambda: np.where(random.random(array.shape) < 0.1, *odd_and(random, odd, array))]
    try:
        return ways[random.integers(len(ways))]()
    except (IndexError, ValueError):  # an axis that there is not
        return array


def odd_and(random: Generator, odd: list[float], array: Array) -> tuple[Any, Array]:
    return np.float32(random.choice(odd)), array


def check_wrong_call(number: int) -> None:
    """With one argument spoiled there is a result, or an error that says what is wrong."""
    random = np.random.default_rng([number, 2])
    name, arrays, others, _ = CALLS[random.integers(len(CALLS))](random)
    numbers = [key for key, value in others.items() if type(value) in (int, float, bool)]
    if numbers and random.random() < 0.3:
        others[str(random.choice(numbers))] = int(random.choice(NUMBERS))
    else:
        key = str(random.choice(list(arrays)))
        arrays[key] = spoiled(random, arrays[key])
    try:
        results(name, arrays, others, int(random.choice([1, 2])))
    except InputError as error:
        if not str(error).startswith(f"[{name}] "):
            raise
    except TypeError as error:  # a number where none can stand
        if "incompatible function arguments" not in str(error):
            raise
    except MemoryError:
        pass
