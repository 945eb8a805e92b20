"""Writing the folder: settings and tokenizer beside ``onnx/model.onnx`` and its weights."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import onnx

from quatrain.engines.onnx.graph import DataFile, Graph
from quatrain.engines.onnx.lowering import Lowering
from quatrain.engines.onnx.program import build
from quatrain.errors import ExportError
from quatrain.files import new_folder
from quatrain.models import Decoder, Encoder, EncoderDecoder

if TYPE_CHECKING:
    from quatrain.model import Model


def export(model: Model, out_dir: str | os.PathLike[str]) -> Path:
    """Write ``out_dir``: the settings, the tokenizer, ``onnx/model.onnx`` and its weights.

    Encoders take ``input_ids``, ``attention_mask`` (and ``token_type_ids``) and give
    ``last_hidden_state`` and ``sentence_embedding``, pooled and normalised inside the graph.
    Decoders also take ``past_key_values.N.key`` / ``.value`` and give ``logits`` and
    ``present.N.key`` / ``.value``; a past of length 0 is allowed. Batch and lengths are free.
    Weights are written one tensor at a time. The folder appears only once it is complete.

    -> the folder's path. Raises ExportError if it exists and is not empty, or for a family that
    has no single graph.
    """
    out = Path(out_dir)
    if isinstance(model.network, EncoderDecoder):
        raise ExportError(f"[export] expected an encoder or a decoder, got {model.config_name}")
    network = model.on(Lowering(Graph())).network
    if isinstance(network, Encoder):
        program = build(network, "vectors", inputs=[(name, "int64", ()) for name in network.inputs])
    else:
        assert isinstance(network, Decoder)
        program = build(network, "logits", specs=network.slots())
    with new_folder(out) as draft:
        (draft / "onnx").mkdir()
        data = DataFile(draft / "onnx" / "model.onnx_data")
        data.write(program.graph.weights())
        program.graph.write(draft / "onnx" / "model.onnx", data)
        onnx.checker.check_model(draft / "onnx" / "model.onnx")
        if model.tokenizer is not None:
            model.tokenizer.save(draft)
        model.folder.copy_settings(draft)
        model.folder.copy_module_weights(draft)
    return out
