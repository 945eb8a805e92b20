"""SentencePiece models: equality with the ``sentencepiece`` library on models it trains here."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from quatrain.errors import InputError, TokenizerError
from quatrain.tokenizer import Tokenizer
from quatrain.tokenizer.formats.sentencepiece_proto import parse
from sentencepiece_peer import SentencePieceBoth
from tokenizer_data import HOSTILE, plain_bpe, to_bytes

SENTENCES = [
    *("the cat sat on the mat", "don't sit there, or I'll tell the cats!", "1234 and 567.89"),
    *("中文字符和日本語のカタカナ", "el niño comió una piña", "straße und Größe", "x  y   z"),
] * 20
SETTINGS: dict[str, dict[str, Any]] = {
    "unigram": {"model_type": "unigram"},
    "bpe": {"model_type": "bpe"},
    "unigram-bytes": {"model_type": "unigram", "byte_fallback": True, "vocab_size": 400},
    "bpe-bytes": {
        "model_type": "bpe",
        "byte_fallback": True,
        "vocab_size": 420,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "allow_whitespace_only_pieces": True,
        "split_digits": True,
    },
    "symbols": {
        "model_type": "unigram",
        "user_defined_symbols": ["<mask>", "the", "  ", "éé"],
        "control_symbols": ["<ctl>"],
        "pad_id": 3,
    },
    "bpe-symbols": {
        "model_type": "bpe",
        "user_defined_symbols": ["<mask>", "the", "cats", "éé"],
        "normalization_rule_name": "nmt_nfkc_cf",
    },
    "folded": {"model_type": "unigram", "normalization_rule_name": "nmt_nfkc_cf"},
    "suffix": {"model_type": "unigram", "treat_whitespace_as_suffix": True},
    "bpe-suffix": {"model_type": "bpe", "treat_whitespace_as_suffix": True},
    "no-prefix": {"model_type": "bpe", "add_dummy_prefix": False},
    "kept": {"model_type": "unigram", "remove_extra_whitespaces": False},
    "plain": {"model_type": "unigram", "normalization_rule_name": "identity"},
}


def train(folder: Path, name: str) -> bytes:
    import sentencepiece

    settings = {"vocab_size": 150, "hard_vocab_limit": False, **SETTINGS[name]}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES),
        model_prefix=str(folder / name),
        minloglevel=2,
        num_threads=1,
        **settings,
    )
    return (folder / f"{name}.model").read_bytes()


def edited(data: bytes, edit: Any) -> bytes:
    model = parse(data)
    edit(model)
    return model.SerializeToString()


def make_unused(model: Any) -> None:
    """Pieces that are found, but replaced by the pieces that they are made of."""
    for piece in model.pieces[60:]:
        if piece.type == 1 and len(piece.piece) > 3:
            piece.type = 5


def check(data: bytes, folder: Path) -> None:
    path = folder / "checked.model"
    path.write_bytes(data)
    both = SentencePieceBoth(path)
    ours, peer = both.ours, both.peer
    rng = random.Random(0)
    letters = [*(c for text in HOSTILE + SENTENCES[:7] for c in text), "<mask>", "<s>", "\u2581"]
    texts = [
        *HOSTILE,
        *SENTENCES[:7],
        "<unk> <s>x</s> <0x41>",
        "\u2581\u2581 a\u2581b",
        "the  thethe",
    ]
    texts += ["".join(rng.choices(letters, k=rng.randint(1, 40))) for _ in range(150)]
    texts.append("the cat " * 3000 + "x" * 3000)
    for text in texts:
        both.check(text)
    for _ in range(300):
        both.check_decode_any(rng)
    roles = (ours.bos_id, ours.eos_id, ours.pad_id, ours.unk_id)
    assert [-1 if role is None else role for role in roles] == [
        *(peer.bos_id(), peer.eos_id(), peer.pad_id(), peer.unk_id())
    ]


@pytest.mark.oracle("sentencepiece")
@pytest.mark.parametrize("name", SETTINGS)
def test_trained_models(name: str, tmp_path: Path) -> None:
    check(train(tmp_path, name), tmp_path)


@pytest.mark.oracle("sentencepiece")
@pytest.mark.parametrize("name", ["unigram", "bpe", "bpe-bytes"])
def test_unused_pieces(name: str, tmp_path: Path) -> None:
    check(edited(train(tmp_path, name), make_unused), tmp_path)


@pytest.mark.oracle("sentencepiece")
def test_denormalizer(tmp_path: Path) -> None:
    def denormalize(model: Any) -> None:
        from tokenizer_charsmap import charsmap

        model.denormalizer_spec.precompiled_charsmap = charsmap({"a": "A", "the": "THE"})
        model.denormalizer_spec.add_dummy_prefix = False

    check(edited(train(tmp_path, "unigram"), denormalize), tmp_path)


def small_model() -> bytes:
    from quatrain.tokenizer.formats.sentencepiece_proto import _model_class

    model = _model_class()()
    for piece, score, kind in [
        (b"<unk>", 0.0, 2),
        (b"<s>", 0.0, 3),
        ("\u2581".encode(), -2.0, 1),
        (b"a", -3.0, 1),
        ("\u2581a".encode(), -1.0, 1),
    ]:
        model.pieces.add(piece=piece, score=score, type=kind)
    return model.SerializeToString()


def test_small(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(small_model())
    tokenizer = Tokenizer.from_pretrained(tmp_path)
    encoding = tokenizer.encode("  a ax")
    assert encoding.tokens == ["\u2581a", "\u2581a", "x"]
    assert encoding.offsets == [(2, 3), (3, 5), (5, 6)]
    assert tokenizer.decode([1, *encoding.ids]) == "a a \u2047 "
    assert tokenizer.special_ids == {1}
    assert (tokenizer.bos_id, tokenizer.unk_id) == (1, 0)
    tokenizer.save(tmp_path / "copy")
    assert Tokenizer.from_pretrained(tmp_path / "copy").encode("aa").ids == [4, 3]


def second_unknown(model: Any) -> None:
    model.pieces[1].type = 2


def no_unknown(model: Any) -> None:
    model.pieces[0].type = 1


def no_unknown_but_some_bytes(model: Any) -> None:
    no_unknown(model)
    model.trainer_spec.byte_fallback = True
    for byte in range(128):
        model.pieces.add(piece=b"<0x%02X>" % byte, score=0.0, type=6)


def bad_text(model: Any) -> None:
    model.pieces[3].piece = b"\xff"


def empty_piece(model: Any) -> None:
    model.pieces[3].piece = b""


def bad_type(model: Any) -> None:
    model.pieces[3].type = 9


def bad_score(model: Any) -> None:
    model.pieces[3].score = float("nan")


def twice(model: Any) -> None:
    model.pieces[3].piece = b"<s>"


def a_byte(model: Any) -> None:
    model.pieces[3].type = 6


def characters(model: Any) -> None:
    model.trainer_spec.model_type = 4


def bad_rules(model: Any) -> None:
    model.normalizer_spec.precompiled_charsmap = b"abcdefgh"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (second_unknown, r"pieces\[1\].type: a second unknown piece"),
        (no_unknown, "pieces: none is of the type UNKNOWN"),
        (no_unknown_but_some_bytes, "no piece is of the type UNKNOWN, and not every byte has one"),
        (bad_text, r"pieces\[3\].piece: found b'\\xff', which is not UTF-8"),
        (empty_piece, r"pieces\[3\].piece: found ''"),
        (bad_type, r"pieces\[3\].type: found 9, expected 1 to 6"),
        (bad_score, "piece 'a' has score nan"),
        (twice, "'<s>' appears twice"),
        (a_byte, r"pieces\[3\].type: a byte piece, but byte_fallback is false"),
        (characters, r"trainer_spec.model_type: found 4; supported: 1 \(Unigram\), 2 \(BPE\)"),
        (bad_rules, "normalizer_spec: .*precompiled_charsmap"),
    ],
)
def test_refused(edit: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.model"
    path.write_bytes(edited(small_model(), edit))
    with pytest.raises(TokenizerError, match=message):
        Tokenizer.from_file(path)


def test_damage_is_refused_or_harmless(tmp_path: Path) -> None:
    rng = random.Random(0)
    path = tmp_path / "x.model"
    for _ in range(300):
        data = bytearray(small_model())
        for _ in range(rng.randint(0, 3)):
            data[rng.randrange(1, len(data))] = rng.randrange(256)
        path.write_bytes(data[: rng.choice([None, rng.randrange(1, len(data))])])
        try:
            Tokenizer.from_file(path).encode("a ax \0\u2581")
        except TokenizerError:
            continue


def test_options(tmp_path: Path) -> None:
    path = tmp_path / "x.model"
    path.write_bytes(small_model())
    saved = tmp_path / "saved" / "tokenizer_options.json"
    saved.parent.mkdir()
    saved.write_text('{"behavior": "other"}')
    (saved.parent / "tokenizer.model").write_bytes(small_model())
    with pytest.raises(TokenizerError, match=r"options\.json: behavior: 'other' is not supported"):
        Tokenizer.from_pretrained(saved.parent)
    with pytest.raises(InputError, match="behavior is 'other', expected one of sentencepiece, "):
        Tokenizer.from_file(path, behavior="other")
    path.write_bytes(to_bytes(plain_bpe()))
    with pytest.raises(TokenizerError, match="begins with"):
        Tokenizer.from_file(path)
