"""`Tokenizer.train`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from quatrain import _core
from quatrain.errors import InputError
from quatrain.tokenizer.training import presets, sources
from quatrain.tokenizer.training.draft import Draft, Json
from quatrain.tokenizer.training.progress import Stages

if TYPE_CHECKING:
    from quatrain.tokenizer.tokenizer import Tokenizer

_c = _core.tokenizer
Algorithm = Literal["bpe", "wordpiece"]

#: Algorithm -> (its model in tokenizer.json, the preset that it begins from by default).
_ALGORITHMS = {"bpe": ("BPE", "gpt2"), "wordpiece": ("WordPiece", "bert-uncased")}
_MOST = 2**31 - 1


def train(
    cls: type[Tokenizer],
    source: sources.Texts,
    algorithm: Algorithm = "bpe",
    vocab_size: int = 30000,
    *,
    like: str | Json | Tokenizer | None = None,
    special_tokens: Sequence[str] | None = None,
    unk_token: str | None = None,
    min_frequency: int = 0,
    limit_alphabet: int | None = None,
    initial_alphabet: Iterable[str] | None = None,
    continuing_subword_prefix: str | None = None,
    end_of_word_suffix: str | None = None,
    max_token_length: int | None = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> Tokenizer:
    """A new tokenizer, whose vocabulary is learned from text.

    "bpe" joins the most frequent pair of neighbours again and again (Sennrich et al. 2016);
    "wordpiece" does the same and keeps only the vocabulary. Both learn what the ``tokenizers``
    library learns from the same texts, token for token. Special tokens come first in the
    vocabulary; their texts are not looked for in the training texts.

    Args:
        source: the path of a UTF-8 file, each line of which is a text (with its line feed); a list
            or tuple of such paths; or any other iterable, which gives texts.
        algorithm: "bpe" or "wordpiece".
        vocab_size: the most tokens, special ones included.
        like: what surrounds the model: "gpt2" (the default of "bpe"), "llama3", "bert-uncased"
            (that of "wordpiece"), "bert-cased"; fields of a ``tokenizer.json``; or a tokenizer that
            was read from one.
        special_tokens: special tokens in the order of their ids; by default those of ``like``.
        unk_token: the token of what the vocabulary lacks; by default that of ``like``.
        min_frequency: pairs that occur less often are not joined.
        limit_alphabet: the most characters to keep; the rarest vanish from their words.
        initial_alphabet: characters to keep in any case; by default the 256 that spell bytes where
            ``like`` works on bytes, else none.
        continuing_subword_prefix: how tokens begin that continue a word; by default as in ``like``.
        end_of_word_suffix: how tokens end that end a word; by default as in ``like``.
        max_token_length: joined tokens, but those of two characters, have fewer characters.
        threads: the most threads to use; None for as many as the process may run on.
        progress: whether to show progress bars; None for if standard error is a terminal.

    Raises:
        InputError: an argument is out of range, ``vocab_size`` is too small for the alphabet, a
            file cannot be read or is not UTF-8, a text is no ``str``, or there is no text.
        TokenizerError: ``like`` asks for something that is not supported.
    """
    if algorithm not in _ALGORITHMS:
        raise InputError(f"algorithm is {algorithm!r}, expected one of {', '.join(_ALGORITHMS)}")
    kind, default = _ALGORITHMS[algorithm]
    if special_tokens is not None:
        _check_special(special_tokens)
    draft = Draft(_fields(cls, default if like is None else like), kind, special_tokens)
    given = {
        "unk_token": unk_token,
        "continuing_subword_prefix": continuing_subword_prefix,
        "end_of_word_suffix": end_of_word_suffix,
    }
    for name, text in given.items():
        if text is not None:
            if name not in draft.model:
                raise InputError(f"{name} means nothing to {algorithm!r}")
            draft.model[name] = text
    surroundings = draft.spec()
    counter = _c.WordCounter(surroundings.normalizers, surroundings.pre_tokenizers)

    spec = _c.BpeTrainerSpec()
    spec.vocab_size = _count("vocab_size", vocab_size)
    spec.min_frequency = _count("min_frequency", min_frequency)
    spec.special_tokens = draft.special_tokens
    for name, count in (("limit_alphabet", limit_alphabet), ("max_token_length", max_token_length)):
        setattr(spec, name, None if count is None else _count(name, count))
    for name in ("continuing_subword_prefix", "end_of_word_suffix"):
        if (text := draft.model.get(name)) is not None:
            setattr(spec, name, _text(name, text))
    if initial_alphabet is None:
        initial_alphabet = _c.byte_alphabet() if counter.has_bytes else ""
    spec.initial_alphabet = _text("initial_alphabet", "".join(initial_alphabet))
    threads = _core.default_threads() if threads is None else _count("threads", threads, 1)
    with Stages(progress) as stages:
        sources.count(source, counter, threads, stages)
        tokens, merges = _c.train_bpe(spec, counter, stages.stage("Joining pairs"))

    learned: dict[str, Any] = {"vocab": {token: index for index, token in enumerate(tokens)}}
    if kind == "BPE":
        learned["merges"] = [[tokens[left], tokens[right]] for left, right in merges]
    return cls(draft.finish(learned["vocab"], **learned))


def _fields(cls: type[Tokenizer], like: object) -> Json:
    """The fields of a ``tokenizer.json`` that ``like`` stands for."""
    if isinstance(like, dict):
        return like
    if isinstance(like, cls):
        source = like._source
        if source.format != "tokenizer.json":
            raise InputError(f"like is from {source.name}, expected one from a tokenizer.json")
        fields: Json = json.loads(source.own)
        return fields
    if like not in presets.NAMES:
        names = ", ".join(presets.NAMES)
        raise InputError(f"like is {like!r:.60}, expected one of {names}, a dict or a Tokenizer")
    return presets.preset(str(like))


def _check_special(tokens: object) -> None:
    if isinstance(tokens, str) or not isinstance(tokens, Sequence):
        raise InputError(f"special_tokens is a {type(tokens).__name__}, expected a list of str")
    for token in tokens:
        if not _text("a special token", token):
            raise InputError("a special token is empty")


def _count(name: str, value: object, smallest: int = 0) -> int:
    if type(value) is not int or not smallest <= value <= _MOST:
        raise InputError(f"{name} is {value!r}, expected an int from {smallest} to {_MOST}")
    return value


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InputError(f"{name} is {value!r}, expected a str")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InputError(f"{name} has a lone surrogate, which UTF-8 cannot express") from None
    return value
