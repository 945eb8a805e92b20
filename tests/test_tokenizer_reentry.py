"""Python code that runs in the middle of a call: finalizers, and items that change their list."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import threading
import time
import weakref
from typing import Any

import pytest

from quatrain.tokenizer import Encoding, Tokenizer
from tokenizer_data import plain_bpe, to_bytes


def test_a_finalizer_may_encode() -> None:
    tokenizer = Tokenizer(to_bytes(plain_bpe()))
    text = "hello world " * 20
    expected = tokenizer.encode_ids(text)
    finalized = []

    class Cycle:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            tokenizer.encode_ids("zzzz " * 100)
            finalized.append(self)

    threshold = gc.get_threshold()
    kept = [[] for _ in range(1000)]  # type: ignore[var-annotated]  # so that new lists are made
    try:
        for _ in range(20):
            gc.disable()
            Cycle()
            gc.set_threshold(1, 1000, 1000)
            gc.enable()
            ids = tokenizer.encode_ids(text)
            gc.disable()
            assert ids == expected
            kept.append(ids)
    finally:
        gc.set_threshold(*threshold)
        gc.enable()
    assert finalized


def test_an_id_may_change_its_list() -> None:
    tokenizer = Tokenizer(to_bytes(plain_bpe()))
    first, *rest = tokenizer.encode_ids("a" + "b" * 1000)
    ids: list[object] = []

    class Index:
        def __index__(self) -> int:
            ids.clear()
            return first

    ids += [Index(), *rest]
    assert tokenizer.decode(ids) == "a" + "b" * 1000  # type: ignore[arg-type]  # no int


def test_an_encoding_in_its_own_list_is_collected() -> None:
    class Watched(list):  # type: ignore[type-arg]  # of anything
        pass

    encoding: Any = Tokenizer(to_bytes(plain_bpe())).encode("hello world")
    watched = Watched()
    encoding.tokens.append((encoding, watched))
    assert encoding.tokens[-1][0] is encoding  # the list is made once
    gone = weakref.ref(watched)
    del encoding, watched
    gc.collect()
    assert gone() is None


def test_encodings_that_nothing_made_are_empty() -> None:
    encoding = Encoding()
    assert len(encoding) == 0 and encoding.tokens == [] and encoding.overflowing == []
    assert encoding.arrays().type_ids.shape == (0,)
    with pytest.raises(TypeError, match="Encoding"):
        Encoding._token_at(5, 0, False)  # type: ignore[arg-type]  # wrong


@pytest.mark.parametrize("call", ["count", "encode", "encode_ids_batch", "encode_batch"])
def test_long_work_can_be_interrupted(call: str) -> None:
    tokenizer = Tokenizer(to_bytes(plain_bpe()))
    text = "hello wor\u00e9 zzz " * 20
    options = {"threads": 1} if "batch" in call else {}

    def seconds(times: int) -> float:
        work: Any = [text] * times if "batch" in call else text * times
        begin = time.perf_counter()
        with contextlib.suppress(KeyboardInterrupt):
            getattr(tokenizer, call)(work, **options)
        return time.perf_counter() - begin

    times = 2000
    while (whole := seconds(times)) < 0.6:
        times *= 1 + int(0.7 / whole) if whole > 0.05 else 8
    timer = threading.Timer(whole / 8, os.kill, (os.getpid(), signal.SIGINT))
    # A shell has what it starts in the background ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        timer.start()
        assert seconds(times) < 0.7 * whole
        timer.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert tokenizer.encode("hello").ids
