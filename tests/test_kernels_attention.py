"""Attention kernels: the formula in float64, the promise of equal bits, and what is never read."""

import itertools

import numpy as np
import pytest

from quatrain import _core
from quatrain.errors import InputError


@pytest.fixture
def rng():
    return np.random.default_rng(12)


def normal(rng, *shape):
    return rng.standard_normal(shape, dtype=np.float32)


def ints(*values):
    return np.array(values, np.int64)


def same_bits(a, b):
    return a.shape == b.shape and a.tobytes() == b.tobytes()


def visible(queries, keys, past, causal, window):
    i, j = np.arange(queries)[:, None] + past, np.arange(keys)[None]
    see = np.ones((queries, keys), bool)
    if causal:
        see &= j <= i
    if window is not None:
        see &= np.abs(j - i) < window
    return see


def reference(
    q,
    k,
    v,
    q_start,
    k_start,
    k_length,
    past,
    *,
    heads,
    kv_heads,
    scale,
    causal,
    window=None,
    softcap=None,
    bias=None,
    sinks=None,
):
    """float64, one row at a time."""
    key_size, value_size = q.shape[1] // heads, v.shape[1] // kv_heads
    out = np.zeros((q.shape[0], heads, value_size))
    for b, h in itertools.product(range(len(k_start)), range(heads)):
        g = h // (heads // kv_heads)
        rows = slice(q_start[b], q_start[b + 1])
        keys = slice(k_start[b], k_start[b] + k_length[b])
        queries = q[rows, h * key_size :][:, :key_size].astype(np.float64)
        scores = scale * queries @ k[keys, g * key_size :][:, :key_size].T.astype(np.float64)
        if softcap is not None:
            scores = softcap * np.tanh(scores / softcap)
        if bias is not None:
            scores = scores + bias[b][h if len(bias[b]) > 1 else 0]
        see = visible(*scores.shape, past[b], causal, window)
        values = v[keys, g * value_size :][:, :value_size].astype(np.float64)
        for n, row in enumerate(see):
            if row.any():
                sink = -np.inf if sinks is None else float(sinks[h])
                top = max(scores[n, row].max(), sink)
                power = np.exp(scores[n, row] - top)
                out[q_start[b] + n, h] = power / (power.sum() + np.exp(sink - top)) @ values[row]
    return out.reshape(len(out), -1)


SIZES = [(4, 4, 16, 16), (6, 2, 20, 12), (3, 1, 64, 64), (2, 2, 7, 33)]
OPTIONS = list(itertools.product([False, True], [None, 5, 70], [None, 3.0], [False, True]))


@pytest.mark.parametrize(("heads", "kv_heads", "key_size", "value_size"), SIZES)
def test_against_float64(rng, heads, kv_heads, key_size, value_size):
    for number, (causal, window, softcap, biased) in enumerate(OPTIONS):
        lengths, k_length, past = [1, 150, 40], ints(1, 100, 600), ints(0, 0, 560 * causal)
        q = normal(rng, sum(lengths), heads * key_size)
        k, v = normal(rng, 800, kv_heads * key_size), normal(rng, 800, kv_heads * value_size)
        bias = [normal(rng, heads if b else 1, lengths[b], k_length[b]) for b in range(3)]
        layout = (ints(0, 1, 151, 191), ints(2, 10, 200), k_length, past)
        options = {
            "heads": heads, "kv_heads": kv_heads, "scale": 0.3, "causal": causal,
            "window": window, "softcap": softcap, "bias": bias if biased else None,
            "sinks": 2 * normal(rng, heads) if number % 3 == 1 else None,
        }  # fmt: skip
        expected = reference(q, k, v, *layout, **options)
        actual = _core.attention(q, k, v, *layout, **options)
        assert np.abs(actual - expected).max() <= 1e-5 * np.abs(expected).max(), options
        scores, weights = _core.attention_weights(q, k, *layout, **options)
        for b in range(3):
            see = visible(lengths[b], k_length[b], past[b], causal, window)
            assert scores[b].shape == weights[b].shape == (heads, *see.shape)
            assert not weights[b][:, ~see].any()
            keys = slice(layout[1][b], layout[1][b] + k_length[b])
            values = v[keys].reshape(-1, kv_heads, value_size).repeat(heads // kv_heads, 1)
            rows = np.einsum("hnk,khd->nhd", weights[b], values).reshape(lengths[b], -1)
            assert np.abs(rows - expected[slice(*layout[0][b : b + 2])]).max() <= 2e-5


class Sentence:
    """Queries, keys and values of one sentence, causal if not said; answers by every route."""

    def __init__(self, rng, length, heads=4, kv_heads=2, size=24, **options):
        self.q = normal(rng, length, heads * size)
        self.k, self.v = normal(rng, length, kv_heads * size), normal(rng, length, kv_heads * size)
        self.length = length
        self.options = {
            "heads": heads,
            "kv_heads": kv_heads,
            "scale": 0.2,
            "causal": True,
            **options,
        }

    def whole(self, threads=1):
        n = self.length
        layout = (ints(0, n), ints(0), ints(n), ints(0))
        return _core.attention(self.q, self.k, self.v, *layout, **self.options, threads=threads)

    def chunk(self, begin, end, keys=None, poison=None):
        """Queries [begin, end); `keys` may hold more rows than are visible: the cache's future."""
        keys = end if keys is None else keys
        k, v = self.k.copy(), self.v.copy()
        if poison is not None:
            k[end:], v[end:] = poison, poison
        layout = (ints(0, end - begin), ints(0), ints(keys), ints(begin))
        return _core.attention(self.q[begin:end], k, v, *layout, **self.options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"window": 50},
        {"window": 300},
        {"sinks": np.float32([0, 1, 9, -9])},
        {"softcap": 2.0},
        {"kv_heads": 1},
        {"size": 64},
    ],
    ids=str,
)
def test_chunks_cached_or_not_give_the_same_bits(rng, options):
    sentence = Sentence(rng, 600, **options)
    whole = sentence.whole()
    for step in (1, 2, 3, 7, 64, 100, 300):
        for begin in range(0, 600, step):
            end = min(begin + step, 600)
            assert same_bits(sentence.chunk(begin, end), whole[begin:end]), (step, begin)


