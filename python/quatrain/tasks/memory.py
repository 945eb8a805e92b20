"""How much memory work will take, before it is done."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import Any

from quatrain.engines.engine import Engine
from quatrain.errors import InputError
from quatrain.models import Decoder, Encoder, EncoderDecoder, Network, SpeechToText
from quatrain.tasks.encode import BATCH_TOKENS


def forecast(network: Network, engine: Engine, *, batch: int, tokens: int) -> dict[str, int]:
    """Bytes that ``batch`` texts of ``tokens`` tokens will take on the native engine.

    Only the sizes of the network's weights matter: see ``quatrain.loader.outline``. weights: as
    they are held. activations: the arena of a pass. results: what it returns. caches: keys and
    values of a decoder. Encoders take as many texts in a pass as ``encode`` does, decoders all
    prompts at once, and those that hear as much as they can. Raises InputError for another engine,
    or more tokens than the context holds.
    """
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
    return _status("VmRSS") or peak()


def peak() -> int:
    """The most memory that this process has held."""
    # What getrusage() says begins with what the process held that started this one.
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return _status("VmHWM") or (most if sys.platform == "darwin" else most * 1024)


def _status(field: str) -> int | None:
    """A field of what Linux says of this process, in bytes."""
    file = Path("/proc/self/status")
    if not file.exists():
        return None
    fields = dict(line.split(":", 1) for line in file.read_text().splitlines())
    return int(fields[field].split()[0]) * 1024 if field in fields else None
