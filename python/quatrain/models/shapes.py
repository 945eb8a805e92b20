"""The three shapes of a Transformer: encoder, decoder, and the two together.

A network's *programs* are what an engine runs: methods ``(op, ids, layout, state, **inputs)``
on which everything outside the model relies.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from quatrain.layers.sentence import SentenceModule
from quatrain.models.config import Config
from quatrain.module import Module
from quatrain.state import SlotSpec


class Network(Module):
    """A family's whole model."""

    #: Base prefixes that a file's keys may carry.
    prefixes: tuple[str, ...] = ()
    #: Patterns (full match) of keys that the architecture computes by itself or does not use.
    ignored: tuple[str, ...] = ()
    #: Modules that a checkpoint may lack, by attribute path.
    optional: tuple[str, ...] = ()
    #: Keys of tied weights that a file may repeat -> the key that owns the weight.
    duplicates: Mapping[str, str] = MappingProxyType({})
    #: Extra inputs, each with one value per token (``token_type_ids``).
    inputs: tuple[str, ...] = ()

    config: Config
    vocab_size: int
    #: The longest sentence the positions allow; None when they are computed without a limit.
    context: int | None
    #: Of the rows that ``hidden`` gives.
    width: int
    #: The engine's tensors by key, once they are bound.
    weights: dict[str, Any]

    def slots(self) -> list[SlotSpec]:
        """The caches that this network needs."""
        return []


class Encoder(Network):
    """Text to vectors: one per token (``hidden``) or one per sentence (``embed``)."""

    #: What makes one vector of a sentence's rows, one after the other; the folder says it.
    sentence: list[SentenceModule]

    def hidden(self, op: Any, ids: Any, layout: Any, state: None = None, **inputs: Any) -> Any:
        """The last layer's rows ``[N, D]``."""
        raise NotImplementedError

    def embed(self, op: Any, ids: Any, layout: Any, state: None = None, **inputs: Any) -> Any:
        """One vector per sentence ``[B, D]``."""
        return self._sentence(op, self.hidden(op, ids, layout, state, **inputs), layout)

    def vectors(self, op: Any, ids: Any, layout: Any, state: None = None, **inputs: Any) -> Any:
        """Both: {"last_hidden_state": rows, "sentence_embedding": sentences}, for graphs."""
        x = self.hidden(op, ids, layout, state, **inputs)
        sentence = self._sentence(op, x, layout)
        return {"last_hidden_state": x, "sentence_embedding": sentence}

    def _sentence(self, op: Any, x: Any, layout: Any) -> Any:
        for module in self.sentence:
            x = module(op, x, layout)
        return x


class Decoder(Network):
    """Text to the next token."""

    #: Whether tokens see those behind them: then the rows are good for vectors alone.
    bidirectional: bool = False

    @property
    def target_context(self) -> int | None:
        """The longest text that the positions allow; an encoder-decoder's ``context`` is for the
        source."""
        return self.context

    @property
    def target_size(self) -> int:
        """The number of tokens that a text is made of; an encoder-decoder's ``vocab_size`` is for
        the source."""
        return self.vocab_size

    def hidden(self, op: Any, ids: Any, layout: Any, state: Any) -> Any:
        """The rows that the head reads ``[N, D]``."""
        raise NotImplementedError

    def head(self, op: Any, x: Any) -> Any:
        """Logits of rows: ``[N, D] -> [N, V]``."""
        raise NotImplementedError

    def restarts(self, past: int, length: int) -> bool:
        """Whether the state of a text's first ``past`` tokens is of no use once it has ``length``.

        So it is where angles depend on a text's length: what a cache holds was computed with
        others. Then a pass must begin anew, with all tokens.
        """
        return False

    def logits(self, op: Any, ids: Any, layout: Any, state: Any = None) -> Any:
        """Next-token logits after every token ``[N, V]``."""
        return self.head(op, self.hidden(op, ids, layout, state))

    def next_logits(self, op: Any, ids: Any, layout: Any, state: Any = None) -> Any:
        """Next-token logits after each sentence's last token ``[B, V]``."""
        return self.head(op, op.last(self.hidden(op, ids, layout, state), layout))


class HeadlessDecoder(Encoder):
    """A decoder whose rows become vectors: an encoder, by its shape."""

    def __init__(self, decoder: Decoder):
        self.config, self.width = decoder.config, decoder.width
        self.vocab_size, self.context = decoder.vocab_size, decoder.context
        self.prefixes, self.ignored = decoder.prefixes, (*decoder.ignored, r"lm_head\..*")
        self.decoder = decoder
        vars(decoder).pop("lm_head", None)
        for _, param, *_ in self.params():
            param.role = "embedding" if param.role == "tied" else param.role

    def hidden(self, op: Any, ids: Any, layout: Any, state: None = None, **inputs: Any) -> Any:
        return self.decoder.hidden(op, ids, layout, state)


class EncoderDecoder(Decoder):
    """A source text, then a target text that attends to it. ``encode`` fills the state once."""

    #: The id that every target begins with.
    start: int

    #: Source ids to rows.
    encoder: Any
    #: Target ids to rows. It can ``remember`` a source, and knows the ``slots`` that this takes.
    decoder: Any

    def slots(self) -> list[SlotSpec]:
        return self.decoder.slots()

    def encode(self, op: Any, ids: Any, layout: Any, state: Any) -> Any:
        """The encoder's rows ``[N, D]``; every decoder block's cross keys and values are kept."""
        x = self.encoder(op, ids, layout)
        self.decoder.remember(op, x, layout, state)
        return x

    def hidden(self, op: Any, ids: Any, layout: Any, state: Any) -> Any:
        return self.decoder(op, ids, layout, state)


class SpeechToText(EncoderDecoder):
    """A recording, then a text that attends to it: ``encode`` takes rows of numbers, not ids."""

    #: How many numbers are in a row.
    bins: int
    #: How many rows the encoder hears at once.
    context: int
    #: How many rows of the recording one row of the encoder stands for.
    stride: int

    def encode(self, op: Any, rows: Any, layout: Any, state: Any) -> Any:
        x = self.encoder(op, rows, layout)
        self.decoder.remember(op, x, layout.every(self.stride), state)
        return x


def slot_of(state: Any, index: int, part: str = "decoder") -> Any:
    """Block ``index``'s cache, or None when the pass has no state."""
    return None if state is None else state.slot(index, part)
