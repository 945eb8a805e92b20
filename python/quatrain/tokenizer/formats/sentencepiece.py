"""SentencePiece ``.model`` files: https://github.com/google/sentencepiece.

Two libraries run them, and do not agree: ``sentencepiece`` itself, and ``tokenizers`` by way of
the ``tokenizer.json`` that ``transformers`` makes of them. The option ``behavior`` names the one to
equal:

- ``"sentencepiece"`` (the default): the ids, pieces, offsets and decoded text of the library. No
  special token is added, and none is read from a text, as the library does neither.
- ``"tokenizers"``: a BPE model becomes what Llama 2's does, a Unigram model what that of a family
  without rules of its own does. Control and user-defined pieces are added tokens.
"""

from __future__ import annotations

import base64
from typing import Any, NoReturn

from quatrain import _core
from quatrain.errors import InputError, TokenizerError
from quatrain.tokenizer.description import Description, Format, Source
from quatrain.tokenizer.formats import tokenizer_json
from quatrain.tokenizer.formats.fields import Node
from quatrain.tokenizer.formats.sentencepiece_proto import parse

_c = _core.tokenizer
_Kind = _c.ModelSpec.PieceKind
_KINDS = {
    1: _Kind.NORMAL,
    2: _Kind.UNKNOWN,
    3: _Kind.CONTROL,
    4: _Kind.USER_DEFINED,
    5: _Kind.UNUSED,
    6: _Kind.BYTE,
}
_MODELS = {1: "Unigram", 2: "BPE"}
_BEHAVIORS = ("sentencepiece", "tokenizers")
_SPACE = "\u2581"


def read(source: Source) -> Description:
    """What a ``.model`` file says."""
    behavior = source.options.get("behavior", _BEHAVIORS[0])
    if behavior not in _BEHAVIORS:
        raise InputError(f"behavior is {behavior!r}, expected one of {', '.join(_BEHAVIORS)}")
    model = Model(source)
    if behavior == "sentencepiece":
        return _as_sentencepiece(model, source)
    return tokenizer_json.describe(Node(_as_tokenizer_json(model), source.name, ""), source)


class Model:
    """A model's pieces and settings, checked.

    Attributes:
        pieces: the pieces in the order of their ids; all different.
        scores, kinds: theirs.
        kind: "Unigram" or "BPE".
        proto: the message, for its settings.
        unk_id: the id of the unknown piece, if there is one.
    """

    def __init__(self, source: Source):
        from google.protobuf.message import DecodeError

        self._name = source.name
        try:
            self.proto = parse(source.own)
        except DecodeError as error:
            self.fail("", f"not a SentencePiece model: {error}")
        trainer = self.proto.trainer_spec
        if trainer.model_type not in _MODELS:
            known = ", ".join(f"{number} ({name})" for number, name in _MODELS.items())
            self.fail("trainer_spec.model_type", f"found {trainer.model_type}; supported: {known}")
        self.kind = _MODELS[trainer.model_type]
        if not self.proto.pieces:
            self.fail("pieces", "found none, expected at least one")
        self.pieces: list[str] = []
        self.scores: list[float] = []
        self.kinds: list[Any] = []
        for index, piece in enumerate(self.proto.pieces):
            self._add(index, piece)
        unknown = [index for index, kind in enumerate(self.kinds) if kind == _Kind.UNKNOWN]
        if len(unknown) > 1:
            self.fail(f"pieces[{unknown[1]}].type", "a second unknown piece, expected one")
        if not unknown and not trainer.byte_fallback:
            self.fail("pieces", "none is of the type UNKNOWN, which a model without bytes needs")
        self.unk_id = unknown[0] if unknown else None

    def fail(self, path: str, message: str) -> NoReturn:
        raise TokenizerError(": ".join(part for part in (self._name, path, message) if part))

    def text(self, data: bytes, path: str) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError:
            self.fail(path, f"found {data!r}, which is not UTF-8")

    def role(self, field: str) -> int | None:
        """The id of the control piece that the settings name, if there is one."""
        data = getattr(self.proto.trainer_spec, field)
        name = self.text(data, f"trainer_spec.{field}")
        index = self._ids.get(name)
        return index if index is not None and self.kinds[index] == _Kind.CONTROL else None

    @property
    def _ids(self) -> dict[str, int]:
        return {piece: index for index, piece in enumerate(self.pieces)}

    def _add(self, index: int, message: Any) -> None:
        path = f"pieces[{index}]"
        piece = self.text(message.piece, f"{path}.piece")
        if not piece or "\0" in piece:
            self.fail(f"{path}.piece", f"found {piece!r}, expected text without NUL")
        if message.type not in _KINDS:
            self.fail(f"{path}.type", f"found {message.type}, expected 1 to 6")
        kind = _KINDS[message.type]
        if kind == _Kind.BYTE:
            if not self.proto.trainer_spec.byte_fallback:
                self.fail(f"{path}.type", "a byte piece, but byte_fallback is false")
            if piece not in _BYTES:
                self.fail(f"{path}.piece", f"found {piece!r}, expected '<0x00>' to '<0xFF>'")
        self.pieces.append(piece)
        self.scores.append(message.score)
        self.kinds.append(kind)


