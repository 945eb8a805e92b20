"""SentencePiece ``.model`` files: https://github.com/google/sentencepiece.

Two libraries run them, and do not agree: ``sentencepiece`` itself, and ``tokenizers`` by way of
the ``tokenizer.json`` that ``transformers`` makes of them. The option ``behavior`` names the one to
equal:

- ``"sentencepiece"`` (the default): the ids, pieces, offsets and decoded text of the library. No
  special token is added, and none is read from a text, as the library does neither.
- ``"tokenizers"``: what the class of ``transformers`` makes of the model that
  ``tokenizer_config.json`` names, or the option ``tokenizer_class``; see `sentencepiece_classes`.
"""

from __future__ import annotations

from typing import Any

from quatrain import _core
from quatrain.errors import InputError, TokenizerError
from quatrain.tokenizer.description import Description, Format, Source
from quatrain.tokenizer.formats.sentencepiece_classes import as_tokenizers
from quatrain.tokenizer.formats.sentencepiece_model import SPACE, Kind, Model
from quatrain.tokenizer.formats.side_files import option

_c = _core.tokenizer
_BEHAVIORS = ("sentencepiece", "tokenizers")


def read(source: Source) -> Description:
    """What a ``.model`` file says."""
    behavior = source.options.get("behavior", _BEHAVIORS[0])
    if behavior not in _BEHAVIORS and "behavior" in source.saved:
        option(source, "behavior").choice(dict.fromkeys(_BEHAVIORS))
    if behavior not in _BEHAVIORS:
        raise InputError(f"behavior is {behavior!r}, expected one of {', '.join(_BEHAVIORS)}")
    model = Model(source)
    if behavior == "sentencepiece":
        return described(model)
    return as_tokenizers(model, source)


def described(model: Model) -> Description:
    """What a model is in ``sentencepiece``."""
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
    control = {index for index, kind in enumerate(model.kinds) if kind == Kind.CONTROL}
    user_defined = {
        form: index
        for index, (piece, kind) in enumerate(zip(model.pieces, model.kinds, strict=True))
        if kind == Kind.USER_DEFINED
        for form in (piece, piece.replace(SPACE, " "))  # as in the text, and as written there
    }
    roles = model.roles()
    return Description(spec, frozenset(control), roles=roles, user_defined=user_defined)


def _normalizer(model: Model, message: Any, path: str) -> Any:
    options = _c.SentencePieceOptions()
    options.user_defined = [
        (piece, index)
        for index, (piece, kind) in enumerate(zip(model.pieces, model.kinds, strict=True))
        if kind == Kind.USER_DEFINED and path == "normalizer_spec"
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
        piece for piece, kind in zip(model.pieces, model.kinds, strict=True) if kind == Kind.CONTROL
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


def _begins(head: bytes) -> bool:
    return head[:1] == b"\n"  # the first piece: field 1, a message


FORMAT = Format(
    "sentencepiece",
    read,
    names=("tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "spm.model"),
    begins=_begins,
    any_name=("*.model",),
    options=("behavior", "tokenizer_class"),
    saved_as="tokenizer.model",
)