@pytest.mark.parametrize("window", [1, 50, 300, 1000])
def test_a_window_to_both_sides_gives_the_same_bits_for_any_chunk(rng, window):
    """Whatever stands behind the keys that a chunk sees."""
    sentence = Sentence(rng, 600, causal=False, window=window)
    whole = sentence.whole()
    for begin in (0, 1, 255, 256, 257, 511, 599):
        for end in {begin + 1, min(begin + 70, 600), 600}:
            for keys in {min(end + window - 1, 600), 600}:
                assert same_bits(sentence.chunk(begin, end, keys=keys), whole[begin:end])
    near = sentence.chunk(0, 256, keys=min(255 + window, 600))
    sentence.k[255 + window :] = sentence.v[255 + window :] = np.nan
    assert same_bits(sentence.chunk(0, 256, keys=600), near)


@pytest.mark.parametrize("poison", [0.0, np.nan, np.inf])
def test_keys_not_seen_do_not_matter(rng, poison):
    sentence = Sentence(rng, 550)
    whole = sentence.whole()
    for begin, end in ((0, 1), (0, 63), (63, 64), (255, 256), (256, 257), (10, 530)):
        assert same_bits(sentence.chunk(begin, end, keys=550, poison=poison), whole[begin:end])


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("causal", "window"), [(True, None), (True, 20), (False, 20)])
def test_a_tile_may_meet_values_that_some_of_its_rows_do_not_see(rng, poison, causal, window):
    """Rows that see the value are poisoned where it is; the others keep their bits."""
    sentence = Sentence(rng, 400, heads=1, kv_heads=1, size=16, causal=causal, window=window)
    whole = sentence.whole()
    sentence.v[300, 5] = poison
    out = sentence.whole()
    meets = np.zeros(out.shape, bool)
    meets[300 if causal else 301 - window : 300 + window if window else None, 5] = True
    assert not np.isfinite(out[meets]).any()
    assert np.array_equal(out[~meets], whole[~meets])


def test_batch_and_threads_give_the_same_bits(rng):
    sentences = [Sentence(rng, n) for n in (1, 5, 64, 65, 130, 17, 700)]
    starts = np.cumsum([0] + [s.length for s in sentences])
    q, k, v = (np.concatenate([getattr(s, name) for s in sentences]) for name in "qkv")
    layout = (starts, starts[:-1].copy(), np.diff(starts), ints(*[0] * 7))
    for threads in (1, 2, 8):
        out = _core.attention(q, k, v, *layout, **sentences[0].options, threads=threads)
        for b, sentence in enumerate(sentences):
            alone = sentence.whole(threads=threads)
            assert same_bits(out[starts[b] : starts[b + 1]], alone)


