"""Checkpoints as peers want them: ``python -m benchmarks.models.convert KIND CHECKPOINT OUT``.

Run in the peers' interpreter; knows nothing of quatrain.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np


def optimised(source: Path, out: Path) -> None:
    """torch's export of BERT, fused by onnxruntime's own optimiser."""
    import torch
    import transformers
    from onnxruntime.transformers.optimizer import optimize_model

    inner = (
        transformers.BertModel.from_pretrained(
            source, add_pooling_layer=False, attn_implementation="eager"
        )
        .eval()
        .requires_grad_(False)
    )

    class Rows(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, ids, mask, types):
            return self.inner(input_ids=ids, attention_mask=mask, token_type_ids=types)[0]

    ids = torch.ones((2, 8), dtype=torch.int64)
    axes = {0: "batch", 1: "tokens"}
    names = ["input_ids", "attention_mask", "token_type_ids"]
    raw = out / "raw.onnx"
    torch.onnx.export(
        Rows(), (ids, ids, ids * 0), str(raw), input_names=names,
        output_names=["last_hidden_state"], opset_version=17, dynamo=False,
        dynamic_axes=dict.fromkeys([*names, "last_hidden_state"], axes),
    )  # fmt: skip
    config = inner.config
    fused = optimize_model(
        str(raw), "bert", num_heads=config.num_attention_heads, hidden_size=config.hidden_size
    )
    fused.save_model_to_file(str(out / "model.onnx"))
    raw.unlink()


def int8(source: Path, out: Path) -> None:
    """The same, its weights quantised per channel and its rows when they come."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    optimised(source, out)
    whole = out / "whole.onnx"
    (out / "model.onnx").rename(whole)
    quantize_dynamic(
        whole, out / "model.onnx", per_channel=True, weight_type=QuantType.QInt8,
        extra_options={"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT},
    )  # fmt: skip
    whole.unlink()


def ctranslate2(source: Path, out: Path) -> None:
    from ctranslate2.converters import TransformersConverter

    TransformersConverter(str(source)).convert(str(out), force=True)


def last(source: Path, out: Path) -> None:
    """quatrain's graph with the logits of the last token alone, as other engines make them."""
    import onnx

    graph = onnx.load(source / "onnx" / "model.onnx")
    head = next(node for node in graph.graph.node if "logits" in node.output)
    rows, head.input[0] = head.input[0], "last_row"
    index = onnx.numpy_helper.from_array(np.array([-1]), "last_index")
    graph.graph.initializer.append(index)
    gather = onnx.helper.make_node("Gather", [rows, "last_index"], ["last_row"], axis=1)
    graph.graph.node.insert(list(graph.graph.node).index(head), gather)
    onnx.save(graph, out / "model.onnx", save_as_external_data=True, location="weights")


def genai(dtype: str, source: Path, out: Path) -> None:
    """``int8`` is 4-bit's own builder with 8-bit blocks."""
    precision = {"float32": "fp32", "int8": "int8", "int4": "int4"}[dtype]
    options = ["prune_lm_head=true", *(["int4_accuracy_level=4"] if dtype == "int4" else [])]
    command = [
        sys.executable, "-m", "onnxruntime_genai.models.builder", "-i", str(source),
        "-o", str(out), "-p", precision, "-e", "cpu", "-c", str(out / "cache"),
    ]  # fmt: skip
    subprocess.run([*command, "--extra_options", *options], check=True)


def main() -> None:
    kind, source, out = sys.argv[1:]
    # Moved in whole: an interrupted conversion leaves nothing that looks finished.
    with tempfile.TemporaryDirectory(dir=Path(out).parent) as name:
        made = Path(name) / "made"
        made.mkdir()
        if kind.startswith("genai-"):
            genai(kind.removeprefix("genai-"), Path(source), made)
        else:
            makers = {
                "optimised": optimised,
                "int8": int8,
                "ctranslate2": ctranslate2,
                "last": last,
            }
            makers[kind](Path(source), made)
        shutil.move(made, out)


if __name__ == "__main__":
    main()
