"""`Tokenizer.train`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from quatrain import _core
from quatrain.errors import InputError
from quatrain.tokenizer.formats import side_files
from quatrain.tokenizer.formats.side_files import CONFIG
from quatrain.tokenizer.training import presets, settings, sources
from quatrain.tokenizer.training.draft import Draft, Json
from quatrain.tokenizer.training.progress import Stages

if TYPE_CHECKING:
    from quatrain.tokenizer.tokenizer import Tokenizer

_c = _core.tokenizer
Algorithm = Literal["bpe", "wordpiece", "unigram"]

#: Algorithm -> (its model in tokenizer.json, the preset that it begins from by default).
_ALGORITHMS = {
    "bpe": ("BPE", "gpt2"),
    "wordpiece": ("WordPiece", "bert-uncased"),
    "unigram": ("Unigram", "t5"),
}


def train(
    cls: type[Tokenizer],
    source: sources.Texts,
    algorithm: Algorithm = "bpe",
    vocab_size: int = 30000,
    *,
    like: str | Json | Tokenizer | None = None,
    special_tokens: Sequence[str] | None = None,
    unk_token: str | None = None,
    bos_token: str | None = None,
    eos_token: str | None = None,
    pad_token: str | None = None,
    min_frequency: int | None = None,
    limit_alphabet: int | None = None,
    initial_alphabet: Iterable[str] | None = None,
    continuing_subword_prefix: str | None = None,
    end_of_word_suffix: str | None = None,
    max_token_length: int | None = None,
    max_piece_length: int | None = None,
    seed_size: int | None = None,
    sub_iterations: int | None = None,
    shrinking_factor: float | None = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> Tokenizer:
    """A new tokenizer, whose vocabulary is learned from text.

    - "bpe" joins the most frequent pair of neighbours again and again (Sennrich et al. 2016).
    - "wordpiece" does the same and keeps only the vocabulary.
    - "unigram" begins with very many substrings and drops, again and again, those without which
      the text is hardly less likely; it ends with pieces and their probabilities (Kudo 2018).

    The first two learn what the ``tokenizers`` library learns from the same texts, token for token.
    Special tokens come first in the vocabulary; their texts are not looked for in the training
    texts.

    Args:
        source: the path of a UTF-8 file, each line of which is a text (with its line feed); a list
            or tuple of such paths; or any other iterable, which gives texts.
        algorithm: "bpe", "wordpiece" or "unigram".
        vocab_size: the most tokens, special ones included.
        like: what surrounds the model: "gpt2" (the default of "bpe"), "llama3", "llama",
            "bert-uncased" (the default of "wordpiece"), "bert-cased", "t5" (that of "unigram");
            fields of a ``tokenizer.json``; or a tokenizer that was read from one.
        special_tokens: special tokens in the order of their ids; by default those of ``like``.
        unk_token: the token of what the vocabulary lacks; by default that of ``like``.
        bos_token, eos_token, pad_token: the special tokens of `bos_id` and its like; by default
            those of ``like``, where they are among the special tokens.
        min_frequency: pairs that occur less often are not joined; by default all are.
        limit_alphabet: the most characters to keep; the rarest vanish from their words.
        initial_alphabet: characters to keep in any case; by default the 256 that spell bytes where
            ``like`` works on bytes, else none.
        continuing_subword_prefix: how tokens begin that continue a word; by default as in ``like``.
        end_of_word_suffix: how tokens end that end a word; by default as in ``like``.
        max_token_length: joined tokens, but those of two characters, have fewer characters.
        max_piece_length: the most characters of a "unigram" piece; by default 16.
        seed_size: the substrings that "unigram" begins with; by default 1,000,000.
        sub_iterations: estimations of "unigram" between two prunings; by default 2.
        shrinking_factor: the share of the pieces that a pruning keeps; by default 0.75.
        threads: the most threads to use; None for as many as the process may run on.
        progress: whether to show progress bars; None for if standard error is a terminal.

    Raises:
        InputError: an argument is out of range or of another algorithm, ``vocab_size`` is too small
            for the alphabet, a file cannot be read or is not UTF-8, a text is no ``str``, or there
            is no text.
        TokenizerError: ``like`` asks for something that is not supported.
    """
    if not isinstance(algorithm, str) or algorithm not in _ALGORITHMS:
        raise InputError(f"algorithm is {algorithm!r}, expected one of {', '.join(_ALGORITHMS)}")
    given = settings.checked(
        algorithm,
        {
            "min_frequency": min_frequency,
            "limit_alphabet": limit_alphabet,
            "initial_alphabet": initial_alphabet,
            "continuing_subword_prefix": continuing_subword_prefix,
            "end_of_word_suffix": end_of_word_suffix,
            "max_token_length": max_token_length,
            "max_piece_length": max_piece_length,
            "seed_size": seed_size,
            "sub_iterations": sub_iterations,
            "shrinking_factor": shrinking_factor,
        },
    )
    vocab_size = settings.count(0)("vocab_size", vocab_size)
    threads = _core.default_threads() if threads is None else settings.count(1)("threads", threads)
    if special_tokens is not None:
        settings.special(special_tokens)
    kind, default = _ALGORITHMS[algorithm]
    draft = Draft(_fields(cls, default if like is None else like), kind, special_tokens)
    if unk_token is not None:
        draft.unk_token = settings.text("unk_token", unk_token)
    draft.roles = _roles(cls, default if like is None else like)
    for role, token in {"bos": bos_token, "eos": eos_token, "pad": pad_token}.items():
        if token is not None:
            draft.give_role(f"{role}_token", settings.text(f"{role}_token", token))
    for name in ("continuing_subword_prefix", "end_of_word_suffix"):
        if name in given:
            draft.model[name] = given[name]
        elif draft.model.get(name) is not None:
            given[name] = settings.text(name, draft.model[name])

    surroundings = draft.spec()
    counter = _c.WordCounter(surroundings.normalizers, surroundings.pre_tokenizers)
    if counter.has_bytes:
        given.setdefault("initial_alphabet", _c.byte_alphabet())
    spec = _c.UnigramTrainerSpec() if algorithm == "unigram" else _c.BpeTrainerSpec()
    for name, value in given.items():
        setattr(spec, name, value)
    with Stages(progress) as stages:
        sources.count(source, counter, threads, stages)
        if algorithm == "unigram":
            spec.vocab_size = max(0, vocab_size - len(draft.reserved))
            report = stages.stage("Estimating pieces")
            data = draft.with_pieces(_c.train_unigram(spec, counter, threads, report))
        else:
            spec.vocab_size = vocab_size
            spec.special_tokens = draft.reserved
            report = stages.stage("Joining pairs")
            data = draft.with_merges(*_c.train_bpe(spec, counter, report))
    return cls(data, {CONFIG: draft.config()})


def _roles(cls: type[Tokenizer], like: object) -> dict[str, str]:
    """The special tokens of ``like`` by role."""
    if isinstance(like, cls):
        return {role: node.text() for role, node in side_files.roles(like._source).items()}
    return presets.roles(like) if isinstance(like, str) else {}


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
