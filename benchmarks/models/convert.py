"""Checkpoints as peers want them: ``python -m benchmarks.models.convert KIND CHECKPOINT OUT``.

Run in the peers' interpreter; knows nothing of quatrain.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


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


def genai(dtype: str, source: Path, out: Path) -> None:
    """``int8`` is 4-bit's own builder with 8-bit blocks."""
    precision = {"float32": "fp32", "int8": "int8", "int4": "int4"}[dtype]
    options = ["int4_accuracy_level=4"] if dtype == "int4" else []
    command = [
        sys.executable, "-m", "onnxruntime_genai.models.builder", "-i", str(source),
        "-o", str(out), "-p", precision, "-e", "cpu", "-c", str(out / "cache"),
    ]  # fmt: skip
    extra = ["--extra_options", *options] if options else []
    subprocess.run([*command, *extra], check=True)


def main() -> None:
    kind, source, out = sys.argv[1:]
    # Moved in whole: an interrupted conversion leaves nothing that looks finished.
    with tempfile.TemporaryDirectory(dir=Path(out).parent) as name:
        made = Path(name) / "made"
        made.mkdir()
        if kind.startswith("genai-"):
            genai(kind.removeprefix("genai-"), Path(source), made)
        else:
            {"optimised": optimised, "int8": int8, "ctranslate2": ctranslate2}[kind](
                Path(source), made
            )
        shutil.move(made, out)


if __name__ == "__main__":
    main()
