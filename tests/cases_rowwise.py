"""Cases of primitives and of row-wise operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from case import VOCAB, Case, Draw, Program, huge, normal, poisoned, positive, tiny
from quatrain.module import Param


def rowwise(
    op: str,
    program: Program,
    *,
    inputs: tuple[str, ...] = ("x",),
    weights: Callable[[int], dict[str, Param]] = lambda width: {},
    draws: tuple[Draw, ...] = (huge, tiny, poisoned),
    draw: Draw = normal,
    tolerance: float = 1e-6,
    long_tolerance: float = 1e-6,
    prefix: str = "",
) -> Iterator[Case]:
    """The shapes and the values that every row-wise operation must bear."""

    def case(label: str, width: int, *passes: tuple[int, ...], **more: Any) -> Case:
        fields = {"draw": draw, "tolerance": tolerance} | more
        sizes = dict.fromkeys(inputs, width)
        return Case(op, prefix + label, program, sizes, weights(width), passes, **fields)

    yield case("odd sizes", 13, (5, 1, 9))
    yield case("one value", 1, (1,))
    yield case("long rows", 4099, (2, 1), tolerance=long_tolerance)
    yield case("many rows", 24, (190, 67))
    yield case("empty batch", 13, ())
    yield case("not contiguous", 13, (5, 1, 9), strided=True)
    for values in draws:
        yield case(values.__name__, 13, (5, 1, 9), draw=values)


def by_head(name: str, **options: Any) -> Program:
    """An operation on ``[..., H, D]``."""

    def program(op: Any, a: SimpleNamespace) -> Any:
        heads = op.split_heads(a.x, 3)
        weights = [getattr(a, key) for key in ("weight", "bias") if hasattr(a, key)]
        return op.merge_heads(getattr(op, name)(heads, *weights, **options))

    return program


def vector(width: int) -> dict[str, Param]:
    return {"weight": Param((width,))}


def affine(width: int) -> dict[str, Param]:
    return {"weight": Param((width,)), "bias": Param((width,))}


def matrix(width: int) -> dict[str, Param]:
    return {"weight": Param((37, width), "linear"), "bias": Param((37,))}


def primitives() -> Iterator[Case]:
    for op in ("add", "mul"):
        yield from rowwise(
            op,
            lambda op, a, n=op: getattr(op, n)(a.x, a.y),
            inputs=("x", "y"),
            draws=(huge, poisoned),
        )
        yield Case(op, "a number", lambda op, a, n=op: getattr(op, n)(a.x, -1.7), {"x": 13})
        yield Case(
            op, "a vector", lambda op, a, n=op: getattr(op, n)(a.x, a.weight), {"x": 13}, vector(13)
        )
        yield Case(
            op,
            "one value a row",
            lambda op, a, n=op: getattr(op, n)(a.x, op.mean(a.x)),
            {"x": 13},
        )
        yield Case(
            op,
            "by head",
            lambda op, a, n=op: op.merge_heads(getattr(op, n)(op.split_heads(a.x, 3), a.weight)),
            {"x": 15},
            vector(5),
        )
    for op in ("tanh", "relu", "sigmoid", "erf"):
        yield from rowwise(op, lambda op, a, n=op: getattr(op, n)(a.x))
    yield from rowwise("rsqrt", lambda op, a: op.rsqrt(a.x), draws=(), draw=positive)
    yield from rowwise("mean", lambda op, a: op.mean(a.x))
    yield from rowwise("softmax", lambda op, a: op.softmax(a.x))
    yield Case("softmax", "by head", by_head("softmax"), {"x": 15})
    yield Case("softmax", "equal values", lambda op, a: op.softmax(op.mul(a.x, 0.0)), {"x": 13})
    yield from rowwise("concat", lambda op, a: op.concat(a.x, a.y, a.x), inputs=("x", "y"))
    for sizes in ((13,), (1, 12), (5, 1, 7)):
        yield Case(
            "split",
            f"{sizes}",
            lambda op, a, sizes=sizes: op.concat(*reversed(op.split(a.x, sizes))),
            {"x": 13},
        )
    for heads, width in ((1, 13), (13, 1), (3, 5)):
        yield Case(
            "split_heads",
            f"{heads} of {width}",
            lambda op, a, n=heads: op.mul(op.split_heads(a.x, n), a.weight),
            {"x": heads * width},
            vector(width),
        )
    yield Case(
        "merge_heads",
        "3 of 5",
        lambda op, a: op.merge_heads(op.softmax(op.split_heads(a.x, 3))),
        {"x": 15},
    )


def semantic() -> Iterator[Case]:
    for role in ("embedding", "tied"):
        for width in (1, 13, 4099):
            yield Case(
                "embedding",
                f"{role}, width {width}",
                lambda op, a: op.embedding(a.ids, a.table),
                weights={"table": Param((VOCAB, width), role)},
                tolerance=0.0,
            )
    yield Case(
        "embedding",
        "empty batch",
        lambda op, a: op.embedding(a.ids, a.table),
        weights={"table": Param((VOCAB, 13), "embedding")},
        passes=((),),
    )
    # A sum of 4099 products in one fixed order loses about sqrt(4099) roundings.
    yield from rowwise(
        "linear",
        lambda op, a: op.linear(a.x, a.weight, a.bias),
        weights=matrix,
        long_tolerance=4e-6,
    )
    yield Case("linear", "no bias", lambda op, a: op.linear(a.x, a.weight), {"x": 13}, matrix(13))
    yield Case(
        "linear",
        "one output",
        lambda op, a: op.linear(a.x, a.weight),
        {"x": 13},
        {"weight": Param((1, 13), "linear")},
    )
    yield Case(
        "linear",
        "tied to the embedding",
        lambda op, a: op.linear(op.embedding(a.ids, a.table), a.table),
        weights={"table": Param((VOCAB, 29), "tied")},
    )
    for name in ("gelu", "gelu_tanh", "silu", "relu", "tanh"):
        yield Case(
            "linear",
            f"then {name}",
            lambda op, a, n=name: getattr(op, n)(op.linear(a.x, a.weight, a.bias)),
            {"x": 13},
            matrix(13),
        )
    for name in ("gelu", "gelu_tanh", "silu"):
        yield from rowwise(name, lambda op, a, n=name: getattr(op, n)(a.x))
        yield from rowwise(
            "gated",
            lambda op, a, n=name: op.gated(a.x, a.y, activation=n),
            inputs=("x", "y"),
            draws=(huge, poisoned),
            prefix=f"{name}, ",
        )
    yield from rowwise(
        "layer_norm",
        lambda op, a: op.layer_norm(a.x, a.weight, a.bias, eps=1e-5),
        weights=affine,
    )
    yield from rowwise(
        "rms_norm", lambda op, a: op.rms_norm(a.x, a.weight, eps=1e-5), weights=vector
    )
    yield Case(
        "layer_norm",
        "no bias",
        lambda op, a: op.layer_norm(a.x, a.weight, None, eps=1e-12),
        {"x": 13},
        vector(13),
    )
    yield Case(
        "layer_norm",
        "a large mean",
        lambda op, a: op.layer_norm(op.add(a.x, 1000.0), a.weight, a.bias, eps=1e-5),
        {"x": 768},
        affine(768),
        tolerance=1e-4,
    )
    yield Case("layer_norm", "by head", by_head("layer_norm", eps=1e-5), {"x": 15}, affine(5))
    yield Case("rms_norm", "by head", by_head("rms_norm", eps=1e-5), {"x": 15}, vector(5))
    for label, options in (
        ("3 heads", {}),
        ("3 heads, empty batch", {"passes": ((),)}),
        ("3 heads, not contiguous", {"strided": True}),
        ("3 heads, many rows", {"passes": ((190, 67),)}),
    ):
        yield Case(
            "rms_norm",
            label,
            lambda op, a: op.rms_norm(a.x, a.weight, eps=1e-5, heads=3),
            {"x": 15},
            vector(5),
            **options,
        )
    for name, weights in (("layer_norm", affine), ("rms_norm", vector)):

        def after_add(op: Any, a: SimpleNamespace, name: str = name) -> Any:
            total = op.add(a.x, a.y)
            bias = {"bias": a.bias} if name == "layer_norm" else {}
            return op.add(total, getattr(op, name)(total, a.weight, eps=1e-5, **bias))

        yield Case(name, "after a sum", after_add, {"x": 13, "y": 13}, weights(13))
    yield from rowwise("l2_normalize", lambda op, a: op.l2_normalize(a.x))
    yield Case("l2_normalize", "zeros", lambda op, a: op.l2_normalize(op.mul(a.x, 0.0)), {"x": 13})
