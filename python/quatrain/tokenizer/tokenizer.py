"""The user's `Tokenizer`."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from quatrain import _core
from quatrain.errors import InputError, TokenizerError
from quatrain.files import brief
from quatrain.tokenizer import opening
from quatrain.tokenizer.calls import RuledCalls
from quatrain.tokenizer.chat import Conversing
from quatrain.tokenizer.description import Source
from quatrain.tokenizer.encoding import Encoding
from quatrain.tokenizer.formats import read
from quatrain.tokenizer.ids import IdCalls, checked_threads, each
from quatrain.tokenizer.lengths import Direction, Padding, Strategy, Truncation, to_core
from quatrain.tokenizer.special import Special
from quatrain.tokenizer.streaming import StreamDecoder
from quatrain.tokenizer.to_file import Width, Written, encode_to_file
from quatrain.tokenizer.training.train import train

_FILE = "tokenizer.json"


class Tokenizer(IdCalls, Conversing):
    """Text to token ids and back, as a tokenizer's files say.

    Immutable: `with_truncation` and its like return a new tokenizer that shares the tables. One
    tokenizer may be used from several Python threads; long texts are encoded without the GIL.

    The ids, tokens, offsets and masks of a ``tokenizer.json`` equal those of the ``tokenizers``
    library, whose file format this is (https://github.com/huggingface/tokenizers).
    """

    def __init__(self, data: bytes, side_files: dict[str, bytes] | None = None, name: str = _FILE):
        """From the bytes of a ``tokenizer.json`` and of files beside it, by name.

        Raises:
            InputError: what should be bytes is not, or no such file is read beside it.
            TokenizerError: a file is malformed, or asks for a component that is not supported;
                the message names the file (``name``), the field and what is supported.
        """
        side_files = {} if side_files is None else side_files
        opening.check_files(data, side_files)
        self._open(Source("tokenizer.json", {_FILE: data, **side_files}, name))

    @classmethod
    def _from_source(cls, source: Source) -> Tokenizer:
        tokenizer = object.__new__(cls)
        tokenizer._open(source)
        return tokenizer

    def _open(self, source: Source) -> None:
        description = read(source)
        try:
            core = _core.tokenizer.Tokenizer(description.spec)
        except TokenizerError as error:
            raise TokenizerError(brief(f"{source.name}: {error}")) from None
        super().__init__(core, description, source.name)
        self._source = source
        self._set_lengths(description.truncation, description.padding)

    @classmethod
    def from_file(
        cls, path: str | os.PathLike[str], *, format: str | None = None, **options: Any
    ) -> Tokenizer:
        """From one file, whose name and contents say which format it is, unless the caller does.

        A ``tokenizer.json``; a SentencePiece ``.model``; ``tiktoken``'s ranks (``*.tiktoken``,
        ``tokenizer.model``); GPT-2's ``vocab.json`` with ``merges.txt`` beside it; BERT's
        ``vocab.txt``; the vocabulary of a ``.gguf``. Files beside it are read too, where they
        exist: ``tokenizer_config.json``, ``special_tokens_map.json``, ``added_tokens.json`` and
        chat templates, for `eos_id` and its like, and the options with which it was saved.

        Args:
            path: the file, of any name where ``format`` is given.
            format: "tokenizer.json", "sentencepiece", "tiktoken", "vocab.json" (with a
                ``merges.txt`` beside it), "vocab.txt" or "gguf".
            options: what the file does not say. Of ranks: ``encoding``, a name, where the file's
                does not tell (``"llama3"``), or ``pattern`` and ``special_tokens``. Of
                vocabularies: ``tokenizer_class``, a class of ``transformers``, and other fields of
                ``tokenizer_config.json`` (``do_lower_case=False``).
                Of a SentencePiece model: ``behavior``, "sentencepiece" (the default) or
                "tokenizers", the library to equal where the two disagree; for the latter,
                ``tokenizer_class``.

        Raises:
            TokenizerError: see `Tokenizer`; or the file cannot be read, or is of no known format.
            InputError: there is no such format, or it has no such option.
        """
        return cls._from_source(opening.open_file(Path(path), _with(format, options)))

    @classmethod
    def from_pretrained(
        cls,
        path: str | os.PathLike[str],
        *,
        format: str | None = None,
        revision: str | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        token: str | None = None,
        **options: Any,
    ) -> Tokenizer:
        """From a folder, or from a model's id on the hub.

        The folder is searched for the files that `from_file` takes, in its order; with ``format``,
        for those of that one.

        Raises:
            TokenizerError: see `from_file`; or the folder holds no tokenizer, or several.
            InputError: see `from_file`.
            CheckpointError: there is no such folder, and no such model on the hub.
        """
        folder = Path(path)
        if not folder.is_dir():
            from quatrain.hub import resolve

            folder = Path(
                resolve(path, revision, cache_dir, token, expected="a tokenizer's folder")
            )
        return cls._from_source(opening.open_folder(folder, _with(format, options)))

    train = classmethod(train)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Writes the tokenizer's files and those read beside them: the very bytes that were read.

        Truncation and padding set by `with_truncation` or `with_padding` are not written. Each
        file appears whole or not at all.

        Raises:
            InputError: the folder holds other files of a tokenizer, with which `from_pretrained`
                would read another one (nothing is written then); or it cannot be written.
        """
        opening.write(self._source, Path(folder))

    def encode(
        self,
        text: str,
        pair: str | None = None,
        add_special_tokens: bool = True,
        *,
        max_length: int | None = None,
        special: Special = "allow",
    ) -> Encoding:
        """The tokens of a text, or of a pair of texts.

        Args:
            text: the text; any ``str`` without lone surrogates.
            pair: the second text of a pair.
            add_special_tokens: whether the post-processor adds its special tokens.
            max_length: the most tokens, in place of the truncation's.
            special: what a special token's text becomes: "allow", that token (as ``tokenizers``
                has it); "text", text like any other, from which no special token comes; "error",
                an `InputError`. A set of special tokens allows these, and others are text. The
                model's unknown token always stands for what the vocabulary lacks.

        Raises:
            InputError: the text is no ``str`` or has a lone surrogate, or ``max_length`` leaves no
                room for the special tokens, or the text has a special token that is refused.
            TokenizerError: the text needs a token that the vocabulary lacks, or more time than a
                regular expression of the tokenizer's may take.
        """
        if max_length is None and isinstance(special, str) and special == "allow":
            return self._allow.encode(text, pair, add_special_tokens)
        return self._calls_for(max_length, special).encode(text, pair, add_special_tokens)

    def encode_batch(
        self,
        texts: Iterable[str | tuple[str, str]],
        add_special_tokens: bool = True,
        *,
        max_length: int | None = None,
        special: Special = "allow",
        threads: int | None = None,
    ) -> list[Encoding]:
        """The tokens of several texts or pairs, in order, padded as one batch.

        Args:
            texts: texts, or (text, pair) tuples.
            add_special_tokens: see `encode`.
            max_length, special: see `encode`.
            threads: the most threads to use; None for as many as the process may run on.

        Raises:
            InputError, TokenizerError: see `encode`.
        """
        given = list(each(texts, "texts", "texts; encode takes one text"))
        calls = self._calls_for(max_length, special)
        return calls.encode_batch(given, add_special_tokens, checked_threads(threads))

    def encode_to_file(
        self,
        source: str | os.PathLike[str] | Iterable[str],
        path: str | os.PathLike[str],
        *,
        separator: str | None = "\n",
        add_special_tokens: bool = True,
        special: Special = "allow",
        dtype: Width | None = None,
        threads: int | None = None,
        progress: bool | None = None,
        overwrite: bool = False,
    ) -> Written:
        """The ids of texts of any size, written to a ``.npy`` that ``numpy.load`` may map.

        Every document has the ids that it has alone, without truncation and padding. Memory is
        constant: long documents are cut where that provably changes no token. Where no such place
        is known (as without a pre-tokenizer) a document is held whole, up to 256 MiB. Both files
        appear when they are complete, or not at all.

        Args:
            source: the path of a UTF-8 file, or an iterable of texts, each a document. Lists and
                tuples are refused, which are of paths elsewhere; ``iter(texts)`` gives texts.
            path: where the ids go; where each document's begin goes beside it, to
                ``<name>.offsets.npy``.
            separator: what ends a document in a file, and is no part of it; None if the file is
                one document.
            add_special_tokens, special: see `encode`.
            dtype: "uint16" or "uint32"; None for the smaller one that fits.
            threads: see `encode_batch`.
            progress: whether to show a bar; None for long work on a terminal.
            overwrite: whether to replace regular files that are there.

        Raises:
            InputError: see `encode` (the message names the document); the file cannot be read or
                is not UTF-8 (it names the byte and the line); the ids cannot be written, or exist.
            TokenizerError: see `encode`.
        """
        return encode_to_file(
            self._core,
            source,
            Path(path),
            self._calls(special).rule,
            separator=separator,
            add_special_tokens=add_special_tokens,
            dtype=dtype,
            threads=checked_threads(threads),
            progress=progress,
            overwrite=overwrite,
        )

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        """The text of token ids (a sequence or a one-dimensional integer array).

        Bytes that form no character become U+FFFD.

        Raises:
            InputError: an id is not in the vocabulary.
        """
        return self._core.decode(ids, skip_special_tokens)

    def decode_batch(
        self, batch: Iterable[Sequence[int]], skip_special_tokens: bool = True
    ) -> list[str]:
        """The texts of several lists of ids; see `decode`. Errors say which of them is at fault."""
        texts = []
        for index, ids in enumerate(each(batch, "batch", "lists of ids")):
            try:
                texts.append(self.decode(ids, skip_special_tokens))
            except InputError as error:
                raise InputError(f"list {index}: {error}") from None
        return texts

    def stream_decoder(self, skip_special_tokens: bool = True) -> StreamDecoder:
        """A decoder that takes one id at a time; what it returns adds up to `decode`'s text."""
        return StreamDecoder(self._core.stream(skip_special_tokens))

    def decode_stream(self, ids: Iterable[int], skip_special_tokens: bool = True) -> Iterator[str]:
        """The text of ids as they come, in pieces: never empty, never half a character.

        Raises:
            InputError: an id is not in the vocabulary.
        """
        decoder = self.stream_decoder(skip_special_tokens)
        yield from filter(None, map(decoder.push, ids))
        yield from filter(None, [decoder.flush()])

    @property
    def truncation(self) -> Truncation | None:
        """How encodings are cut, if they are."""
        return self._truncation

    @property
    def padding(self) -> Padding | None:
        """How encodings are padded, if they are."""
        return self._padding

    def with_truncation(
        self,
        max_length: int,
        *,
        strategy: Strategy = "longest_first",
        direction: Direction = "right",
        stride: int = 0,
    ) -> Tokenizer:
        """This tokenizer, cutting encodings; see `Truncation`."""
        return self._replaced(Truncation(max_length, strategy, direction, stride), self._padding)

    def without_truncation(self) -> Tokenizer:
        """This tokenizer, cutting nothing."""
        return self._replaced(None, self._padding)

    def with_padding(
        self,
        length: int | None = None,
        *,
        direction: Direction = "right",
        multiple_of: int = 0,
        pad_id: int | None = None,
        pad_type_id: int = 0,
    ) -> Tokenizer:
        """This tokenizer, padding encodings; see `Padding`.

        ``pad_id`` is by default that of the present padding, else `pad_id`.

        Raises:
            InputError: there is no padding token, or none with that id.
        """
        if pad_id is None:
            pad_id = self._padding.pad_id if self._padding else self.pad_id
        if pad_id is None:
            raise InputError("this tokenizer names no padding token; give pad_id")
        padding = Padding(
            length, direction, multiple_of, pad_id, pad_type_id, self.id_to_token(pad_id)
        )
        return self._replaced(self._truncation, padding)

    def without_padding(self) -> Tokenizer:
        """This tokenizer, padding nothing."""
        return self._replaced(self._truncation, None)

    def __repr__(self) -> str:
        return f"Tokenizer({len(self)} tokens, from {self._source.name!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self._source, self._truncation, self._padding)

    def _set_lengths(self, truncation: Truncation | None, padding: Padding | None) -> None:
        self._truncation = truncation
        self._padding = padding
        self._lengths = to_core(truncation, padding)
        self._calls = RuledCalls(self._core, self._special_ids, self._lengths)
        self._allow = self._calls("allow")

    def _replaced(self, truncation: Truncation | None, padding: Padding | None) -> Tokenizer:
        other = copy.copy(self)
        other._set_lengths(truncation, padding)
        return other

    def __copy__(self) -> Tokenizer:
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other


def _with(format: str | None, options: dict[str, Any]) -> dict[str, Any]:
    return options if format is None else {"format": format, **options}


def _restore(source: Source, truncation: Truncation | None, padding: Padding | None) -> Tokenizer:
    return Tokenizer._from_source(source)._replaced(truncation, padding)
