"""The machine's own limits as an "engine": bare loops that do a case's work and nothing else.

Multiply-adds of the instruction set that quatrain uses, int8 dot products, and reading or copying
as many bytes as the case must move, in buffers of that size. Needs a C++ compiler (``CXX``).
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.cases import Case
from benchmarks.folders import cache

SOURCE = Path(__file__).with_name("limits.cpp")
#: Operations of a step of each loop: of 12 chains two for each lane, or four products of tiles.
STEP = {
    "fma_avx2": 192, "fma_avx512": 384,
    "int8_avx2": 768, "int8_avx512": 1536, "int8_amx": 131072,
}  # fmt: skip
#: Bytes of a step of the reading loops.
BLOCK = 512
#: The largest buffer: beyond any cache; more work than this reads it again.
LARGEST = 512 << 20


def library() -> ctypes.CDLL:
    """The compiled loops, kept in the user's cache folder."""
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    path = cache() / f"limits-{digest}.so"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_suffix(f".{os.getpid()}")
        compiler = os.environ.get("CXX", "c++")
        options = ["-O2", "-std=c++17", "-shared", "-fPIC", "-fvisibility=hidden"]
        subprocess.run([compiler, *options, str(SOURCE), "-o", str(made)], check=True)
        made.rename(path)
    return ctypes.CDLL(str(path))


class Limits:
    """``isa``: what quatrain uses. Where AMX is, only int8 products have wider units for it."""

    def __init__(self, threads: int, isa: str) -> None:
        self.threads, self.wide = threads, isa
        self.isa = {"amx": "avx512", "portable": "avx2"}.get(isa, isa)
        self.library = library()
        self.pool = ThreadPoolExecutor(threads)

    def variants(self, case: Case) -> Iterator[tuple[str, Callable[..., object]]]:
        """Ways to do ``case.work``; each of them is as fast as this machine does it so."""
        if case.bound in ("fma", "int8"):
            isa = self.wide if case.bound == "int8" and self.wide == "amx" else self.isa
            name = f"{case.bound}_{isa}"
            steps = round(case.work / STEP[name] / self.threads)
            yield name, lambda *_: self._run(name, [(steps,)] * self.threads)
            return
        each = self.threads * BLOCK
        work = case.work / (2 if case.bound == "copy" else 1)
        passes = max(1, round(work / LARGEST))
        size = max(1, round(work / passes / each)) * each
        source = buffer(size)
        if case.bound == "read":
            name = f"read_{self.isa}"
            yield name, lambda *_: [self._parts(name, size, source) for _ in range(passes)]
            return
        target = buffer(size)
        yield "copy", lambda *_: self._parts("copy", size, source, target)
        yield "copy_streaming", lambda *_: self._parts("copy_streaming", size, source, target)

    def _parts(self, name: str, size: int, *arrays: np.ndarray) -> None:
        """Every thread does its part of the bytes."""
        part = size // self.threads
        starts = [[a.ctypes.data + i * part for a in arrays] for i in range(self.threads)]
        self._run(name, [(*map(ctypes.c_void_p, start), part) for start in starts])

    def _run(self, name: str, calls: list[tuple[object, ...]]) -> None:
        function = getattr(self.library, name)
        function.restype = None

        def call(given: tuple[object, ...]) -> None:
            function(*(ctypes.c_int64(v) if isinstance(v, int) else v for v in given))

        if self.threads == 1:
            call(calls[0])
        else:
            list(self.pool.map(call, calls))


def buffer(size: int) -> np.ndarray:
    """Bytes at a cache line's start, written once so that the pages are there."""
    memory = np.ones(size + 64, np.uint8)
    return memory[-memory.ctypes.data % 64 :][:size]
