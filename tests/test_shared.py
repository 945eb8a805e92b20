"""Models of the same files hold their weights once, whoever loads them, while they live."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
import threading
import weakref

import pytest

import quatrain
from checkpoints import write
from quatrain import _core
from quatrain.engines import DTYPES
from quatrain.shared import Shared

IDS = [3, 1, 4, 1, 5]


def same(a, b) -> list[str]:
    """The keys of the weights that two models share."""
    return [key for key, weight in a.network.weights.items() if b.network.weights[key] is weight]


@pytest.mark.parametrize("family", ["bert", "gemma3_text", "gpt2", "llama", "t5"])
def test_a_model_that_is_loaded_twice_holds_its_weights_once(tiny, family):
    folder = tiny(family)
    first = {dtype: quatrain.load(folder, dtype=dtype) for dtype in DTYPES}
    for dtype, model in first.items():
        again = quatrain.load(folder, dtype=dtype, threads=1)
        assert again.network is not model.network
        assert same(again, model) == list(model.network.weights)
        vectors = [k for k, w in model.network.weights.items() if type(w) is not _core.PackedWeight]
        for other in first.values():
            if other is not model:
                assert same(other, model) == vectors
    assert same(quatrain.load(folder), first["float32"]) == list(first["float32"].network.weights)


def test_weights_end_with_their_last_model(copied):
    folder = copied("gpt2")  # of which no other test has a model
    first, second = quatrain.load(folder), quatrain.load(folder)
    alive = [weakref.ref(weight) for weight in first.network.weights.values()]
    expected = first.logits(IDS).tobytes()
    del first
    gc.collect()
    assert all(weight() is not None for weight in alive)
    assert second.logits(IDS).tobytes() == expected
    del second
    gc.collect()
    assert not any(weight() for weight in alive)


def test_what_is_shared_cannot_be_changed(tiny):
    for weight in quatrain.load(tiny("gpt2")).network.weights.values():
        if not isinstance(weight, _core.PackedWeight):
            with pytest.raises(ValueError, match="read-only"):
                weight[:] = 0


def test_another_file_has_weights_of_its_own(tiny, tmp_path):
    folder = shutil.copytree(tiny("gpt2"), tmp_path / "copy")
    first = quatrain.load(tiny("gpt2"))
    copy = quatrain.load(folder)
    assert same(copy, first) == []
    assert copy.logits(IDS).tobytes() == first.logits(IDS).tobytes()
    # The same name, other weights: in another file, and written over the old ones.
    changed = write(tmp_path / "changed", "gpt2", seed=5) / "model.safetensors"
    before = copy.logits(IDS).tobytes()
    (folder / "model.safetensors").write_bytes(changed.read_bytes())
    again = quatrain.load(folder)
    assert same(again, copy) == []
    assert again.logits(IDS).tobytes() == quatrain.load(changed.parent).logits(IDS).tobytes()
    assert copy.logits(IDS).tobytes() == before != again.logits(IDS).tobytes()


def test_threads_that_load_at_once_share(tiny):
    folder, models = tiny("gpt2"), []
    start = threading.Barrier(8)

    def load():
        start.wait()
        models.append(quatrain.load(folder, dtype="int8"))

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(models) == 8
    assert all(same(model, models[0]) == list(models[0].network.weights) for model in models)


class Thing:
    """Something that can be held weakly."""


def test_what_changed_while_it_was_made_is_not_kept():
    shared, key = Shared(), ["before"]

    def make():
        key[0] = "after"
        return Thing()

    made = shared.value(lambda: key[0], make)
    assert shared.value(lambda: key[0], Thing) is not made
    with pytest.raises(RuntimeError):
        shared.value(lambda: "new", lambda: (_ for _ in ()).throw(RuntimeError))
    kept = shared.value(lambda: "new", Thing)
    assert shared.value(lambda: "new", Thing) is kept


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_can_load_while_its_parent_does(tiny):
    """The parent forks in the middle of making a value, which another of its threads wants."""
    folder, forked, done = tiny("gpt2"), threading.Event(), threading.Event()
    model = quatrain.load(folder)
    from quatrain.loader import SHARED

    def hold():
        SHARED.value(lambda: "held", lambda: (forked.set(), done.wait(60), Thing())[-1])

    holder = threading.Thread(target=hold)
    holder.start()
    assert forked.wait(60)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if same(quatrain.load(folder), model) else 2
        finally:
            os._exit(code)
    try:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        done.set()
        holder.join()


SCRIPT = """
import sys, quatrain
from quatrain.tasks.memory import resident
models = [quatrain.load(sys.argv[1], dtype=sys.argv[2])]
models[0].logits([1, 2, 3])
before = resident()
for _ in range(3):
    models.append(quatrain.load(sys.argv[1], dtype=sys.argv[2]))
    models[-1].logits([1, 2, 3])
print(resident() - before, sum(w.nbytes for w in models[0].network.weights.values()))
"""


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_memory_does_not_grow_with_the_models(dtype, tmp_path):
    sizes = {"vocab_size": 40000, "n_embd": 512, "n_inner": 2048, "n_head": 8, "n_positions": 64}
    folder = write(tmp_path / "model", "gpt2", **sizes)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), dtype],
        capture_output=True,
        text=True,
        check=True,
    )
    grown, weights = map(int, done.stdout.split())
    assert weights > 20e6
    assert grown < weights / 4
