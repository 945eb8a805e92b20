"""SentencePiece models as ``tokenizers`` runs them: what classes of ``transformers`` make of them.

- `LlamaTokenizer`, `T5Tokenizer` (with its ``<extra_id_0>`` and so on behind the pieces) and
  `XLMRobertaTokenizer` (whose ids are fairseq's, not the model's): what release 5 makes.
- No class: a BPE model becomes what Llama 2's own ``tokenizer.json`` is, a Unigram model what the
  converter makes of a family without rules of its own.

Control pieces, user-defined ones and the unknown one are added tokens.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import replace

from quatrain.tokenizer.description import Description, Source
from quatrain.tokenizer.formats import tokenizer_json
from quatrain.tokenizer.formats.classes import Tokens, class_of, ends, settings_of
from quatrain.tokenizer.formats.fields import Node
from quatrain.tokenizer.formats.sentencepiece_model import SPACE, Kind, Model
from quatrain.tokenizer.formats.side_files import roles
from quatrain.tokenizer.formats.templates import Fields, template, text_part, token_part

_Scored = list[tuple[str, float]]
_MOST_EXTRA_IDS = 2**16


def as_tokenizers(model: Model, source: Source) -> Description:
    """What a model becomes in ``tokenizers``."""
    settings = settings_of(source)
    fields, named = class_of(settings, _CLASSES, _no_class)(model, source, settings)
    described = tokenizer_json.describe(Node(fields, source.name, ""), source)
    return replace(described, roles=named)


_Made = tuple[Fields, dict[str, Node]]


def _no_class(model: Model, source: Source, settings: Node) -> _Made:
    added = [
        {
            "id": index,
            "content": piece,
            **dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False),
            "special": kind != Kind.USER_DEFINED,
        }
        for index, (piece, kind) in enumerate(zip(model.pieces, model.kinds, strict=True))
        if kind in (Kind.CONTROL, Kind.USER_DEFINED, Kind.UNKNOWN)
    ]
    parts = _plain_bpe(model) if model.kind == "BPE" else _plain_unigram(model)
    return {**parts, "added_tokens": added}, model.roles() | roles(source)


def _plain_bpe(model: Model) -> Fields:
    from_space = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    prepend = {"type": "Prepend", "prepend": SPACE}
    unknown = None if model.unk_id is None else model.pieces[model.unk_id]
    return {
        "normalizer": {"type": "Sequence", "normalizers": [prepend, from_space]},
        "decoder": _spaces_and_bytes(strip=True),
        "model": _merging(model) | {"unk_token": unknown},
    }


def _plain_unigram(model: Model) -> Fields:
    steps: list[Fields] = [
        {"type": "Strip", "strip_left": False, "strip_right": True},
        {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": SPACE},
    ]
    return {
        "normalizer": {"type": "Sequence", "normalizers": [*_charsmap(model), *steps]},
        "pre_tokenizer": _metaspace("always"),
        "decoder": _metaspace("always"),
        "model": _unigram(_scored(model), model.unk_id),
    }


def _llama(model: Model, source: Source, settings: Node) -> _Made:
    _expect(model, "BPE")
    fields = _merging(model)
    tokens = Tokens(source, settings, fields["vocab"])
    bos, eos = tokens.role("bos_token", "<s>"), tokens.role("eos_token", "</s>")
    tokens.role("unk_token", "<unk>")
    tokens.role("pad_token")
    prefix = settings.flag_or("add_prefix_space", True)
    scheme = "always" if settings.flag_or("legacy", False) else "first"
    return {
        "pre_tokenizer": {**_metaspace(scheme if prefix else "never"), "split": False},
        "decoder": _spaces_and_bytes(strip=prefix),
        "model": fields,
        **ends(tokens, settings, bos, eos),
        "added_tokens": _added(tokens, model),
    }, tokens.named


def _t5(model: Model, source: Source, settings: Node) -> _Made:
    _expect(model, "Unigram", "<pad>", "</s>", "<unk>")
    field = settings.optional("extra_ids")
    extra = 100 if field is None else field.integer(0, _MOST_EXTRA_IDS)
    pieces = _scored(model) + [(f"<extra_id_{i}>", 0.0) for i in reversed(range(extra))]
    tokens = Tokens(source, settings, _ids(pieces))
    eos = tokens.role("eos_token", "</s>")
    assert eos is not None
    tokens.role("unk_token", "<unk>")
    tokens.role("pad_token", "<pad>")
    a, end = text_part("A", 0), token_part(eos, 0)
    around = template([a, end], [a, end, text_part("B", 0), end], tokens.id_of)
    extra_tokens = [token for token, _ in pieces[len(model.pieces) :]]
    return _words(model, pieces, 2, around, tokens, extra_tokens), tokens.named


def _xlm_roberta(model: Model, source: Source, settings: Node) -> _Made:
    _expect(model, "Unigram", "<unk>", "<s>", "</s>")
    named = {role: node.text() for role, node in roles(source).items()}
    first = [
        named.get(f"{role}_token", token)
        for role, token in (("bos", "<s>"), ("pad", "<pad>"), ("eos", "</s>"), ("unk", "<unk>"))
    ]
    last = named.get("mask_token", "<mask>")
    pieces = [(t, 0.0) for t in first] + _scored(model)[3:] + [(last, 0.0)]
    tokens = Tokens(source, settings, _ids(pieces))
    bos, eos = tokens.role("bos_token", "<s>"), tokens.role("eos_token", "</s>")
    assert bos is not None and eos is not None
    for role, token in (("unk", "<unk>"), ("sep", "</s>"), ("pad", "<pad>"), ("cls", "<s>")):
        tokens.role(f"{role}_token", token)
    tokens.role("mask_token", "<mask>")
    begin, end = token_part(bos, 0), token_part(eos, 0)
    single = [begin, text_part("A", 0), end]
    around = template(single, [*single, end, text_part("B", 0), end], tokens.id_of)
    return _words(model, pieces, 3, around, tokens), tokens.named


_CLASSES: dict[str, Callable[[Model, Source, Node], _Made]] = {
    "Llama": _llama,
    "T5": _t5,
    "XLMRoberta": _xlm_roberta,
}


def _expect(model: Model, kind: str, *first: str) -> None:
    """Refuses a model of another kind, or with other first pieces, than a class is made for."""
    if model.kind != kind:
        model.fail("trainer_spec.model_type", f"found {model.kind}, but the class expects {kind}")
    if (found := tuple(model.pieces[: len(first)])) != first:
        model.fail("pieces", f"begin with {found!r}, but the class expects {first!r}")


def _words(
    model: Model,
    pieces: _Scored,
    unk_id: int,
    around: Fields,
    tokens: Tokens,
    extra_tokens: Sequence[str] = (),
) -> Fields:
    """A Unigram model that sees one word at a time."""
    steps = [{"type": "WhitespaceSplit"}, _metaspace("always")]
    return {
        "normalizer": next(iter(_charsmap(model)), None),
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps},
        "post_processor": around,
        "decoder": _metaspace("always"),
        "model": _unigram(pieces, unk_id),
        "added_tokens": _added(tokens, model, extra_tokens),
    }


def _added(tokens: Tokens, model: Model, extra_tokens: Sequence[str] = ()) -> list[Fields]:
    """The tokens that the files list, or else those that the model and the class have."""
    if not tokens.add_listed():
        for piece, kind in zip(model.pieces, model.kinds, strict=True):
            if kind in (Kind.CONTROL, Kind.USER_DEFINED):
                tokens.add(piece, special=kind == Kind.CONTROL)
        for token in extra_tokens:
            tokens.add(token, special=True)
    return tokens.added()


def _scored(model: Model) -> _Scored:
    return list(zip(model.pieces, model.scores, strict=True))


def _ids(pieces: _Scored) -> dict[str, int]:
    return {piece: index for index, (piece, _) in enumerate(pieces)}


def _unigram(pieces: _Scored, unk_id: int | None) -> Fields:
    vocab = [list(scored) for scored in pieces]
    return {"type": "Unigram", "unk_id": unk_id, "byte_fallback": False, "vocab": vocab}


def _merging(model: Model) -> Fields:
    """Every way to put a piece together from two, those of lower ids first."""
    ids = {piece: index for index, piece in enumerate(model.pieces)}
    merges = [
        (index, at, piece)
        for piece, index in ids.items()
        for at in range(1, len(piece))
        if piece[:at] in ids and piece[at:] in ids
    ]
    return {
        "type": "BPE",
        "fuse_unk": True,
        "byte_fallback": True,
        "vocab": ids,
        "merges": [[piece[:at], piece[at:]] for _, at, piece in sorted(merges)],
    }


def _charsmap(model: Model) -> list[Fields]:
    charsmap = model.proto.normalizer_spec.precompiled_charsmap
    text = base64.b64encode(charsmap).decode()
    return [{"type": "Precompiled", "precompiled_charsmap": text}] if charsmap else []


def _metaspace(scheme: str) -> Fields:
    return {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": scheme}


def _spaces_and_bytes(*, strip: bool) -> Fields:
    to_space = {"type": "Replace", "pattern": {"String": SPACE}, "content": " "}
    steps: list[Fields] = [to_space, {"type": "ByteFallback"}, {"type": "Fuse"}]
    if strip:
        steps.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    return {"type": "Sequence", "decoders": steps}
