"""A network's program as a graph: which inputs it has, what they are called, what comes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from quatrain.engines.onnx.graph import Graph, Value
from quatrain.engines.onnx.layout import GraphSlot, GraphState, Padded
from quatrain.engines.onnx.lowering import Lowering
from quatrain.module import Module
from quatrain.state import SlotSpec
from quatrain.trace import Tracer

#: A program's output as optimum, onnxruntime-genai and sentence-transformers call it.
OUTPUTS = {
    "hidden": "last_hidden_state",
    "encode": "last_hidden_state",
    "embed": "sentence_embedding",
    "logits": "logits",
}
#: The first dimensions of outputs by these names; the others are what their nodes make them.
LEADING = {
    "last_hidden_state": ["batch", "sequence"],
    "logits": ["batch", "sequence"],
    "next_logits": ["batch"],
    "sentence_embedding": ["batch"],
}


@dataclass
class Program:
    """A built graph. ``recorded``: traced name -> kind and stride; ``output``: the result's name;
    ``stride``: how many tokens a row of it, or of the source that it keeps, stands for."""

    graph: Graph
    output: str
    specs: list[SlotSpec]
    recorded: dict[str, tuple[str, int]]
    stride: int
    source_stride: int


def build(
    network: Module,
    program: str,
    *,
    specs: Sequence[SlotSpec] = (),
    source: bool = False,
    record: bool = False,
    inputs: Sequence[tuple[str, str, Sequence[int]]] = (),
    features: int | None = None,
) -> Program:
    """Run ``network.<program>`` on symbols; -> the graph that this writes.

    ``specs``: the state's slots, none for a pass without a state. ``inputs``: the extra inputs
    as (name, dtype, trailing dimensions). ``record`` makes every named value an output.
    ``features``: how wide the rows are that the program takes instead of ids.
    """
    graph = Graph()
    past = bool(specs) and not source
    if features is None:
        ids = graph.input("input_ids", "int64", ["batch", "sequence"])
    else:
        ids = graph.input("input_features", "float32", ["batch", "sequence", features])
    columns = "total_sequence" if past else "sequence"
    mask = graph.input("attention_mask", "int64", ["batch", columns])
    extra = {
        name: graph.input(name, dtype, ["batch", "sequence", *shape])
        for name, dtype, shape in inputs
    }
    state = symbolic_state(graph, specs, mask, source) if specs else None
    tracer = Tracer(Lowering(graph), inside=record)
    run: Callable[..., Value] = getattr(network, program)
    result = run(tracer, ids, Padded(graph, ids, mask, past=past), state, **extra)

    output = OUTPUTS.get(program, program)
    for name, value in (result if isinstance(result, dict) else {output: result}).items():
        graph.output(name, value, LEADING.get(name, []))
    for spec, present in state.outputs() if state else ():
        total = "source_sequence" if spec.part == "encoder" else "total_sequence"
        for name, value, dim in zip(
            spec.names("present"), present, (spec.key_dim, spec.value_dim), strict=True
        ):
            graph.output(name, value, ["batch", spec.kv_heads, total, dim])
    recorded: dict[str, tuple[str, int]] = {}
    if record:
        for name, (value, kind, stride) in tracer.values.items():
            graph.output(name, value, [])
            recorded[name] = kind, stride
    source_stride = state.stride if state else 1
    return Program(graph, output, list(specs), recorded, tracer.stride(result), source_stride)


def symbolic_state(
    graph: Graph, specs: Sequence[SlotSpec], mask: Value, source: bool
) -> GraphState:
    """The caches as graph inputs. An encoder pass has none: it only fills its own slots."""
    if source:
        own = {s.key: GraphSlot(s, None, mask) for s in specs if s.part == "encoder"}
        return GraphState(own, [s for s in specs if s.part == "encoder"])
    source_mask = mask
    if any(spec.part == "encoder" for spec in specs):
        source_mask = graph.input("encoder_attention_mask", "int64", ["batch", "source_sequence"])
    slots = {}
    for spec in specs:
        crossed = spec.part == "encoder"
        columns = "source_sequence" if crossed else "past_sequence"
        key, value = spec.names("past_key_values")
        past = (
            graph.input(key, "float32", ["batch", spec.kv_heads, columns, spec.key_dim]),
            graph.input(value, "float32", ["batch", spec.kv_heads, columns, spec.value_dim]),
        )
        slots[spec.key] = GraphSlot(spec, past, source_mask if crossed else mask)
    return GraphState(slots, list(specs))
