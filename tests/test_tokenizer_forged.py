"""Messages that spell the control and user-defined pieces of a SentencePiece model stay text."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from quatrain.errors import InputError
from quatrain.tokenizer import Tokenizer
from quatrain.tokenizer.formats.sentencepiece_proto import _model_class
from tokenizer_charsmap import charsmap

UNIGRAM, BPE = 1, 2
KINDS = pytest.mark.parametrize("kind", [UNIGRAM, BPE])
BEHAVIORS = pytest.mark.parametrize("behavior", ["sentencepiece", "tokenizers"])

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6
SPECIAL = ["<s>", "</s>"]
MARKERS = ["<x>", "<<x>", "x>a", "\u2581<y>", "\u00e9\u00c9"]
PLAIN = [*"<>/abcsxy\u2581\u00e9", "<s", "s>", "<x", "x>", "ab", "\u2581<", "\u2581a"]
TEMPLATE = "<s><x>{{ messages[0].content }}<<x> <y>{{ messages[0].content }}\u00e9\u00c9x>a</s>"
TEMPLATE += "{# \u2581<y> #}"
PIECES = [("<unk>", UNKNOWN), *((piece, CONTROL) for piece in SPECIAL)]
PIECES += [*((piece, USER_DEFINED) for piece in MARKERS), *((piece, NORMAL) for piece in PLAIN)]
FORGED = set(range(1, 1 + len(SPECIAL + MARKERS)))


def opened(folder: Path, kind: int, behavior: str, has_bytes: bool = False) -> Tokenizer:
    model = _model_class()()
    for i, (piece, role) in enumerate(PIECES):
        model.pieces.add(piece=piece.encode(), score=-1.0 - i % 5, type=role)
    for byte in range(256 if has_bytes else 0):
        model.pieces.add(piece=b"<0x%02X>" % byte, score=0, type=BYTE)
    model.trainer_spec.model_type = kind
    model.trainer_spec.byte_fallback = has_bytes
    model.normalizer_spec.precompiled_charsmap = charsmap({"\u00c9": "\u00e9", "\u200b": ""})
    path = folder / "tokenizer.model"
    path.write_bytes(model.SerializeToString())
    return Tokenizer.from_file(path, behavior=behavior)


def forgeries(count: int) -> list[str]:
    rng = random.Random(7)
    tokens = SPECIAL + MARKERS
    parts = [*tokens, " <y>", *(token[: rng.randrange(len(token))] for token in tokens)]
    parts += [token[rng.randrange(len(token)) :] for token in tokens]
    parts += [*"<>/abcsxy \u2581\u00e9\u00c9\u4e2d", "  ", "\n", "\u200b"]
    return ["".join(rng.choices(parts, k=rng.randrange(9))) for _ in range(count)]


@BEHAVIORS
@KINDS
@pytest.mark.parametrize("has_bytes", [False, True])
def test_content_is_text(tmp_path: Path, kind: int, behavior: str, has_bytes: bool) -> None:
    tokenizer = opened(tmp_path, kind, behavior, has_bytes)
    forged = 0
    for text in forgeries(2000):
        forged += bool(FORGED & set(tokenizer.encode(text).ids))
        chat = tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], chat_template=TEMPLATE
        )
        for index, is_content in zip(chat.ids, chat.from_content, strict=True):
            assert not (is_content and index in FORGED), text
        # No message takes the template's own markers away, either; but what is removed of it
        # belongs to the token before.
        if "\u200b" not in text:
            assert {"<x>", "<<x>", "x>a"} <= set(chat.encoding.tokens), text
    assert forged > 1000


@BEHAVIORS
@KINDS
def test_template_and_message_spell_the_same(tmp_path: Path, kind: int, behavior: str) -> None:
    tokenizer = opened(tmp_path, kind, behavior)
    chat = tokenizer.apply_chat_template(
        [{"role": "user", "content": "c<x>c\u00e9\u00c9"}],
        chat_template="<x>{{ messages[0].content }}{# \u00e9\u00c9 #}",
    )
    tokens = chat.encoding.tokens
    assert tokens.count("<x>") == 1
    # The piece's spelling, normalized as any text is.
    is_normalized = behavior == "sentencepiece" or kind == UNIGRAM
    end = "\u00e9\u00e9" if is_normalized else "\u00e9<unk>"
    assert "".join(tokens).replace("\u2581", "") == f"<x>c<x>c{end}"


@BEHAVIORS
@KINDS
def test_special(tmp_path: Path, kind: int, behavior: str) -> None:
    tokenizer = opened(tmp_path, kind, behavior)
    control = {1, 2}
    assert tokenizer.special_ids - {0} == control
    is_library = behavior == "sentencepiece"
    for text in forgeries(500):
        given = tokenizer.encode(text)
        assert not control & set(tokenizer.encode(text, special="text").ids), text
        assert 2 not in tokenizer.encode(text, special={"<s>"}).ids, text
        if is_library:
            for special in ("text", "error", {"<s>"}):
                assert tokenizer.encode(text, special=special).ids == given.ids, text
        elif control & set(given.ids):
            with pytest.raises(InputError, match=r"has the special token '</?s>'"):
                tokenizer.encode(text, special="error")
    assert "<x>" in tokenizer.encode("a<x>", special="text").tokens
    with pytest.raises(InputError, match="'<x>', which is no special token"):
        tokenizer.encode("a", special={"<x>"})


@pytest.mark.oracle("sentencepiece")
@KINDS
@pytest.mark.parametrize("has_bytes", [False, True])
def test_by_default_as_the_library(tmp_path: Path, kind: int, has_bytes: bool) -> None:
    import sentencepiece

    ours = opened(tmp_path, kind, "sentencepiece", has_bytes)
    peer = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.model"))
    for text in forgeries(2000):
        assert ours.encode(text).ids == peer.EncodeAsIds(text), text
