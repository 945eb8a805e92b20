"""The architectures of GGUF files, by their names there."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

from quatrain.errors import ConfigError
from quatrain.gguf import decoders, encoders
from quatrain.gguf.described import Described
from quatrain.gguf.metadata import ARCHITECTURE, Metadata
from quatrain.gguf.tensor_file import TensorFile

ARCHITECTURES: dict[str, Callable[[Metadata, TensorFile], Described]] = {
    "llama": decoders.llama,
    "qwen2": decoders.qwen2,
    "qwen3": decoders.qwen3,
    "phi3": decoders.phi3,
    "gemma2": decoders.gemma2,
    "gemma3": decoders.gemma3,
    "gpt2": decoders.gpt2,
    "bert": encoders.bert,
    "t5": encoders.t5,
}


def describe(metadata: Metadata, file: TensorFile) -> Described:
    """The model of a file with these fields and tensors.

    Raises ConfigError for an architecture or a field that is not supported, naming it.
    """
    name = metadata.architecture
    if name not in ARCHITECTURES:
        near = get_close_matches(name, ARCHITECTURES, 1, 0.0)[0]
        raise ConfigError(
            f"{metadata.file}: {ARCHITECTURE}: expected one of {', '.join(ARCHITECTURES)}, found"
            f" {name!r:.60} (the nearest is {near!r})"
        )
    described = ARCHITECTURES[name](metadata, file)
    metadata.refuse_rest()
    return described
