"""Every operation on every engine, against the reference in float64."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cases import CASES, ENGINES, Case
from judge import differences
from quatrain.engines.native import Native
from quatrain.engines.reference import Reference

BODIES = [case for case in CASES if case.has_body]


@functools.cache
def judged(case: Case) -> dict[str, list[np.ndarray]]:
    """What the reference in float64 finds; infinities may meet there, so NumPy is kept quiet."""
    with np.errstate(all="ignore"):
        return case.on(Reference(np.float64)).run(record=True)


def disagreements(case: Case, engine: str, *, body: bool = False, record: bool = False) -> dict:
    with np.errstate(all="ignore"):
        got = case.on(ENGINES[engine](), body=body).run(record=record)
    want = judged(case)
    if record:
        assert list(got) == list(want), "traced names differ"
    found = differences(got, {name: want[name] for name in got})
    return {name: d for name, d in found.items() if not d <= case.tolerance}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_op(case, engine):
    assert not disagreements(case, engine)


@pytest.mark.parametrize("engine", ["reference", "native", "onnx"])
@pytest.mark.parametrize("case", BODIES, ids=str)
def test_the_body_says_what_the_engine_does(case, engine):
    assert not disagreements(case, engine, body=True)


@pytest.mark.parametrize("engine", ["native", "onnx"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_trace_has_the_same_names_and_numbers(case, engine):
    assert not disagreements(case, engine, record=True)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_native_gives_the_same_bits_on_two_threads_and_traced(case):
    runs = [case.on(Native(1)).run(), case.on(Native(2)).run(), case.on(Native(1)).run(record=True)]
    for name in runs[0]:
        assert len({np.concatenate(run[name]).tobytes() for run in runs}) == 1, name


def test_every_case_has_a_name_of_its_own():
    names = [str(case) for case in CASES]
    assert len(set(names)) == len(names)


def test_the_portable_kernels_do_the_same():
    """In a process of its own: the instruction set is chosen once."""
    script = (
        "import test_ops; from quatrain import _core; assert _core.isa() == 'portable'\n"
        "print([str(c) for c in test_ops.CASES if test_ops.disagreements(c, 'native')])"
    )
    paths = [str(Path(__file__).parent), *sys.path]
    environment = os.environ | {"QUATRAIN_ISA": "portable", "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
