"""Tokenizers of opus-mt: a SentencePiece model for the pieces, and ``vocab.json`` for their ids.

What ``transformers``' MarianTokenizer makes of ``source.spm`` and ``vocab.json``, without the
punctuation that sacremoses would change first. A piece that the vocabulary lacks is spelled with
others here, and what the model does not know is unknown though the vocabulary may have it. Texts
may begin with a language, ``>>fra<<``, that the vocabulary has. Of models with two vocabularies,
``target.spm`` goes with ``target_vocab.json``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from quatrain import _core
from quatrain.tokenizer.description import Description, Format, Source
from quatrain.tokenizer.formats import post_processors, sentencepiece
from quatrain.tokenizer.formats.fields import Node, parse
from quatrain.tokenizer.formats.sentencepiece_model import Kind, Model
from quatrain.tokenizer.formats.templates import around_each

_c = _core.tokenizer
_UNKNOWN, _END, _PADDING = "<unk>", "</s>", "<pad>"
_VOCABULARIES = {"target.spm": "target_vocab.json"}


def read(source: Source) -> Description:
    """What a ``.spm`` file and the vocabulary beside it say."""
    model = Model(source)
    file = list(source.files)[1]
    ids = parse(source.files[file], source.path_of(file)).table()
    pieces = sorted(ids, key=lambda piece: ids[piece])
    for token in (_UNKNOWN, _END):
        if token not in ids:
            model.fail("", f"{file} has no {token}")
    if [ids[piece] for piece in pieces] != list(range(len(pieces))):
        model.fail("", f"{file} has ids that are not 0, 1, 2, ..., each once")
    own = {piece: index for index, piece in enumerate(model.pieces)}
    kinds, scores = model.kinds, model.scores
    model.kinds = [_kind(piece, kinds[own[piece]] if piece in own else None) for piece in pieces]
    model.scores = [scores[own[piece]] if piece in own else 0.0 for piece in pieces]
    model.pieces, model.unk_id = pieces, ids[_UNKNOWN]
    described = sentencepiece.described(model)
    special = [token for token in (_UNKNOWN, _END, _PADDING) if token in ids]
    described.spec.added_tokens = [
        _added(token, ids[token], special=token in special)
        for token in (*filter(_is_language, pieces), *special)
    ]
    ending = around_each(None, _END, ids.__getitem__)
    described.spec.post_processors = post_processors.POST_PROCESSORS["TemplateProcessing"](
        Node(ending, source.name, "")
    )
    roles = {"unk_token": _UNKNOWN, "eos_token": _END, "pad_token": _PADDING}
    return replace(
        described,
        special_ids=frozenset(ids[token] for token in special),
        roles={r: Node(t, source.path_of(file), t) for r, t in roles.items() if t in ids},
    )


def _is_language(piece: str) -> bool:
    """Whether a piece says into which language to translate."""
    return piece.startswith(">>") and piece.endswith("<<")


def _kind(piece: str, own: Any) -> Any:
    """What a piece of the vocabulary is for; ``own`` is what it is for in the model, if it is."""
    if piece == _UNKNOWN:
        return Kind.UNKNOWN
    if piece in (_END, _PADDING) or own in (Kind.CONTROL, Kind.UNKNOWN):
        return Kind.CONTROL
    return Kind.UNUSED if own is None else own


def _added(token: str, index: int, *, special: bool) -> Any:
    spec = _c.AddedTokenSpec()
    spec.content, spec.id, spec.special, spec.normalized = token, index, special, False
    return spec


def _begins(head: bytes) -> bool:
    return head[:1] == b"\n"  # the first piece: field 1, a message


FORMAT = Format(
    "marian",
    read,
    names=("source.spm",),
    begins=_begins,
    any_name=("target.spm",),
    companion=lambda name: _VOCABULARIES.get(name, "vocab.json"),
)