_BYTES = frozenset(f"<0x{byte:02X}>" for byte in range(256))


def _as_sentencepiece(model: Model, source: Source) -> Description:
    spec = _c.TokenizerSpec()
    spec.normalizers = [_normalizer(model, model.proto.normalizer_spec, "normalizer_spec")]
    kinds = _c.ModelSpec.Kind
    core = _c.ModelSpec()
    core.kind = kinds.UNIGRAM if model.kind == "Unigram" else kinds.BPE
    core.sentencepiece = True
    core.vocab = [(piece, index) for index, piece in enumerate(model.pieces)]
    core.scores = model.scores
    core.kinds = model.kinds
    core.unk_id = model.unk_id
    core.byte_fallback = model.proto.trainer_spec.byte_fallback
    spec.model = core
    spec.decoders = [_decoder(model)]
    control = {index for index, kind in enumerate(model.kinds) if kind == _Kind.CONTROL}
    user_defined = {
        form: index
        for index, (piece, kind) in enumerate(zip(model.pieces, model.kinds, strict=True))
        if kind == _Kind.USER_DEFINED
        for form in (piece, piece.replace(_SPACE, " "))  # as in the text, and as written there
    }
    roles = _roles(model, source.name)
    return Description(spec, frozenset(control), roles=roles, user_defined=user_defined)


def _normalizer(model: Model, message: Any, path: str) -> Any:
    options = _c.SentencePieceOptions()
    options.user_defined = [
        (piece, index)
        for index, (piece, kind) in enumerate(zip(model.pieces, model.kinds, strict=True))
        if kind == _Kind.USER_DEFINED and path == "normalizer_spec"
    ]
    options.add_dummy_prefix = message.add_dummy_prefix
    options.remove_extra_whitespaces = message.remove_extra_whitespaces
    options.escape_whitespaces = message.escape_whitespaces
    trainer = model.proto.trainer_spec
    options.whitespace_as_suffix = path == "normalizer_spec" and trainer.treat_whitespace_as_suffix
    spec = _c.NormalizerSpec()
    spec.kind = _c.NormalizerSpec.Kind.SENTENCE_PIECE
    try:
        charsmap = message.precompiled_charsmap
        rules = _c.Charsmap(charsmap) if charsmap else None
        spec.sentencepiece = _c.SentencePieceNormalizer(rules, options)
    except TokenizerError as error:
        model.fail(path, str(error))
    return spec