def test_decoding_a_batch_from_a_cache(rng):
    """One query each, keys in a strided cache [B * capacity, width]: as in the whole sentence."""
    sentences = [Sentence(rng, n) for n in (3, 70, 513)]
    capacity, width = 520, sentences[0].k.shape[1]
    both = np.full((3 * capacity, 2 * width), np.nan, np.float32)
    k_cache, v_cache = both[:, :width], both[:, width:]
    for b, s in enumerate(sentences):
        k_cache[b * capacity :][: s.length], v_cache[b * capacity :][: s.length] = s.k, s.v
    lengths = ints(*[s.length for s in sentences])
    q = np.stack([s.q[-1] for s in sentences])
    out = _core.attention(
        q, k_cache, v_cache, ints(0, 1, 2, 3), ints(0, capacity, 2 * capacity), lengths,
        lengths - 1,
        **sentences[0].options,
    )  # fmt: skip
    for b, s in enumerate(sentences):
        assert same_bits(out[b], s.whole()[-1])


def test_visible_special_values_propagate(rng):
    sentence = Sentence(rng, 80, heads=1, kv_heads=1, size=8)
    sentence.v[70, 3] = np.nan
    out = sentence.whole()
    assert np.isnan(out[70:, 3]).all()
    assert np.isfinite(out[:70]).all()
    assert np.isfinite(np.delete(out, 3, axis=1)).all()
    sentence.k[75] = np.nan
    out = sentence.whole()
    assert np.isnan(out[75:]).all()
    assert np.isfinite(out[:70]).all()


def test_nothing_visible_gives_zero(rng):
    q, k = normal(rng, 3, 8), normal(rng, 4, 8)
    common = {"heads": 2, "kv_heads": 2, "scale": 1.0, "causal": False}
    none = _core.attention(q, k, k, ints(0, 3), ints(0), ints(0), ints(0), **common)
    assert not none.any()
    beyond = _core.attention(q, k, k, ints(0, 3), ints(0), ints(4), ints(9), **common, window=2)
    assert not beyond.any()
    bias = [np.full((1, 3, 4), -np.inf, np.float32)]
    masked = _core.attention(q, k, k, ints(0, 3), ints(0), ints(4), ints(0), **common, bias=bias)
    assert not masked.any()
    sinks = np.float32([0.5, -np.inf])
    for options in ({"bias": bias}, {"bias": bias, "sinks": sinks}, {"sinks": sinks}):
        length = ints(4 * ("bias" in options))
        out = _core.attention(q, k, k, ints(0, 3), ints(0), length, ints(0), **common, **options)
        assert not out.any()
    empty = _core.attention(q[:0], k, k, ints(0), ints(), ints(), ints(), **common)
    assert empty.shape == (0, 8)


def test_errors_say_what_was_expected(rng):
    q, k = normal(rng, 3, 8), normal(rng, 4, 4)
    good = {
        "q_start": ints(0, 3), "k_start": ints(0), "k_length": ints(4), "past": ints(0),
        "heads": 2, "kv_heads": 1, "scale": 1.0, "causal": True,
    }  # fmt: skip
    _core.attention(q, k, k, **good)
    for change, message in {
        ("q_start", (0, 4)): r"expected q_start to run from 0 to 3, got 0 to 4",
        ("k_start", (1,)): r"keys 1 to 1 \+ 4 of sentence 0 are outside the 4 rows of k",
        ("k_length", (2**62,)): r"are outside the 4 rows of k",
        ("k_start", (-1,)): r"are outside the 4 rows of k",
        ("past", (-1,)): r"expected past in \[0, 2\^31\) for sentence 0, got -1",
        ("past", (0, 0)): r"expected past of shape \(1,\), got \(2,\)",
        ("kv_heads", 3): r"expected heads to be a multiple of kv_heads, got 2 and 3",
        ("heads", 0): r"expected heads to be a multiple of kv_heads, got 0 and 1",
        ("window", 0): r"expected window >= 1 or None, got 0",
        ("softcap", -1.0): r"expected softcap > 0 or None, got -1",
    }.items():
        name, value = change
        value = ints(*value) if isinstance(value, tuple) else value
        with pytest.raises(InputError, match=message):
            _core.attention(q, k, k, **{**good, name: value})
    with pytest.raises(InputError, match=r"expected keys of the queries' size 4, got 2"):
        _core.attention(q, k[:, :2], k, **good)
    with pytest.raises(InputError, match=r"expected 4 rows of v, as of k, got 3"):
        _core.attention(q, k, k[:3], **good)
    with pytest.raises(InputError, match=r"of shape \(2, 3, 4\) \(or 1 head\), got \(2, 3, 3\)"):
        _core.attention(q, k, k, **good, bias=[normal(rng, 2, 3, 3)])
