"""A ``tokenizer.json`` of which the vocabulary is yet to be learned."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any

from quatrain import _core
from quatrain.errors import InputError, TokenizerError
from quatrain.files import brief
from quatrain.tokenizer.description import Source
from quatrain.tokenizer.formats import read
from quatrain.tokenizer.formats.fields import Node
from quatrain.tokenizer.training import presets

Json = dict[str, Any]

#: The fields of each model and what they are by default, as `tokenizers` writes them.
_MODELS: dict[str, Json] = {
    "BPE": {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        "vocab": {},
        "merges": [],
    },
    "WordPiece": {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": {},
    },
    "Unigram": {"type": "Unigram", "unk_id": None, "vocab": [], "byte_fallback": False},
}
#: What is around the model, in the order of the file.
_SURROUNDINGS: Json = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [],
    "normalizer": None,
    "pre_tokenizer": None,
    "post_processor": None,
    "decoder": None,
}
_LEARNED = ("type", "unk_token", "unk_id", "vocab", "merges")


class Draft:
    """The file as it grows.

    Attributes:
        fields: what is around the model.
        model: the model's own fields.
        unk_token: what stands for what the vocabulary lacks, if anything does.
        roles: what special tokens are for, as ``{"eos_token": "</s>"}``.
    """

    def __init__(self, like: Json, kind: str, special_tokens: Sequence[str] | None):
        """Keeps of ``like``, fields of a ``tokenizer.json``, all but what is learned."""
        like = copy.deepcopy(like)
        model = like.pop("model", None) or {}
        if not isinstance(model, dict):
            raise InputError(f"the model of like is {type(model).__name__}, expected its fields")
        self.fields = _SURROUNDINGS | like
        self.model = dict(_MODELS[kind])
        self.roles: dict[str, str] = {}
        for name in self.model.keys() - _LEARNED:
            if model.get(name) is not None:
                self.model[name] = model[name]
        self.unk_token: str | None = _unknown(model) or self.model.get("unk_token")
        if special_tokens is not None:
            self.fields["added_tokens"] = [
                presets.added_token(index, token)
                for index, token in enumerate(dict.fromkeys(special_tokens))
            ]

    @property
    def reserved(self) -> list[str]:
        """The tokens that come first: special ones, and those of bytes that no other spells."""
        tokens = sorted(self.fields["added_tokens"], key=lambda token: token["id"])
        special = [token["content"] for token in tokens]
        single = [f"<0x{byte:02X}>" for byte in range(256)]
        return special + single if self.model.get("byte_fallback") else special

    def give_role(self, role: str, token: str) -> None:
        """Says what a special token is for. Raises InputError if it is none."""
        if token not in self.reserved:
            raise InputError(f"{role} is {token!r}, which is not among the special tokens")
        self.roles[role] = token

    def config(self) -> bytes:
        """The ``tokenizer_config.json``, by which the special tokens are known by role."""
        roles = {role: token for role, token in self.roles.items() if token in self.reserved}
        if self.unk_token is not None:
            roles["unk_token"] = self.unk_token
        file = {"tokenizer_class": "PreTrainedTokenizerFast", **roles}
        return json.dumps(file, ensure_ascii=False, indent=2).encode()

    def spec(self) -> Any:
        """The core's spec of what is around the model. Raises TokenizerError naming ``like``."""
        bare = {"type": "BPE", "vocab": {}, "merges": []}
        _read({**self.fields, "added_tokens": [], "model": bare})
        for token in Node(self.fields["added_tokens"], "like", "added_tokens").items():
            token.child("content").text()
            token.child("id").integer()
        if self.unk_token is not None:
            Node(self.unk_token, "like", "model.unk_token").text()
        ids = {token: index for index, token in enumerate(self.reserved)}
        self._number(ids)
        dropout = Node(self.model, "like", "model").optional("dropout")
        if dropout is not None and dropout.value:
            dropout.fail("random merges are not supported")
        spec = _read({**self.fields, "model": {**bare, "vocab": ids}})
        try:
            _core.tokenizer.Tokenizer(spec)  # which checks what the reader cannot
        except TokenizerError as error:
            raise TokenizerError(brief(f"like: {error}")) from None
        return spec

    def with_merges(self, tokens: list[str], merges: list[tuple[int, int]]) -> bytes:
        """The whole file, with a vocabulary in the order of ids, and merges of ids."""
        ids = {token: index for index, token in enumerate(tokens)}
        learned: Json = {"unk_token": self.unk_token, "vocab": ids}
        if "merges" in self.model:
            learned["merges"] = [[tokens[left], tokens[right]] for left, right in merges]
        return self._finish(ids, learned)

    def with_pieces(self, pieces: list[tuple[str, float]]) -> bytes:
        """The whole file, with pieces and the logarithms of their probabilities."""
        reserved = dict.fromkeys(self.reserved, 0.0)
        scores = reserved | {piece: score for piece, score in pieces if piece not in reserved}
        ids = {token: index for index, token in enumerate(scores)}
        unk_id = None if self.unk_token is None else ids.get(self.unk_token)
        return self._finish(ids, {"unk_id": unk_id, "vocab": [list(v) for v in scores.items()]})

    def _finish(self, ids: dict[str, int], learned: Json) -> bytes:
        self._number(ids)
        file = {**self.fields, "model": self.model | learned}
        return json.dumps(file, ensure_ascii=False, indent=2).encode()

    def _number(self, ids: dict[str, int]) -> None:
        """Gives tokens outside the model their ids. Raises InputError for one that has none."""
        if self.unk_token is not None and self.unk_token not in ids:
            raise InputError(
                f"the unknown token {self.unk_token!r} is not among the special tokens"
            )
        for token in self.fields["added_tokens"]:
            token["id"] = ids[token["content"]]
        self.fields["added_tokens"].sort(key=lambda token: token["id"])
        if self.fields["padding"] is not None:
            padding = self.fields["padding"]
            padding["pad_id"] = _id(ids, padding["pad_token"], "padding")
        _renumber(self.fields["post_processor"], ids)


def _read(fields: Json) -> Any:
    try:
        data = json.dumps(fields).encode()
    except (TypeError, ValueError) as error:
        raise InputError(f"like cannot be written as JSON: {error}") from None
    return read(Source("tokenizer.json", {"tokenizer.json": data}, "like")).spec


def _unknown(model: Json) -> str | None:
    """The unknown token of a model, which Unigram names by its id."""
    index, vocab = model.get("unk_id"), model.get("vocab")
    if index is None:
        return model.get("unk_token")
    try:
        token: str = vocab[index][0]  # type: ignore[index]  # else refused below
    except (TypeError, IndexError, KeyError):
        raise InputError(f"the unk_id of like is {index!r}, which its vocab lacks") from None
    return token


def _renumber(part: Any, ids: dict[str, int]) -> None:
    """Gives the tokens that a post-processor adds their new ids."""
    if part is None:
        return
    for inner in part.get("processors", ()):
        _renumber(inner, ids)
    for token in part.get("special_tokens", {}).values():
        token["ids"] = [_id(ids, text, "the post-processor") for text in token["tokens"]]
    for name in ("sep", "cls"):
        if name in part:
            part[name][1] = _id(ids, part[name][0], "the post-processor")


def _id(ids: dict[str, int], token: str, user: str) -> int:
    if token not in ids:
        raise InputError(f"{user} of like adds {token!r}, which is not among the special tokens")
    return ids[token]
