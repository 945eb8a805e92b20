"""A graph under construction: symbolic values, nodes, constants, and weights kept outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import onnx
import onnx.shape_inference
from onnx import TensorProto, helper, numpy_helper

#: What a graph is stamped with: the newest that onnxruntime's CPU provider reads.
OPSET, IR_VERSION = 23, 10
#: Weights begin on page boundaries, so that a runtime can map them.
ALIGNMENT = 4096

TYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "bool": TensorProto.BOOL}


class Value:
    """A symbolic tensor. It has a type and, in the end, a name; asking for its numbers raises."""

    __slots__ = ("dtype", "fixed", "name")

    def __init__(self, dtype: str = "float32", name: str = "", *, fixed: bool = False) -> None:
        self.dtype, self.name, self.fixed = dtype, name, fixed

    def _symbolic(self, *_: Any) -> NoReturn:
        raise TypeError("a graph value has no number: a model may not branch or compute on sizes")

    __bool__ = __int__ = __index__ = __len__ = __iter__ = _symbolic


class Weight(Value):
    """A parameter. ``load`` reads it [out, in]; ``stored`` says how graphs keep it."""

    __slots__ = ("key", "load", "matrix", "shape")

    def __init__(
        self, key: str, shape: Sequence[int], load: Callable[[], np.ndarray], *, matrix: bool
    ) -> None:
        super().__init__("float32", key, fixed=True)
        self.key, self.load, self.matrix = key, load, matrix
        self.shape = tuple(reversed(shape)) if matrix else tuple(shape)

    def array(self) -> np.ndarray:
        """The numbers as graphs keep them: a linear layer's as [in, out], ready for MatMul."""
        array = self.load()
        return np.ascontiguousarray(array.T if self.matrix else array, np.float32)


@dataclass
class Node:
    kind: str
    inputs: tuple[Value | None, ...]
    outputs: tuple[Value, ...]
    attributes: dict[str, Any]
    name: str


@dataclass
class Port:
    """A graph's input or output: its value and its first dimensions, numbers or names."""

    value: Value
    shape: Sequence[int | str]


@dataclass
class Graph:
    """Nodes in order. Names are resolved once, when the graph is written."""

    inputs: list[Port] = field(default_factory=list)
    outputs: dict[str, Port] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    scope: str = "graph"

    def __post_init__(self) -> None:
        self._constants: dict[tuple[str, tuple[int, ...], bytes], tuple[Value, np.ndarray]] = {}
        self._used: Counter[str] = Counter()

    def input(self, name: str, dtype: str, shape: Sequence[int | str]) -> Value:
        value = Value(dtype, name, fixed=True)
        self.inputs.append(Port(value, shape))
        return value

    def output(self, name: str, value: Value, shape: Sequence[int | str]) -> None:
        """Make ``value`` an output called ``name``; a second name for one value copies it.

        ``shape``: its first dimensions; the rest is what its nodes make it.
        """
        if value.fixed and value.name != name:
            value = self.emit("Identity", value, dtype=value.dtype)
        value.name, value.fixed = name, True
        self.outputs[name] = Port(value, shape)

    def constant(self, array: Any, dtype: str = "int64") -> Value:
        """A small tensor inside the graph; equal ones are kept once."""
        array = np.asarray(array, dtype)
        key = (dtype, array.shape, array.tobytes())
        if key not in self._constants:
            value = Value(dtype, f"constant.{len(self._constants)}", fixed=True)
            self._constants[key] = value, array
        return self._constants[key][0]

    def emit(
        self, kind: str, *inputs: Value | None, dtype: str = "float32", **attributes: Any
    ) -> Value:
        """Append a node with one output of ``dtype``."""
        return self.emit_many(kind, *inputs, dtypes=(dtype,), **attributes)[0]

    def emit_many(
        self, kind: str, *inputs: Value | None, dtypes: Iterable[str], **attributes: Any
    ) -> tuple[Value, ...]:
        """Append a node with several outputs."""
        outputs = tuple(Value(dtype) for dtype in dtypes)
        name = f"{self.scope}.{kind}"
        self._used[name] += 1
        if self._used[name] > 1:
            name = f"{name}:{self._used[name] - 1}"
        self.nodes.append(Node(kind, inputs, outputs, attributes, name))
        return outputs

    def weights(self) -> list[Weight]:
        """The weights that nodes use, each once, in order of use."""
        used = (x for node in self.nodes for x in node.inputs if isinstance(x, Weight))
        return list(dict.fromkeys(used))

    def write(self, path: Path, data: DataFile) -> None:
        """Write ``path``; weights are references into ``data``, which lies in the same folder."""
        model = self.proto(data)
        path.write_bytes(model.SerializeToString())

    def proto(self, data: DataFile) -> onnx.ModelProto:
        self._resolve_names()
        nodes = [
            helper.make_node(
                node.kind,
                [x.name if x is not None else "" for x in node.inputs],
                [x.name for x in node.outputs],
                name=node.name,
                **node.attributes,
            )
            for node in self.nodes
        ]
        used = {x for node in self.nodes for x in node.inputs}
        constants = [
            numpy_helper.from_array(array, value.name)
            for value, array in self._constants.values()
            if value in used
        ]
        graph = helper.make_graph(
            nodes,
            "quatrain",
            [
                helper.make_tensor_value_info(port.value.name, TYPES[port.value.dtype], port.shape)
                for port in self.inputs
            ],
            [
                helper.make_tensor_value_info(name, TYPES[port.value.dtype], None)
                for name, port in self.outputs.items()
            ],
            constants + [data.reference(weight) for weight in self.weights()],
        )
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(
            graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="quatrain"
        )
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
        for mine, found in zip(model.graph.output, inferred.graph.output, strict=True):
            mine.type.CopyFrom(found.type)
            shape = mine.type.tensor_type.shape
            for axis, name in enumerate(self.outputs[mine.name].shape):
                dim = shape.dim[axis] if axis < len(shape.dim) else shape.dim.add()
                setattr(dim, "dim_param" if isinstance(name, str) else "dim_value", name)
        return model

    def _resolve_names(self) -> None:
        taken = {port.value.name for port in self.inputs} | {w.name for w in self.weights()}
        taken |= set(self.outputs) | {value.name for value, _ in self._constants.values()}
        for node in self.nodes:
            for i, value in enumerate(node.outputs):
                if value.fixed:
                    continue
                stem = name = value.name or f"{node.name}.out{i}"
                copies = 0
                while name in taken:
                    copies += 1
                    name = f"{stem}/{copies}"
                taken.add(name)
                value.name, value.fixed = name, True


class DataFile:
    """A file of weights beside a graph, written one tensor at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._where: dict[str, tuple[int, int]] = {}

    def write(self, weights: Iterable[Weight]) -> None:
        """Write every weight; only one is in memory at a time."""
        with self.path.open("wb") as file:
            for weight in weights:
                file.write(b"\0" * (-file.tell() % ALIGNMENT))
                data = weight.array().data
                self._where[weight.key] = file.tell(), data.nbytes
                file.write(data)

    def reference(self, weight: Weight) -> TensorProto:
        """The tensor that says where in this file the weight lies."""
        offset, length = self._where[weight.key]
        tensor = TensorProto(name=weight.name, data_type=TensorProto.FLOAT, dims=weight.shape)
        tensor.data_location = TensorProto.EXTERNAL
        for key, text in ("location", self.path.name), ("offset", offset), ("length", length):
            tensor.external_data.add(key=key, value=str(text))
        return tensor
