"""The fields of a SentencePiece model that matter here, as a Protocol Buffers message.

https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto has them all;
others are skipped. Strings are read as bytes, so that what is not UTF-8 can be refused by place.
"""

from __future__ import annotations

from functools import cache
from typing import Any

_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "SentencePiece": {"piece": (1, "bytes"), "score": (2, "float"), "type": (3, "int32")},
    "TrainerSpec": {
        "model_type": (3, "int32"),
        "treat_whitespace_as_suffix": (24, "bool"),
        "byte_fallback": (35, "bool"),
        "unk_id": (40, "int32"),
        "unk_surface": (44, "bytes"),
        "bos_piece": (46, "bytes"),
        "eos_piece": (47, "bytes"),
        "pad_piece": (48, "bytes"),
    },
    "NormalizerSpec": {
        "precompiled_charsmap": (2, "bytes"),
        "add_dummy_prefix": (3, "bool"),
        "remove_extra_whitespaces": (4, "bool"),
        "escape_whitespaces": (5, "bool"),
    },
    "ModelProto": {
        "pieces": (1, "SentencePiece"),
        "trainer_spec": (2, "TrainerSpec"),
        "normalizer_spec": (3, "NormalizerSpec"),
        "denormalizer_spec": (5, "NormalizerSpec"),
    },
}
# Of fields that a model may leave out.
_DEFAULTS = {
    "type": "1",
    "model_type": "1",
    "unk_surface": " \\342\\201\\207 ",
    "bos_piece": "<s>",
    "eos_piece": "</s>",
    "pad_piece": "<pad>",
    "add_dummy_prefix": "true",
    "remove_extra_whitespaces": "true",
    "escape_whitespaces": "true",
}


def parse(data: bytes) -> Any:
    """The message in ``data``. Raises ``google.protobuf.message.DecodeError``."""
    model = _model_class()()
    model.ParseFromString(data)
    return model


@cache
def _model_class() -> Any:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field_type = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="quatrain/sentencepiece.proto", package="quatrain.sentencepiece", syntax="proto2"
    )
    for message, fields in _MESSAGES.items():
        target = file.message_type.add(name=message)
        for name, (number, kind) in fields.items():
            field = target.field.add(name=name, number=number, label=field_type.LABEL_OPTIONAL)
            if kind in _MESSAGES:
                field.type = field_type.TYPE_MESSAGE
                field.type_name = f".{file.package}.{kind}"
            else:
                field.type = getattr(field_type, f"TYPE_{kind.upper()}")
            if name == "pieces":
                field.label = field_type.LABEL_REPEATED
            if name in _DEFAULTS:
                field.default_value = _DEFAULTS[name]
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    descriptor = pool.FindMessageTypeByName(f"{file.package}.ModelProto")
    return message_factory.GetMessageClass(descriptor)