def _decoder(model: Model) -> Any:
    settings = model.proto.normalizer_spec
    options = _c.SentencePieceDecoding()
    options.control = {
        piece
        for piece, kind in zip(model.pieces, model.kinds, strict=True)
        if kind == _Kind.CONTROL
    }
    if model.unk_id is not None:
        options.unknown = model.pieces[model.unk_id]
        surface = model.proto.trainer_spec.unk_surface
        options.unknown_surface = model.text(surface, "trainer_spec.unk_surface")
    options.has_bytes = model.proto.trainer_spec.byte_fallback
    options.strips_first = settings.add_dummy_prefix or settings.remove_extra_whitespaces
    options.strips_all = settings.remove_extra_whitespaces
    if model.proto.denormalizer_spec.precompiled_charsmap:
        rules = _normalizer(model, model.proto.denormalizer_spec, "denormalizer_spec")
        options.denormalizer = rules.sentencepiece
    spec = _c.DecoderSpec()
    spec.kind = _c.DecoderSpec.Kind.SENTENCE_PIECE
    spec.sentencepiece = _c.SentencePieceDecoder(options)
    return spec


def _roles(model: Model, name: str) -> dict[str, Node]:
    found = {}
    for role in ("bos", "eos", "pad"):
        if (index := model.role(f"{role}_piece")) is not None:
            path = f"trainer_spec.{role}_piece"
            found[f"{role}_token"] = Node(model.pieces[index], name, path)
    return found


def _as_tokenizer_json(model: Model) -> dict[str, Any]:
    """The ``tokenizer.json`` that ``transformers`` makes of the model."""
    added = [
        {
            "id": index,
            "content": piece,
            **dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False),
            "special": kind != _Kind.USER_DEFINED,
        }
        for index, (piece, kind) in enumerate(zip(model.pieces, model.kinds, strict=True))
        if kind in (_Kind.CONTROL, _Kind.USER_DEFINED, _Kind.UNKNOWN)
    ]
    parts = _bpe(model) if model.kind == "BPE" else _unigram(model)
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, **parts}


def _bpe(model: Model) -> dict[str, Any]:
    ids = {piece: index for index, piece in enumerate(model.pieces)}
    merges = [
        (index, at, piece)
        for piece, index in ids.items()
        for at in range(1, len(piece))
        if piece[:at] in ids and piece[at:] in ids
    ]
    to_space = {"type": "Replace", "pattern": {"String": _SPACE}, "content": " "}
    from_space = {"type": "Replace", "pattern": {"String": " "}, "content": _SPACE}
    prepend = {"type": "Prepend", "prepend": _SPACE}
    steps = [to_space, {"type": "ByteFallback"}, {"type": "Fuse"}]
    steps.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    return {
        "normalizer": {"type": "Sequence", "normalizers": [prepend, from_space]},
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": steps},
        "model": {
            "type": "BPE",
            "unk_token": None if model.unk_id is None else model.pieces[model.unk_id],
            "fuse_unk": True,
            "byte_fallback": True,
            "vocab": ids,
            "merges": [[piece[:at], piece[at:]] for _, at, piece in sorted(merges)],
        },
    }


def _unigram(model: Model) -> dict[str, Any]:
    metaspace = {"type": "Metaspace", "replacement": _SPACE, "prepend_scheme": "always"}
    normalizers: list[dict[str, Any]] = [
        {"type": "Strip", "strip_left": False, "strip_right": True},
        {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": _SPACE},
    ]
    if charsmap := model.proto.normalizer_spec.precompiled_charsmap:
        text = base64.b64encode(charsmap).decode()
        normalizers.insert(0, {"type": "Precompiled", "precompiled_charsmap": text})
    return {
        "normalizer": {"type": "Sequence", "normalizers": normalizers},
        "pre_tokenizer": metaspace,
        "post_processor": None,
        "decoder": metaspace,
        "model": {
            "type": "Unigram",
            "unk_id": model.unk_id,
            "byte_fallback": False,
            "vocab": [list(scored) for scored in zip(model.pieces, model.scores, strict=True)],
        },
    }


def _begins(head: bytes) -> bool:
    return head[:1] == b"\n"  # the first piece: field 1, a message


FORMAT = Format(
    "sentencepiece",
    read,
    names=("tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "spm.model"),
    begins=_begins,
    any_name=("*.model",),
    options=("behavior",),
    saved_as="tokenizer.model",
)
