"""How much memory work will take, before it is done."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quatrain.errors import InputError
from quatrain.models import Decoder, Encoder, EncoderDecoder, SpeechToText
from quatrain.tasks.encode import BATCH_TOKENS

if TYPE_CHECKING:
    from quatrain.model import Model


def forecast(model: Model, *, batch: int, tokens: int) -> dict[str, int]:
    """Bytes that ``batch`` texts of ``tokens`` tokens will take on the native engine.

    weights: as they were loaded. activations: the arena of a pass. results: what it returns.
    caches: keys and values of a decoder. Encoders take as many texts in a pass as ``encode`` does,
    decoders all prompts at once, and those that hear as much as they can. Raises InputError for
    another engine, or more tokens than the context holds.
    """
    network, engine = model.network, model.engine
    context = network.target_context if isinstance(network, Decoder) else network.context
    if context is not None and tokens > context:
        raise InputError(f"[plan] expected at most {context} tokens, got {tokens}")
    weights = sum(tensors(network).values())
    if isinstance(network, Encoder):
        batch = min(batch, max(1, BATCH_TOKENS // tokens))
        work = [engine.memory(network, "embed", None, network.inputs, batch * tokens, batch)]
        caches = 0
    else:
        state = engine.state(network.slots(), batch, tokens)
        caches = sum(
            array.nbytes
            for slot in state.slots.values()
            for array in (slot.keys, slot.values)
            if array is not None
        )
        work = []
        if isinstance(network, EncoderDecoder):
            # A source's keys and values are results of the pass that computes them.
            read, bins = tokens, None
            if isinstance(network, SpeechToText):
                read, bins = network.context, network.bins
            one = np.zeros(1, np.int64) if bins is None else np.zeros((1, bins), np.float32)
            engine.run(network, "encode", [one] * batch, state, source=True)
            work = [engine.memory(network, "encode", state, (), batch * read, batch, bins)]
        work.append(engine.memory(network, "next_logits", state, (), batch * tokens, batch))
    return {
        "weights": weights,
        "activations": max(arena for arena, _ in work),
        "results": sum(results for _, results in work),
        "caches": caches,
    }


def tensors(network: Any) -> dict[int, int]:
    """Bytes of every tensor of a network; one that two modules share counts once."""
    return {
        id(value): value.nbytes
        for module in network.modules()
        for value in vars(module).values()
        if hasattr(value, "nbytes")
    }


def resident() -> int:
    """Bytes of memory that this process holds now; where only its peak is known, that."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize()
    return peak()


def peak() -> int:
    """The most memory that this process has held."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
