"""A generation that is asked for: what the decoder reads first, and how it may go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from quatrain.errors import InputError
from quatrain.models.shapes import Decoder, EncoderDecoder
from quatrain.tasks.constraints import Constraints
from quatrain.tasks.folder_settings import end_ids, settings_of, special_id
from quatrain.tasks.settings import Options

if TYPE_CHECKING:
    from quatrain.model import Model

#: New tokens that the caches have room for from the start: they grow when they must, so a generous
#: limit costs nothing by itself.
RESERVED = 1024
#: More than any pass can count.
MOST = 2**40


class Job:
    """What one generation starts from, checked before any work is done.

    ``text`` is what a decoder continues, or an encoder-decoder's source; ``decoder_ids`` are what
    an encoder-decoder's text must begin with. Raises InputError for what the model cannot take.
    """

    def __init__(self, model: Model, text: Any, decoder_ids: Any, given: Options) -> None:
        network = model.network
        assert isinstance(network, Decoder)
        self.model = model
        self.settings = settings = settings_of(model, given, network.target_size)
        if settings.stop and model.target_tokenizer is None:
            raise InputError("[generate] stop: expected a model with a tokenizer, this has none")
        #: The encoder's input; None for a decoder alone.
        self.source: np.ndarray | None = None
        #: What the decoder reads before it writes, int64 ``[T]``.
        self.ids: np.ndarray
        if isinstance(network, EncoderDecoder):
            self.source, self.ids = model.sample(text).ids, target_ids(model, decoder_ids)
        elif decoder_ids is None:
            self.ids = prompt_ids(model, text)
        else:
            raise InputError(
                f"[generate] decoder_ids: expected an encoder-decoder, got {model.config_name}"
            )
        #: How many new ids there may be, end token included.
        self.room = min(settings.room(len(self.ids)), MOST)
        if (context := network.target_context) is not None:
            # The last token is chosen with the context full; nothing could follow it.
            self.room = min(self.room, context - len(self.ids) + 1)
        #: The ids that end a text.
        self.ends = end_ids(model)
        self.constraints = Constraints(settings, self.ends, len(self.ids), self.room)

    @cached_property
    def state(self) -> Any:
        """A state that has read the source, and nothing of ``ids`` yet."""
        network, engine = self.model.network, self.model.engine
        state = engine.state(network.slots(), 1, len(self.ids) + min(self.room, RESERVED))
        if self.source is not None:
            engine.run(network, "encode", [self.source], state, source=True)
        return state

    def unread(self, state: Any, texts: Sequence[list[int]]) -> tuple[Any, list[np.ndarray]]:
        """The state, and what it has not read yet of each text; they are of one length.

        What it has read is read again where that is of no use for texts of their length.
        """
        network, past = self.model.network, int(state.lengths[0])
        assert isinstance(network, Decoder)
        if network.restarts(past, len(texts[0])):
            room, past = len(texts[0]) + min(self.room, RESERVED), 0
            state = self.model.engine.state(network.slots(), len(texts), room)
        return state, [np.array(text[past:], np.int64) for text in texts]

    def own(self, ids: Sequence[int]) -> tuple[list[int], str]:
        """What was written without the start and end tokens, and why it ends: "eos", "length"."""
        ended = bool(ids) and ids[-1] in self.ends
        forced = len(self.constraints.forced_bos)
        return list(ids[forced : len(ids) - ended]), "eos" if ended else "length"


def prompt_ids(model: Model, text: Any) -> np.ndarray:
    """A decoder's prompt; an empty one begins with the folder's ``bos_token_id``."""
    if isinstance(text, Sized) and not isinstance(text, Mapping) and len(text) == 0:
        if (bos := special_id(model, "bos_token_id", model.network.vocab_size)) is None:
            raise InputError("[generate] the prompt is empty and the model has no bos_token_id")
        text = [bos]
    return model.sample(text).ids


def target_ids(model: Model, given: Any) -> np.ndarray:
    """The start token, and after it the given ids; they may begin with it."""
    network = model.network
    assert isinstance(network, EncoderDecoder)
    start = special_id(model, "decoder_start_token_id", network.target_size)
    first = np.array([network.start if start is None else start], np.int64)
    if given is None:
        return first
    ids = model.target(given)
    return ids if ids[0] == first[0] else np.concatenate([first, ids])
