"""Unigram vocabularies in GGUF files, which llama.cpp calls "t5"."""

from __future__ import annotations

from typing import Any

from quatrain import _core
from quatrain.errors import TokenizerError
from quatrain.tokenizer.formats.gguf_vocabulary import NORMAL, UNUSED, USER_DEFINED, Vocabulary
from quatrain.tokenizer.formats.templates import Fields

_c = _core.tokenizer
_Kind = _c.ModelSpec.PieceKind
_CHARSMAP = "precompiled_charsmap"
_UNKNOWN_PENALTY = 10.0


def unigram(vocabulary: Vocabulary) -> Fields:
    """The model of a ``tokenizer.json``. As in llama.cpp, user-defined tokens cost nothing."""
    scored = zip(vocabulary.tokens, vocabulary.scores(), vocabulary.types, strict=True)
    unknown = vocabulary.role("unk_token", 2)
    assert unknown is not None
    return {
        "type": "Unigram",
        "unk_id": vocabulary.ids[unknown.text()],
        "byte_fallback": False,
        "vocab": [[token, 0.0 if kind == USER_DEFINED else s] for token, s, kind in scored],
    }


def run_as_sentencepiece(spec: Any, vocabulary: Vocabulary) -> None:
    """Has a spec normalize texts as SentencePiece does, and find no token but the usual ones."""
    usual = (NORMAL, USER_DEFINED)
    _check_unusual(vocabulary, [kind in usual for kind in vocabulary.types])
    spec.model.kinds = [
        _Kind.NORMAL if kind in usual else _Kind.UNUSED for kind in vocabulary.types
    ]
    options = _c.SentencePieceOptions()
    options.add_dummy_prefix = vocabulary.flag("add_space_prefix", True)
    options.remove_extra_whitespaces = vocabulary.flag("remove_extra_whitespaces", False)
    if not options.remove_extra_whitespaces:
        node = vocabulary.optional("remove_extra_whitespaces") or vocabulary.root
        node.fail("remove_extra_whitespaces is false, which is not supported; supported: true")
    field = vocabulary.optional(_CHARSMAP)
    charsmap = None
    try:
        if field is not None:
            charsmap = _c.Charsmap(bytes(byte & 0xFF for byte in field.integers()))
        normalizer = _c.NormalizerSpec()
        normalizer.kind = _c.NormalizerSpec.Kind.SENTENCE_PIECE
        normalizer.sentencepiece = _c.SentencePieceNormalizer(charsmap, options)
    except TokenizerError as error:
        (field or vocabulary.root).fail(str(error))
    spec.normalizers = [normalizer]


def _check_unusual(vocabulary: Vocabulary, usual: list[bool]) -> None:
    """Refuses tokens that llama.cpp might find, though they are unused, or the core, though they
    are no pieces."""
    known = {token for token, is_usual in zip(vocabulary.tokens, usual, strict=True) if is_usual}
    scores = vocabulary.scores()
    least = min((s for s, is_usual in zip(scores, usual, strict=True) if is_usual), default=0.0)
    rows = zip(vocabulary.tokens, scores, vocabulary.types, usual, strict=True)
    for token, score, kind, is_usual in rows:
        # Where no character is known, the whole is looked up; else single characters cost less.
        cost = len(token) * (min(least, 0.0) - _UNKNOWN_PENALTY)
        if not is_usual and (known.isdisjoint(token) or (kind == UNUSED and score >= cost)):
            vocabulary.field("tokens").fail(
                f"token {token!r} of type {kind} might be found in texts"
            )
