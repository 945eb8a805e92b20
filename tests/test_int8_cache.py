"""Keys and values held as int8: their numbers, attention to them, and generation from them."""

import numpy as np
import pytest

import quatrain
from checkpoints import write
from quatrain import _core
from quatrain.cache_rows import dequantized, quantized
from quatrain.engines.native import Native
from quatrain.engines.reference import Reference
from quatrain.errors import EngineError, InputError
from quatrain.tasks.memory import forecast
from test_kernels_attention import OPTIONS, SIZES, ints, normal, reference, same_bits

INT8 = np.dtype(np.int8)


@pytest.fixture
def rng():
    return np.random.default_rng(21)


def appended(rows, heads):
    """Rows as the kernel makes them int8."""
    width = rows.shape[1] + 4 * heads
    cache = np.full((1, len(rows) + 2, width), 77, np.int8)
    _core.append_rows(cache, rows, ints(0, len(rows)), ints(1), heads=heads)
    assert (cache[0, 0] == 77).all()
    assert (cache[0, -1] == 77).all()
    return cache[0, 1:-1]


@pytest.mark.parametrize(("heads", "size"), [(1, 1), (3, 7), (2, 16), (4, 33), (12, 64)])
def test_rows_are_quantised_as_specified(rng, heads, size):
    scales = np.float32(10) ** rng.integers(-44, 38, (40, 1))
    rows = (normal(rng, 40, heads * size) * scales).astype(np.float32)
    rows[0] = 0
    rows[1] = -0.0
    rows[2, :size] = np.float32(1e-45) * np.arange(size)  # the scale is rounded to nearly nothing
    rows[3] = np.finfo(np.float32).max
    assert same_bits(appended(rows, heads), quantized(rows, heads))
    numbers = dequantized(quantized(rows, heads), heads, np.dtype(np.float64))
    heads_of = rows[4:].reshape(-1, size).astype(np.float64)
    error = np.abs(numbers[4:].reshape(-1, size) - heads_of).max(1)
    top = np.abs(heads_of).max(1)
    normal_range = top > 1e-35
    assert (error <= 0.5001 * top / 127)[normal_range].all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_head_that_is_not_finite_is_nan(rng, value):
    rows = normal(rng, 5, 2 * 20)
    rows[2, 33] = value
    for made in (appended(rows, 2), quantized(rows, 2)):
        numbers = dequantized(made, 2, np.dtype(np.float32)).reshape(5, 2, 20)
        assert np.isnan(numbers[2, 1]).all()
        assert np.isfinite(np.delete(numbers.reshape(10, 20), 5, 0)).all()


@pytest.mark.parametrize(
    ("heads", "kv_heads", "key_size", "value_size"), [*SIZES, (4, 2, 128, 64), (2, 1, 32, 32)]
)
def test_against_float64(rng, heads, kv_heads, key_size, value_size):
    for number, (causal, window, softcap, biased) in enumerate(OPTIONS):
        lengths, k_length, past = [1, 150, 4], ints(1, 100, 600), ints(0, 0, 596 * causal)
        q = normal(rng, sum(lengths), heads * key_size)
        k = quantized(normal(rng, 800, kv_heads * key_size), kv_heads)
        v = quantized(normal(rng, 800, kv_heads * value_size), kv_heads)
        bias = [normal(rng, heads if b else 1, lengths[b], k_length[b]) for b in range(3)]
        layout = (ints(0, 1, 151, 155), ints(2, 10, 200), k_length, past)
        options = {
            "heads": heads, "kv_heads": kv_heads, "scale": 0.3, "causal": causal,
            "window": window, "softcap": softcap, "bias": bias if biased else None,
            "sinks": 2 * normal(rng, heads) if number % 3 == 1 else None,
        }  # fmt: skip
        numbers = (dequantized(x, kv_heads, np.dtype(np.float64)) for x in (k, v))
        expected = reference(q, *numbers, *layout, **options)
        actual = _core.attention(q, k, v, *layout, **options)
        assert np.abs(actual - expected).max() <= 1e-5 * np.abs(expected).max(), options


@pytest.mark.parametrize("size", [24, 64])
def test_bits_depend_on_nothing_else(rng, size):
    n, heads, kv_heads = 530, 4, 2
    options = {"heads": heads, "kv_heads": kv_heads, "scale": 0.2, "causal": True}
    q = normal(rng, n, heads * size)
    k, v = (quantized(normal(rng, n, kv_heads * size), kv_heads) for _ in range(2))
    whole = _core.attention(q, k, v, ints(0, n), ints(0), ints(n), ints(0), **options)
    for begin, end in ((0, 1), (7, 9), (255, 258), (300, 305), (500, 530), (529, 530)):
        # What comes later is not finite; other sentences, threads and strides change nothing.
        later_k, later_v = k.copy(), v.copy()
        for x in (later_k, later_v):
            x[end:, kv_heads * size :] = np.full(4 * kv_heads, 0xFF, np.uint8).view(np.int8)
        layout = ints(0, end - begin), ints(0), ints(n), ints(begin)
        for threads in (1, 3):
            part = _core.attention(
                q[begin:end], later_k, later_v, *layout, **options, threads=threads
            )
            assert same_bits(part, whole[begin:end]), (begin, end, threads)
    both = _core.attention(
        np.concatenate([q[5:6], q]), k, v, ints(0, 1, n + 1), ints(0, 0), ints(6, n), ints(5, 0),
        **options, threads=2,
    )  # fmt: skip
    assert same_bits(both, np.concatenate([whole[5:6], whole]))
    wide = np.zeros((n, 2 * k.shape[1]), np.int8)
    wide[:, ::2] = k
    apart = wide[:, ::2], v
    spread = _core.attention(q, *apart, ints(0, n), ints(0), ints(n), ints(0), **options)
    assert same_bits(spread, whole)


