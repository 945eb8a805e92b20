"""The thread pool and the choice of instruction set: what a process does, whatever the kernel."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from quatrain import _core
from tiers import FLOATS


def work(seed, threads):
    """Enough of every kind of kernel to wake the pool; the bytes of the result."""
    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal((2, 150, 150), dtype=np.float32)
    y = _core.linear(x, _core.pack(w, threads=threads), None, "gelu", threads=threads)
    y = _core.softmax(_core.add(y, x, threads=threads), threads=threads)
    starts = np.array([0, 150])
    one = np.array([0])
    y = _core.attention(
        y, x, y, starts, one, starts[1:].copy(), one,
        heads=5, kv_heads=5, scale=0.2, causal=True, threads=threads,
    )  # fmt: skip
    return y.tobytes()


def run(script, **environment):
    """The standard output of a fresh Python."""
    source = (
        "import sys; sys.path[:0] = " + repr([os.path.dirname(__file__), *sys.path]) + "\n" + script
    )
    done = subprocess.run(
        [sys.executable, "-c", source],
        env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_default_threads():
    assert 1 <= _core.default_threads() <= (os.cpu_count() or 1)
    first = min(os.sched_getaffinity(0))
    script = (
        f"import os; os.sched_setaffinity(0, [{first}])\n"
        "from quatrain import _core; print(_core.default_threads())"
    )
    assert run(script) == "1"


def test_python_threads_at_once():
    """Calls that meet at the pool neither wait for ever nor disturb each other."""
    expected = {seed: work(seed, 1) for seed in range(4)}
    failures = []

    def caller(seed):
        failures.extend(seed for _ in range(15) if work(seed, 3) != expected[seed])

    callers = [threading.Thread(target=caller, args=(seed,)) for seed in expected]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in callers)
    assert not failures


FORK = """
import os, warnings
warnings.simplefilter("ignore")
from test_kernels_threads import work
expected = work(0, 3)
for generation in range(3):
    child = os.fork()
    if child == 0:
        child_ok = work(0, 3) == expected
        grandchild = os.fork()
        if grandchild == 0:
            os._exit(work(0, 2) != expected)
        os._exit(not child_ok or os.waitpid(grandchild, 0)[1] != 0)
    assert os.waitpid(child, 0)[1] == 0
    assert work(0, 3) == expected
print("ok")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_children_of_fork_compute():
    assert run(FORK) == "ok"


CLOSE = """
import numpy as np
from quatrain import _core
rng = np.random.default_rng(3)
x, w, v = (rng.standard_normal(s, dtype=np.float32) for s in [(37, 75), (43, 75), (75,)])
starts, one = np.array([0, 37]), np.array([0])
y = _core.linear(x, _core.pack(w), v[:43].copy(), "gelu")
results = [
    y, _core.gelu(x), _core.silu(x), _core.tanh(x), _core.softmax(x), _core.exp(x),
    _core.layer_norm(x, v, v, 1e-5), _core.rms_norm(x, v, 1e-5), _core.l2_normalize(x),
    _core.attention(x, x, x, starts, one, starts[1:].copy(), one,
                    heads=5, kv_heads=5, scale=0.3, causal=True, softcap=4.0),
    _core.rope(x[:, :72], x[:, :6], x[:, 6:12], 3, True),
]
import sys
sys.stdout.write(_core.isa() + " " + " ".join(r.tobytes().hex() for r in results))
"""


@pytest.mark.parametrize("isa", FLOATS)
def test_instruction_sets_agree(isa):
    """Each tier passes the tests by itself; here they meet. Tiers round differently, no more."""
    portable = run(CLOSE, QUATRAIN_ISA="portable").split()
    try:
        other = run(CLOSE, QUATRAIN_ISA=isa).split()
    except AssertionError as error:
        if "which this processor lacks" not in str(error):
            raise
        pytest.skip(f"this processor has no {isa}")
    assert portable[0] == "portable"
    assert other[0] == isa
    assert len(other) == len(portable) == 12
    for a, b in zip(other[1:], portable[1:], strict=True):
        a, b = (np.frombuffer(bytes.fromhex(text), np.float32) for text in (a, b))
        assert np.abs(a - b).max() <= 2e-6 * np.abs(a).max()


def test_unknown_instruction_set_is_an_error():
    script = """
from quatrain import _core
from quatrain.errors import InputError
for _ in range(2):
    try:
        _core.isa()
    except InputError as error:
        print(error)
"""
    message = (
        "[isa] expected QUATRAIN_ISA to be portable, avx2, avx_vnni, avx512, avx512_vnni, amx, neon"
        " or neon_dotprod, got mmx"
    )
    assert run(script, QUATRAIN_ISA="mmx").split("\n") == [message] * 2
