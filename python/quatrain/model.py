"""A loaded model: a network on an engine, with its tokenizer, and what one does with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Unpack

import numpy as np

from quatrain.engines.engine import Engine
from quatrain.errors import InputError
from quatrain.folder import Folder
from quatrain.models import Decoder, Encoder, EncoderDecoder, Network
from quatrain.tasks.encode import encode
from quatrain.tasks.generate import Generation, Options, generate, stream
from quatrain.tokenizer.formats import FORMATS
from quatrain.tokenizer.opening import file_names
from quatrain.trace import Recording, Trace

#: A text, or its token ids.
Text = str | Sequence[int] | np.ndarray


class Sample(NamedTuple):
    """One sentence as a network takes it."""

    ids: np.ndarray
    inputs: dict[str, np.ndarray]


class Model:
    """A loaded model. Wherever a text goes in, a sequence of token ids may go in too.

    Made by ``quatrain.load``. It may be used from several Python threads at once.
    """

    def __init__(
        self,
        folder: Folder,
        network: Network,
        engine: Engine,
        tokenizer: Any,
        *,
        reload: Callable[[Folder, Engine], Model],
    ) -> None:
        self.folder, self.network, self.engine = folder, network, engine
        #: The tokenizer, or None for a folder without one.
        self.tokenizer = tokenizer
        self._reload = reload
        self._bare = tokenizer and tokenizer.without_padding().without_truncation()

    @property
    def config(self) -> Any:
        """The family's typed config."""
        return self.network.config

    @property
    def width(self) -> int:
        """D, the size of an encoder's vectors."""
        assert isinstance(self.network, Encoder)
        return self.network.width

    @property
    def path(self) -> Path:
        """The folder that the model came from."""
        return self.folder.path

    def on(self, engine: Engine) -> Model:
        """The same checkpoint on another engine."""
        return self._reload(self.folder, engine)

    def __repr__(self) -> str:
        return f"<quatrain.Model {type(self.network).__name__} {self.path} on {self.engine.name}>"

    def sample(self, text: Text, *, max_length: int | None = None) -> Sample:
        """One text as the network takes it; see ``samples``."""
        return self.samples([text], max_length=max_length)[0]

    def samples(self, texts: Sequence[Text], *, max_length: int | None = None) -> list[Sample]:
        """Each text's ids and extra inputs, checked against the vocabulary and the context.

        Texts longer than ``max_length`` tokens are cut there; without it nothing is cut.
        Raises InputError for ids out of range, no tokens, or more than the context holds.
        """
        strings = [text for text in texts if isinstance(text, str)]
        if strings and self._bare is None:
            raise InputError(
                f"{self.path}: no tokenizer there, so texts must be given as token ids; looked for "
                f"{file_names(FORMATS.values())}"
            )
        encodings: Iterator[Any] = iter(())
        if strings:
            encodings = iter(
                self._bare.encode_batch(strings, max_length=max_length, threads=self.engine.threads)
            )
        found = []
        for text in texts:
            if isinstance(text, str):
                encoding = next(encodings)
                ids = np.array(encoding.ids, np.int64)
                available = {"token_type_ids": np.array(encoding.type_ids, np.int64)}
            else:
                ids = token_ids(text)[:max_length]
                available = {"token_type_ids": np.zeros_like(ids)}
            self.check(ids)
            found.append(Sample(ids, {name: available[name] for name in self.network.inputs}))
        return found

    def check(self, ids: np.ndarray) -> None:
        """Raise InputError unless the network can take ``ids``."""
        if not len(ids):
            raise InputError("[ids] expected at least one token, got none")
        size, context = self.network.vocab_size, self.network.context
        outside = (ids < 0) | (ids >= size)
        if outside.any():
            at = int(outside.argmax())
            raise InputError(f"[ids] expected ids in [0, {size}), got {ids[at]} at position {at}")
        if context is not None and len(ids) > context:
            raise InputError(
                f"[ids] expected at most {context} tokens (the context), got {len(ids)}"
            )

    def run(
        self, program: str, samples: Sequence[Sample], *, record: bool = False
    ) -> tuple[np.ndarray, Recording]:
        """A program of the network on sentences, without a state."""
        inputs: dict[str, Any] = {
            name: [s.inputs[name] for s in samples] for name in self.network.inputs
        }
        ids = [sample.ids for sample in samples]
        return self.engine.run(self.network, program, ids, record=record, **inputs)

    def encode(self, texts: Sequence[Text], *, progress: bool | None = None) -> np.ndarray:
        """One vector per text, float32 ``[N, D]``, pooled and normalised as the folder says.

        Texts are cut at the folder's ``max_seq_length``, else at the context. ``progress`` shows
        a bar; None shows one when the work is long and the terminal is a person's.
        Raises InputError for a model without an encoder.
        """
        self._expect(Encoder, "encode")
        return encode(self, texts, progress=progress)

    def hidden(self, text: Text) -> np.ndarray:
        """What the last layer gives for one text, float32 ``[T, D]``: a decoder's head reads it."""
        self._expect((Encoder, Decoder), "hidden")
        return self.run("hidden", [self.sample(text)])[0]

    def logits(self, text: Text) -> np.ndarray:
        """Next-token logits after every token of one text, float32 ``[T, V]`` (decoders)."""
        self._expect(Decoder, "logits")
        return self.run("logits", [self.sample(text)])[0]

    def generate(self, prompt: Text, **settings: Unpack[Options]) -> Generation:
        """Continue ``prompt``; -> its text, ids, end and log probabilities.

        The keywords: max_new_tokens (64), temperature (0.0: the likeliest token each time), top_k
        (0: all), top_p (1.0), min_p (0.0), repetition_penalty (1.0), presence_penalty (0.0),
        frequency_penalty (0.0), seed (None draws one), stop (()), logprobs (0). What is not given
        comes from the folder's ``generation_config.json``, as do the tokens that end a text; see
        ``quatrain.tasks.generate.Settings``.
        Raises InputError for a setting or a prompt that cannot be used.
        """
        self._expect(Decoder, "generate")
        return generate(self, prompt, **settings)

    def stream(self, prompt: Text, **settings: Unpack[Options]) -> Iterator[str]:
        """Continue ``prompt`` as ``generate`` does, giving pieces of text as they are certain."""
        self._expect(Decoder, "stream")
        return stream(self, prompt, **settings)

    def trace(self, text: Text) -> Trace:
        """Every intermediate of one text by name: ``m.trace(text)["h.3.attn"]``."""
        program = "embed" if isinstance(self.network, Encoder) else "logits"
        self._expect((Encoder, Decoder), "trace")
        return Trace(self.run(program, [self.sample(text)], record=True)[1])

    def export(self, out_dir: str | os.PathLike[str]) -> Path:
        """Write a folder with ``onnx/model.onnx``; see ``quatrain.export.export``."""
        from quatrain.export import export

        return export(self, out_dir)

    def save(self, out_dir: str | os.PathLike[str]) -> Path:
        """Write a folder that ``quatrain.load`` maps: the weights as this engine packed them.

        The weights in it serve the native engine alone, and give the same results bit by bit.
        The folder appears only once it is complete.

        -> the folder's path. Raises ExportError if it exists and is not empty, EngineError for a
        model that is not on the native engine.
        """
        from quatrain.packed import save

        return save(self, out_dir)

    def _expect(self, shapes: type | tuple[type, ...], task: str) -> None:
        """Raise InputError unless the network has a shape that can do the task."""
        kinds = shapes if isinstance(shapes, tuple) else (shapes,)
        paired = isinstance(self.network, EncoderDecoder)
        if not isinstance(self.network, kinds) or (paired and task not in ("generate", "stream")):
            wanted = " or ".join(kind.__name__.lower() for kind in kinds)
            raise InputError(f"[{task}] expected a model of shape {wanted}, got {self.config_name}")

    @property
    def config_name(self) -> str:
        """The family, as ``model_type`` names it."""
        return str(self.folder.config["model_type"])


def token_ids(ids: Any) -> np.ndarray:
    """A sequence of token ids as int64 ``[T]``. Raises InputError for anything else."""
    try:
        array = np.asarray(ids)
    except ValueError as e:
        raise InputError(f"[ids] expected a sequence of integers: {e}") from None
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise InputError(
            f"[ids] expected a text or a flat sequence of integers, got {array.dtype} of shape"
            f" {array.shape}"
        )
    return array.astype(np.int64)
