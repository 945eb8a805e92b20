"""A loaded model: a network on an engine, with its tokenizer, and what one does with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Unpack

import numpy as np

from quatrain.audio import features
from quatrain.engines.engine import Engine, Ids
from quatrain.errors import InputError
from quatrain.folder import Folder
from quatrain.models import Decoder, Encoder, EncoderDecoder, Network, SpeechToText
from quatrain.tasks.encode import encode
from quatrain.tasks.generate import Generation, Options, generate, stream
from quatrain.tasks.transcribe import Transcription, transcribe
from quatrain.tokenizer.formats import FORMATS
from quatrain.tokenizer.opening import file_names
from quatrain.trace import Recording, Trace

#: A text, or its token ids. Where speech is heard: a .wav file, or samples (see ``transcribe``).
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
        target_tokenizer: Any = None,
    ) -> None:
        self.folder, self.network, self.engine = folder, network, engine
        #: The tokenizer, or None for a folder without one.
        self.tokenizer = tokenizer
        #: What turns new ids into text: of some encoder-decoders another one.
        self.target_tokenizer = target_tokenizer or tokenizer
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
        return self.network.sentence[-1].outputs

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
        Networks that hear take recordings, see ``transcribe``, and their spectrograms.
        Raises InputError for ids out of range, no tokens, or more than the context holds.
        """
        if isinstance(self.network, SpeechToText):
            bins, frames = self.network.bins, self.network.context
            return [Sample(features(text, bins=bins, frames=frames), {}) for text in texts]
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
            check(ids, self.network.vocab_size, self.network.context)
            found.append(Sample(ids, {name: available[name] for name in self.network.inputs}))
        return found

    def target(self, ids: Text) -> np.ndarray:
        """A decoder's ids that were given, checked against the vocabulary and its context.

        Raises InputError as ``samples`` does, and for a text: they must be token ids.
        """
        network = self.network
        assert isinstance(network, EncoderDecoder)
        found = token_ids(ids)
        check(found, network.target_size, network.target_context)
        return found

    def run(
        self, program: str, samples: Sequence[Sample], *, record: bool = False
    ) -> tuple[np.ndarray, Recording]:
        """A program of the network on sentences, without a state."""
        inputs: dict[str, Any] = {
            name: [s.inputs[name] for s in samples] for name in self.network.inputs
        }
        ids = [sample.ids for sample in samples]
        return self.engine.run(self.network, program, ids, record=record, **inputs)

    def run_pair(
        self, sources: Ids, targets: Ids | None = None, *, record: bool = False
    ) -> tuple[np.ndarray, Recording]:
        """An encoder-decoder's encoder on sources, and its decoder on their targets if there are.

        -> the decoder's logits, else the encoder's rows, and what was recorded of both passes.
        """
        network, engine = self.network, self.engine
        state = engine.state(network.slots(), len(sources))
        rows, recording = engine.run(network, "encode", sources, state, source=True, record=record)
        if targets is not None:
            rows, later = engine.run(network, "logits", targets, state, record=record)
            recording.follow(later)
        return rows, recording

    def encode(
        self,
        texts: Sequence[Text],
        *,
        prompt: str | None = None,
        prompt_name: str | None = None,
        progress: bool | None = None,
    ) -> np.ndarray:
        """One vector per text, float32 ``[N, D]``, by the modules that the folder describes.

        ``prompt`` goes before every text, or the folder's prompt called ``prompt_name`` ("query"),
        or, without either, its default one; token ids are taken as they are. Texts are cut at the
        folder's ``max_seq_length``, else at the context. ``progress`` shows a bar; None shows one
        when the work is long and the terminal is a person's.
        Raises InputError for a model without an encoder, or a prompt that there is not.
        """
        self._expect(Encoder, "encode")
        return encode(self, texts, prompt=prompt, prompt_name=prompt_name, progress=progress)

    def hidden(self, text: Text) -> np.ndarray:
        """What the last layer gives for one text, float32 ``[T, D]``.

        Of a decoder it is what the head reads, of an encoder-decoder the encoder's rows.
        """
        if isinstance(self.network, EncoderDecoder):
            return self.run_pair([self.sample(text).ids])[0]
        return self.run("hidden", [self.sample(text)])[0]

    def logits(self, text: Text, decoder_ids: Text | None = None) -> np.ndarray:
        """Next-token logits after every token of one text, float32 ``[T, V]`` (decoders).

        An encoder-decoder reads ``text`` as its source, and gives the logits after every token of
        ``decoder_ids``, which begin with its start token.
        """
        self._expect(Decoder, "logits")
        if (target := self._target("logits", decoder_ids)) is not None:
            return self.run_pair([self.sample(text).ids], [target])[0]
        return self.run("logits", [self.sample(text)])[0]

    def generate(
        self, prompt: Text, decoder_ids: Text | None = None, **settings: Unpack[Options]
    ) -> Generation:
        """Continue ``prompt``; -> its text, ids, end and log probabilities, and ``beams``.

        An encoder-decoder reads ``prompt`` as its source; ``decoder_ids`` are what its own text
        must begin with, and no part of what is returned.

        The keywords: max_new_tokens (64), temperature (0.0: the likeliest token each time), top_k
        (0: all), top_p (1.0), min_p (0.0), repetition_penalty (1.0), presence_penalty (0.0),
        frequency_penalty (0.0), seed (None draws one), stop (()), logprobs (0); for beam search
        num_beams (1: none), num_return_sequences (1), length_penalty (1.0), early_stopping (False,
        True or "never"); and transformers' max_length, min_length, min_new_tokens,
        no_repeat_ngram_size, bad_words_ids, suppress_tokens, begin_suppress_tokens,
        forced_bos_token_id and forced_eos_token_id. What is not given comes from the folder's
        ``generation_config.json``, as do the tokens that end a text; see
        ``quatrain.tasks.settings.Settings``.
        Raises InputError for a setting or a prompt that cannot be used.
        """
        self._expect(Decoder, "generate")
        return generate(self, prompt, decoder_ids, **settings)

    def stream(
        self, prompt: Text, decoder_ids: Text | None = None, **settings: Unpack[Options]
    ) -> Iterator[str]:
        """Continue ``prompt`` as ``generate`` does, giving pieces of text as they are certain: with
        beam search, the best text when it is found."""
        self._expect(Decoder, "stream")
        return stream(self, prompt, decoder_ids, **settings)

    def transcribe(
        self,
        audio: str | os.PathLike[str] | np.ndarray,
        *,
        language: str | None = None,
        task: str = "transcribe",
        **settings: Unpack[Options],
    ) -> Transcription:
        """What is said in a recording of up to 30 seconds; -> its text, ids, language and end.

        ``audio``: a .wav file of whole numbers, or samples as floats ``[N]`` within [-1, 1]; one
        channel, 16000 samples per second. ``language``: a code of the model's ("en"); None finds
        it out, or is English for a model that knows nothing else. ``task``: "transcribe", or
        "translate" into English. The text has no times. Other keywords are those of ``generate``;
        of tokens there may be as many as the context holds.
        Raises InputError for a recording, a language or a task that cannot be used, and for a
        model of another shape or without a tokenizer.
        """
        self._expect(SpeechToText, "transcribe")
        return transcribe(self, audio, language, task, **settings)

    def trace(self, text: Text, decoder_ids: Text | None = None) -> Trace:
        """Every intermediate of one text by name: ``m.trace(text)["h.3.attn"]``.

        Of an encoder-decoder: of the encoder's pass over ``text`` and the decoder's over
        ``decoder_ids``. A name of both has ``:1`` the second time.
        """
        if (target := self._target("trace", decoder_ids)) is not None:
            sources = [self.sample(text).ids]
            return Trace(self.run_pair(sources, [target], record=True)[1])
        program = "embed" if isinstance(self.network, Encoder) else "logits"
        return Trace(self.run(program, [self.sample(text)], record=True)[1])

    def _target(self, task: str, decoder_ids: Text | None) -> np.ndarray | None:
        """An encoder-decoder's ``decoder_ids``; None for another model. Raises InputError unless
        they are given with the one, and not with the other."""
        if isinstance(self.network, EncoderDecoder) != (decoder_ids is not None):
            wanted = "decoder_ids" if decoder_ids is None else "no decoder_ids"
            raise InputError(f"[{task}] expected {wanted} with a model of {self.config_name}")
        return None if decoder_ids is None else self.target(decoder_ids)

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

    def _expect(self, shape: type, task: str) -> None:
        """Raise InputError unless the network has a shape that can do the task."""
        if not isinstance(self.network, shape):
            wanted = shape.__name__.lower()
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


def check(ids: np.ndarray, size: int, context: int | None) -> None:
    """Raise InputError unless ``ids`` are of a vocabulary of ``size``, and at most ``context``."""
    if not len(ids):
        raise InputError("[ids] expected at least one token, got none")
    outside = (ids < 0) | (ids >= size)
    if outside.any():
        at = int(outside.argmax())
        raise InputError(f"[ids] expected ids in [0, {size}), got {ids[at]} at position {at}")
    if context is not None and len(ids) > context:
        raise InputError(f"[ids] expected at most {context} tokens (the context), got {len(ids)}")