def test_wrong_arrays_are_refused(rng):
    rows, cache = normal(rng, 2, 12), np.zeros((1, 4, 12 + 4 * 3), np.int8)
    with pytest.raises(InputError, match=r"append_rows.*expected rows of shape \(N, 20\)"):
        _core.append_rows(cache, rows, ints(0, 2), ints(0), heads=1)
    with pytest.raises(InputError, match=r"append_rows.*heads"):
        _core.append_rows(cache, normal(rng, 2, 24), ints(0, 2), ints(0), heads=0)
    with pytest.raises(InputError, match=r"append_rows.*heads"):
        _core.append_rows(cache, normal(rng, 2, 4), ints(0, 2), ints(0), heads=5)
    with pytest.raises(InputError, match="exceed the cache's capacity of 4"):
        _core.append_rows(cache, rows, ints(0, 2), ints(3), heads=3)
    assert not cache.any()
    q, layout = normal(rng, 1, 12), (ints(0, 1), ints(0), ints(2), ints(0))
    k = quantized(rows, 3)
    options = {"heads": 3, "kv_heads": 3, "scale": 1.0, "causal": False}
    with pytest.raises(InputError, match="one dtype"):
        _core.attention(q, k, rows, *layout, **options)
    with pytest.raises(InputError, match="expected keys of the queries' size 4, got 3"):
        _core.attention(q, k[:, :21], k, *layout, **options)
    with pytest.raises(
        InputError, match="expected k to have a positive multiple of kv_heads = 3 columns, got -3"
    ):
        _core.attention(q, k[:, :9], k, *layout, **options)
    with pytest.raises(InputError, match="expected k_rows of float32, got int8"):
        _core.attention_weights(q, k, *layout, **options)
    with pytest.raises(InputError, match="expected k_rows to be a NumPy array of float32"):
        _core.attention(q, k.view(np.uint8), k, *layout, **options)


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_generation(family, tmp_path):
    """Native, planned and traced, against the reference; prompts at once, forks, chunks."""
    folder = write(tmp_path / family, family)
    native, exact = (
        quatrain.load(folder, cache_dtype="int8"),
        quatrain.load(folder, "reference", cache_dtype="int8"),
    )
    prompt = [3, 1, 4, 1, 5]
    assert (
        native.generate(prompt, max_new_tokens=6).ids
        == exact.generate(prompt, max_new_tokens=6).ids
    )
    assert not native.engine.unplanned

    def logits(model, groups, record=False):
        net, engine = model.network, model.engine
        state = engine.state(net.slots(), len(groups[0]))
        for ids in groups:
            found, _ = engine.run(
                net, "next_logits", [np.array(x) for x in ids], state, record=record
            )
            state.next()
        dtype = engine.cache_dtype or engine.dtype
        assert all(slot.keys.dtype == dtype for slot in state.slots.values())
        return found

    groups = [[prompt, [2, 7]], [[1], [8, 2]], [[8], [6]]]
    together = logits(native, groups)
    assert same_bits(together, logits(native, groups, record=True))
    for b in range(2):
        alone = logits(native, [[ids[b]] for ids in groups])
        assert same_bits(alone, together[b : b + 1])
        whole = logits(native, [[[id for ids in groups for id in ids[b]]]])
        assert same_bits(whole, together[b : b + 1])
    expected = logits(exact, groups)
    assert np.abs(together - expected).max() <= 1e-4 * np.abs(expected).max()
    # The cache is felt, and little.
    plain = logits(quatrain.load(folder), groups)
    assert 0 < np.abs(together - plain).max() < 0.05 * np.abs(plain).max()


def test_memory_is_planned(tmp_path):
    folder = write(tmp_path / "gpt2", "gpt2")
    net = quatrain.load(folder)
    slots = net.network.slots()
    columns = sum(s.kv_heads * (s.key_dim + s.value_dim) for s in slots)
    heads = sum(2 * s.kv_heads for s in slots)
    plain = forecast(net.network, net.engine, batch=2, tokens=16)
    assert plain["caches"] == 2 * 16 * 4 * columns
    net = quatrain.load(folder, cache_dtype="int8")
    small = forecast(net.network, net.engine, batch=2, tokens=16)
    assert small["caches"] == 2 * 16 * (columns + 4 * heads)


def test_other_engines_say_so(tmp_path):
    folder = write(tmp_path / "gpt2", "gpt2")
    with pytest.raises(EngineError, match="expected cache_dtype float32 on onnx, got int8"):
        quatrain.load(folder, "onnx", cache_dtype="int8")
    with pytest.raises(EngineError, match="expected cache_dtype among float32, int8, got 'int4'"):
        quatrain.load(folder, cache_dtype="int4")


def test_a_fork_keeps_its_rows(tmp_path):
    model = quatrain.load(write(tmp_path / "llama", "llama"))
    for engine in (Native(cache_dtype=INT8), Reference(cache_dtype=INT8)):
        net = model.on(engine).network
        state = engine.state(net.slots(), 2)
        engine.run(net, "next_logits", [np.array([3, 1, 4]), np.array([1, 5])], state)
        state.next()
        forked = state.fork([1, 1, 0])
        rows = [np.array([9])] * 3
        found, _ = engine.run(net, "next_logits", rows, forked)
        engine.run(net, "next_logits", rows[:2], state)
        again, _ = engine.run(net, "next_logits", rows[:2], state)
        assert same_bits(found[:1], found[1:2])
        assert np.array_equal(found[1:], again[::-1])
