"""Cases of operations that know where sentences begin: positions, pooling, caches, attention."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from case import Case, poisoned
from quatrain.module import Param
from quatrain.ops import POOLINGS
from quatrain.state import SlotSpec

#: Ragged passes: a prefill, chunks of which one is empty, single tokens.
RAGGED = ((9, 4), (3, 1), (2, 0), (1, 3), (1, 1))
#: More keys than any block of a kernel holds.
LONG = ((700, 3),)


def layout_reading() -> Iterator[Case]:
    yield from positions()
    yield from pooling()
    yield from rope()
    yield from convolutions()
    yield from attention_over_rows()
    yield from attention_over_a_cache()
    yield from attention_over_a_source()


def positions() -> Iterator[Case]:
    def looked_up(start: int) -> Any:
        return lambda op, a: op.embedding(op.positions(a.layout, start=start), a.table)

    table = {"table": Param((40, 3), "embedding")}
    slot = (SlotSpec(0, 1, 1, 1),)
    yield Case("positions", "one pass", looked_up(0), weights=table)
    yield Case("positions", "from 2 on", looked_up(2), weights=table)
    yield Case("positions", "after a past", looked_up(0), weights=table, passes=RAGGED, slots=slot)
    yield Case("positions", "empty batch", looked_up(0), weights=table, passes=((),))
    for pairs in (1, 4):
        inv_freq = (10.0 ** -np.arange(pairs)).astype(np.float32)
        for label, passes, slots in (
            ("one pass", ((5, 1, 90),), ()),
            ("after a past", RAGGED, slot),
        ):
            yield Case(
                "rotary",
                f"{pairs} pairs, {label}",
                lambda op, a, f=inv_freq: op.concat(*op.rotary(a.layout, f, scale=1.3)),
                passes=passes,
                slots=slots,
                tolerance=1e-5,
            )
    by_length = (10.0 ** -np.arange(20)).reshape(4, 5).astype(np.float32)
    for label, passes, slots in (
        ("one pass", ((5, 6, 1, 7, 90),), ()),
        ("after a past", RAGGED, slot),
        ("empty batch", ((),), ()),
    ):
        yield Case(
            "rotary",
            f"by length, {label}",
            lambda op, a: op.rope(
                a.x, *op.rotary(a.layout, by_length, scale=0.5, limit=5), heads=2
            ),
            {"x": 20},
            passes=passes,
            slots=slots,
            tolerance=1e-5,
        )


def pooling() -> Iterator[Case]:
    batches = {"odd sizes": ((5, 1, 9),), "one row": ((1,),), "empty batch": ((),)}
    batches["long"] = ((700, 1),)
    for label, passes in batches.items():
        for kind in POOLINGS:
            yield Case(
                "pool",
                f"{kind}, {label}",
                lambda op, a, k=kind: op.pool(a.x, a.layout, kind=k),
                {"x": 13},
                passes=passes,
            )
        yield Case("last", label, lambda op, a: op.last(a.x, a.layout), {"x": 13}, passes=passes)
    for kind in POOLINGS:
        yield Case(
            "pool",
            f"{kind}, poisoned",
            lambda op, a, k=kind: op.pool(a.x, a.layout, kind=k),
            {"x": 13},
            draw=poisoned,
        )


def rope() -> Iterator[Case]:
    for label, heads, size, turned, passes in (
        ("odd heads", 3, 6, 6, ((5, 1, 9),)),
        ("one pair", 1, 2, 2, ((1,),)),
        ("partly turned", 3, 10, 4, ((5, 1, 9),)),
        ("many rows", 4, 16, 16, ((190, 67),)),
    ):
        for interleaved in (False, True):
            yield Case(
                "rope",
                f"{label}{', interleaved' if interleaved else ''}",
                turn(heads, turned, interleaved),
                {"x": heads * size},
                passes=passes,
                tolerance=1e-5,
            )
    yield Case("rope", "empty batch", turn(3, 6, False), {"x": 18}, passes=((),))
    yield Case("rope", "not contiguous", turn(3, 6, False), {"x": 18}, strided=True, tolerance=1e-5)


def convolutions() -> Iterator[Case]:
    def convolved(stride: int, biased: bool = True) -> Any:
        return lambda op, a: op.gelu(
            op.conv1d(a.x, a.weight, a.bias if biased else None, a.layout, stride=stride)
        )

    def weights(size: int, width: int = 7) -> dict[str, Param]:
        return {"weight": Param((6, width, size), "convolution"), "bias": Param((6,))}

    def case(label: str, stride: int = 1, size: int = 3, **options: Any) -> Case:
        biased = options.pop("biased", True)
        return Case(
            "conv1d",
            label,
            options.pop("program", convolved(stride, biased)),
            {"x": 7},
            weights(size),
            tolerance=2e-6,
            **options,
        )

    yield case("every row")
    for stride in (2, 3):
        yield case(f"stride {stride}", stride)
    yield case("one row", 2, passes=((1,),))
    yield case("of size 1, no bias", 2, 1, biased=False)
    yield case("wider than a sentence", 2, 9)
    yield case("empty batch", 2, passes=((),))
    yield case("not contiguous", 2, strided=True)
    yield case("poisoned", 2, draw=poisoned)
    yield case("long", 2, passes=((700, 3),))

    def strided(op: Any, a: SimpleNamespace) -> Any:
        """Everything that reads a layout, on rows of which each stands for two tokens."""
        x = op.relu(op.conv1d(a.x, a.weight, a.bias, a.layout, stride=2))
        layout = a.layout.every(2)
        x = op.add(x, op.embedding(op.positions(layout, start=1), a.table))
        q = op.rope(x, *op.rotary(layout, np.ones(1, np.float32)), heads=3)
        return op.attention(q, x, x, layout, heads=3, scale=0.4, causal=True)

    def pooled(op: Any, a: SimpleNamespace) -> Any:
        x = op.conv1d(a.x, a.weight, a.bias, a.layout, stride=2)
        return op.concat(*(op.pool(x, a.layout.every(2), kind=kind) for kind in POOLINGS))

    def again(op: Any, a: SimpleNamespace) -> Any:
        x, half = op.conv1d(a.x, a.weight, a.bias, a.layout, stride=2), a.layout.every(2)
        return op.conv1d(x, a.more, None, half, stride=2)

    def remember(op: Any, a: SimpleNamespace) -> Any:
        x, half = op.conv1d(a.x, a.weight, a.bias, a.layout, stride=2), a.layout.every(2)
        op.remember(x, op.relu(x), half, a.state.slot(0, "encoder"))
        return x

    yield Case(
        "conv1d",
        "then remembered",
        lambda op, a: op.attention(
            op.relu(op.conv1d(a.x, a.weight, a.bias, a.layout)), None, None, a.layout,
            heads=3, scale=0.4, slot=a.state.slot(0, "encoder"),
        ),
        {"x": 7},
        weights(3),
        passes=((3, 5),),
        slots=(SlotSpec(0, 3, 2, 2, part="encoder"),),
        source=(7, 2),
        remember=remember,
        tolerance=2e-6,
    )  # fmt: skip
    for label, program, more in (
        ("then attention", strided, {"table": Param((40, 6), "embedding")}),
        ("then pooling", pooled, {}),
        ("twice", again, {"more": Param((5, 6, 3), "convolution")}),
    ):
        yield Case(
            "conv1d", label, program, {"x": 7}, weights(3) | more, ((5, 1, 9),), tolerance=2e-6
        )


def turn(heads: int, turned: int, interleaved: bool) -> Any:
    inv_freq = (100.0 ** -(np.arange(turned // 2) / (turned // 2))).astype(np.float32)

    def program(op: Any, a: SimpleNamespace) -> Any:
        cos, sin = op.rotary(a.layout, inv_freq)
        return op.rope(a.x, cos, sin, heads=heads, interleaved=interleaved)

    return program


def attend(
    *, heads: int = 3, kv_heads: int | None = None, biased: bool = False, **options: Any
) -> Callable[[Any, SimpleNamespace], Any]:
    """A program: attention, over the slot where the case has a state."""

    def program(op: Any, a: SimpleNamespace) -> Any:
        bias = None
        if biased:
            causal = options.get("causal", False)
            bias = op.relative_bias(
                a.table, a.layout, bidirectional=not causal, buckets=8, max_distance=12
            )
        slot = None if a.state is None else a.state.slot(0)
        return op.attention(
            a.q, a.k, a.v, a.layout, heads=heads, kv_heads=kv_heads, scale=0.4, bias=bias,
            sinks=getattr(a, "sinks", None), slot=slot, **options,
        )  # fmt: skip

    return program


def sizes(heads: int = 3, kv_heads: int | None = None, key: int = 5, value: int = 7) -> dict:
    kv_heads = kv_heads or heads
    return {"q": heads * key, "k": kv_heads * key, "v": kv_heads * value}


TABLE = {"table": Param((8, 3))}
SINKS = {"sinks": Param((6,))}


def attention_over_rows() -> Iterator[Case]:
    def case(label: str, inputs: dict | None = None, **options: Any) -> Case:
        fields = ("passes", "draw", "strided", "weights", "op", "tolerance")
        given = {name: options.pop(name) for name in fields if name in options}
        given = {"tolerance": 2e-6} | given
        op = given.pop("op", "attention")
        return Case(op, label, attend(**options), inputs or sizes(), **given)

    yield case("all rows")
    yield case("causal", causal=True)
    yield case("one of everything", sizes(1, 1, 1, 1), heads=1, passes=((1,),))
    yield case("empty batch", passes=((),))
    yield case("grouped heads", sizes(6, 2), heads=6, kv_heads=2, causal=True)
    yield case("one key head", sizes(4, 1), heads=4, kv_heads=1)
    for window in (1, 3, 100):
        yield case(f"window {window}", causal=True, window=window)
        yield case(f"window {window}, both ways", window=window)
    yield case("window, both ways, soft cap", window=3, softcap=0.7)
    yield case(
        "window, relative, both ways", op="relative_bias", biased=True, window=3, weights=TABLE
    )
    yield case("window, sinks, both ways", sizes(6, 6), heads=6, window=3, weights=SINKS)
    yield case("soft cap", causal=True, softcap=0.7)
    yield case("soft cap, grouped", sizes(6, 2), heads=6, kv_heads=2, softcap=2.0)
    yield case("sinks", sizes(6, 2), heads=6, kv_heads=2, causal=True, weights=SINKS)
    yield case("sinks, window", sizes(6, 6), heads=6, causal=True, window=3, weights=SINKS)
    yield case("sinks, soft cap", sizes(6, 3), heads=6, kv_heads=3, softcap=0.7, weights=SINKS)
    yield case("sinks, long", sizes(6, 6), heads=6, weights=SINKS, passes=LONG)
    yield case("wide heads", sizes(2, 2, 67, 130), heads=2)
    yield case("not contiguous", causal=True, strided=True)
    yield case("huge scores", causal=True, draw=lambda r, s: 1e4 * r.standard_normal(s))
    yield case("tiny values", draw=lambda r, s: 1e-15 * r.standard_normal(s))
    yield case("poisoned", draw=poisoned)
    yield case("long", passes=LONG)
    yield case("long, causal", causal=True, passes=LONG)
    yield case("long, window", causal=True, window=130, passes=LONG)
    yield case("long, window, both ways", window=130, passes=LONG)
    yield case("bias", biased=True, weights=TABLE)
    yield case("relative, both ways", op="relative_bias", biased=True, weights=TABLE)
    yield case("relative, causal", op="relative_bias", biased=True, causal=True, weights=TABLE)
    yield case("relative, long", op="relative_bias", biased=True, weights=TABLE, passes=((130, 1),))
    yield case("relative, soft cap", op="relative_bias", biased=True, softcap=0.7, weights=TABLE)


def attention_over_a_cache() -> Iterator[Case]:
    def case(label: str, heads: int = 3, kv_heads: int = 3, **options: Any) -> Case:
        passes = options.pop("passes", RAGGED)
        weights = TABLE if options.get("biased") else options.pop("weights", {})
        return Case(
            options.pop("op", "attention"),
            f"cached, {label}",
            attend(heads=heads, kv_heads=kv_heads, causal=True, **options),
            sizes(heads, kv_heads),
            weights,
            passes,
            (SlotSpec(0, kv_heads, 5, 7),),
            tolerance=2e-6,
        )

    yield case("ragged")
    yield case("grouped heads", 6, 2)
    yield case("window 3", window=3)
    yield case("soft cap", softcap=0.7)
    yield case("bias", biased=True)
    yield case("bias", biased=True, op="relative_bias")
    yield case("sinks", 6, 2, weights=SINKS)
    yield case("one at a time", passes=((1, 1),) * 4)
    yield case("growing past its room", passes=((30, 2), (40, 1), (1, 70)))


def attention_over_a_source() -> Iterator[Case]:
    def remember(op: Any, a: SimpleNamespace) -> Any:
        op.remember(a.k, a.v, a.layout, a.state.slot(0, "encoder"))
        return a.k

    def cross(heads: int, kv_heads: int, **options: Any) -> Any:
        def program(op: Any, a: SimpleNamespace) -> Any:
            slot = a.state.slot(0, "encoder")
            return op.attention(
                a.q, None, None, a.layout, heads=heads, kv_heads=kv_heads, scale=0.4, slot=slot,
                **options,
            )  # fmt: skip

        return program

    for op, label, heads, kv_heads, source, options in (
        ("remember", "unequal sources", 3, 3, (7, 2), {}),
        ("remember", "one row", 3, 3, (1, 1), {}),
        ("attention", "crossed, grouped heads", 6, 2, (7, 2), {}),
        ("attention", "crossed, soft cap", 3, 3, (7, 2), {"softcap": 0.7}),
        # A sentence whose source is empty sees nothing: 0.
        ("attention", "crossed, nothing to see", 3, 3, (4, 0), {}),
        ("attention", "crossed, nothing to see, soft cap", 3, 3, (4, 0), {"softcap": 0.7}),
    ):
        yield Case(
            op,
            label,
            cross(heads, kv_heads, **options),
            sizes(heads, kv_heads),
            passes=((3, 5), (1, 1)),
            slots=(SlotSpec(0, kv_heads, 5, 7, part="encoder"),),
            source=source,
            remember=remember,
            tolerance=2e-6,
        )
