"""A model in real life: forked and spawned, on many threads, interrupted, beside other runtimes."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import quatrain
from checkpoints import write
from quatrain.engines.native import Native
from quatrain.folder import Folder
from quatrain.loader import load_on


def answers(model):
    """The bytes of what a model gives for some work that wakes the pool, and grows a cache."""
    ids = model.generate([3, 1, 4], max_new_tokens=40, temperature=0.0).ids
    return model.logits(list(range(60))).tobytes(), tuple(ids)


def load(folder):
    return quatrain.load(folder, threads=2)


@pytest.fixture
def folder(tmp_path):
    """Wide enough that two threads share the work of an operation."""
    return write(tmp_path, "gpt2", n_embd=192, n_inner=384)


def test_many_threads_share_a_model(folder):
    """Each pass has an arena of its own, and all give what one alone gives."""
    model = load(folder)
    want = answers(load(folder))
    found = []
    callers = [
        threading.Thread(target=lambda: found.extend(answers(model) == want for _ in range(4)))
        for _ in range(6)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=120)
    assert found == [True] * 24
    assert 1 <= len(model.engine._arenas) <= 6


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_model_works_in_children_of_fork(folder):
    model = load(folder)
    want = answers(model)
    for _ in range(2):
        child = os.fork()
        if child == 0:
            os._exit(answers(model) != want)
        assert os.waitpid(child, 0)[1] == 0
    assert answers(model) == want


SPAWN = """
import multiprocessing, sys, quatrain

def answer(folder):
    return quatrain.load(folder, threads=2).logits(list(range(60))).tobytes()

if __name__ == "__main__":
    here = answer(sys.argv[1])
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(answer, sys.argv[1:] * 2) == [here] * 2
"""


def test_a_model_works_in_spawned_processes(folder, tmp_path):
    script = tmp_path / "spawn.py"
    script.write_text(SPAWN)
    subprocess.run([sys.executable, script, folder], check=True, timeout=120)


@pytest.fixture
def ctrl_c():
    """Ctrl-C raises KeyboardInterrupt, even where a shell started the tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_a_pass_is_interrupted_and_can_be_repeated(tmp_path):
    """Ctrl-C in the middle of a long pass ends it at once; the state is as it was before."""
    wide = {"n_embd": 384, "n_inner": 1536, "n_head": 6, "n_layer": 12, "n_positions": 512}
    engine = Native(1)
    network = load_on(Folder(write(tmp_path, "gpt2", **wide)), engine).network
    state = engine.state(network.slots(), 2)
    ids = [np.arange(500) % 97] * 2
    begun = time.process_time()
    want = engine.run(network, "next_logits", ids, state)[0]
    work = time.process_time() - begun  # of the processor: the pass itself cannot take less
    timer = threading.Timer(work / 20, os.kill, (os.getpid(), signal.SIGINT))
    begun = time.process_time()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        engine.run(network, "next_logits", ids, state)
    assert time.process_time() - begun < 0.7 * work
    assert engine.run(network, "next_logits", ids, state)[0].tobytes() == want.tobytes()


@pytest.mark.parametrize(
    "runtime",
    [pytest.param(name, marks=pytest.mark.oracle(name)) for name in ("torch", "onnxruntime")],
)
def test_a_model_works_beside_another_runtime(runtime, folder):
    """Both pools of threads at work, in turn and at once."""
    other = importlib.import_module(runtime)
    model = load(folder)
    want = answers(model)
    stop = threading.Event()
    matrix = np.ones((300, 300), np.float32)

    def busy():
        session = None if runtime == "torch" else session_of(other, matrix)
        while not stop.is_set():
            if session is None:
                other.from_numpy(matrix) @ other.from_numpy(matrix)
            else:
                session.run(None, {"x": matrix})

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        assert [answers(model) for _ in range(3)] == [want] * 3
    finally:
        stop.set()
        thread.join(timeout=60)
    assert answers(model) == want


def session_of(onnxruntime, matrix):
    """One product of matrices as a graph."""
    from onnx import TensorProto, helper

    kind = TensorProto.FLOAT
    x = helper.make_tensor_value_info("x", kind, matrix.shape)
    y = helper.make_tensor_value_info("y", kind, matrix.shape)
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "x"], ["y"])], "product", [x], [y])
    opset = [helper.make_opsetid("", 21)]
    made = helper.make_model(graph, opset_imports=opset, ir_version=10)
    return onnxruntime.InferenceSession(
        made.SerializeToString(), providers=["CPUExecutionProvider"]
    )
