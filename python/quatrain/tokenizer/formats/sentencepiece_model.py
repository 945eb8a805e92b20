"""What a SentencePiece ``.model`` holds, checked."""

from __future__ import annotations

from typing import Any, NoReturn

from quatrain import _core
from quatrain.errors import TokenizerError
from quatrain.files import brief
from quatrain.tokenizer.description import Source
from quatrain.tokenizer.formats.fields import Node
from quatrain.tokenizer.formats.sentencepiece_proto import parse

Kind = _core.tokenizer.ModelSpec.PieceKind
#: What stands for a space in a piece.
SPACE = "\u2581"
_KINDS = {
    1: Kind.NORMAL,
    2: Kind.UNKNOWN,
    3: Kind.CONTROL,
    4: Kind.USER_DEFINED,
    5: Kind.UNUSED,
    6: Kind.BYTE,
}
_MODELS = {1: "Unigram", 2: "BPE"}
_BYTES = frozenset(f"<0x{byte:02X}>" for byte in range(256))


class Model:
    """A model's pieces and settings, checked.

    Attributes:
        pieces: the pieces in the order of their ids; all different.
        scores, kinds: theirs.
        name: the path by which errors call the file.
        kind: "Unigram" or "BPE".
        proto: the message, for its settings.
        unk_id: the id of the unknown piece, if there is one.
    """

    def __init__(self, source: Source):
        from google.protobuf.message import DecodeError

        self.name = source.name
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
        unknown = [index for index, kind in enumerate(self.kinds) if kind == Kind.UNKNOWN]
        if len(unknown) > 1:
            self.fail(f"pieces[{unknown[1]}].type", "a second unknown piece, expected one")
        if not unknown and not trainer.byte_fallback:
            self.fail("pieces", "none is of the type UNKNOWN, which a model without bytes needs")
        self.unk_id = unknown[0] if unknown else None

    def fail(self, path: str, message: str) -> NoReturn:
        raise TokenizerError(brief(": ".join(part for part in (self.name, path, message) if part)))

    def text(self, data: bytes, path: str) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError:
            self.fail(path, f"found {data!r}, which is not UTF-8")

    def roles(self) -> dict[str, Node]:
        """The control pieces that the settings name by role, and the unknown one; with places."""
        control = {
            p for p, kind in zip(self.pieces, self.kinds, strict=True) if kind == Kind.CONTROL
        }
        found = {}
        for role in ("bos", "eos", "pad"):
            path = f"trainer_spec.{role}_piece"
            piece = self.text(getattr(self.proto.trainer_spec, f"{role}_piece"), path)
            if piece in control:
                found[f"{role}_token"] = Node(piece, self.name, path)
        if self.unk_id is not None:
            path = f"pieces[{self.unk_id}].piece"
            found["unk_token"] = Node(self.pieces[self.unk_id], self.name, path)
        return found

    def _add(self, index: int, message: Any) -> None:
        path = f"pieces[{index}]"
        piece = self.text(message.piece, f"{path}.piece")
        if not piece or "\0" in piece:
            self.fail(f"{path}.piece", f"found {piece!r}, expected text without NUL")
        if message.type not in _KINDS:
            self.fail(f"{path}.type", f"found {message.type}, expected 1 to 6")
        kind = _KINDS[message.type]
        if kind == Kind.BYTE:
            if not self.proto.trainer_spec.byte_fallback:
                self.fail(f"{path}.type", "a byte piece, but byte_fallback is false")
            if piece not in _BYTES:
                self.fail(f"{path}.piece", f"found {piece!r}, expected '<0x00>' to '<0xFF>'")
        self.pieces.append(piece)
        self.scores.append(message.score)
        self.kinds.append(kind)
