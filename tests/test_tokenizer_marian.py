"""Tokenizers of opus-mt: transformers' ids and texts, and folders that are not whole."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

import checkpoints
import quatrain
from quatrain.errors import TokenizerError

pytestmark = [pytest.mark.data("sentencepiece", "text"), pytest.mark.oracle("sentencepiece")]
LANGUAGE = ">>fra<<"
EDGES = [
    "",
    "  two  spaces ",
    f"{LANGUAGE} Good night",
    "a</s>b",
    "<unk> x",
    "<pad>",
    "naïve \u0133s",
]


def write(folder: Path, test_data: Path, name: str = "source.spm", seed: int = 1) -> list[str]:
    """A ``.spm`` file and its vocabulary, of which some pieces are another language's."""
    import sentencepiece

    own = test_data / "sentencepiece" / "botchan-unigram.model"
    pieces: list[str] = []
    for path, count in (own, None), (test_data / "sentencepiece" / "kyoto.model", 300):
        model = sentencepiece.SentencePieceProcessor(str(path))
        pieces += [model.IdToPiece(i) for i in range(3, count or model.GetPieceSize())]
    np.random.default_rng(seed).shuffle(pieces)
    pieces = list(dict.fromkeys(["</s>", "<unk>", LANGUAGE, *pieces, "<pad>"]))
    shutil.copy(own, folder / name)
    file = "vocab.json" if name == "source.spm" else "target_vocab.json"
    (folder / file).write_text(json.dumps({piece: i for i, piece in enumerate(pieces)}))
    return pieces


@pytest.mark.oracle("transformers")
def test_ids_and_texts_are_those_of_transformers(test_data, tmp_path):
    import transformers

    write(tmp_path, test_data)
    shutil.copy(tmp_path / "source.spm", tmp_path / "target.spm")
    (tmp_path / "tokenizer_config.json").write_text('{"source_lang": "en", "target_lang": "fr"}')
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # recommends what changes punctuation
        theirs = transformers.MarianTokenizer.from_pretrained(str(tmp_path))
    ours = quatrain.Tokenizer.from_pretrained(tmp_path)
    lines = (test_data / "text" / "lear.txt").read_text("utf-8", "replace").split("\n")
    for text in [*lines[:400], *EDGES]:
        ids = theirs(text).input_ids
        assert ours.encode(text).ids == ids, text
        assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=True), text


def test_a_folder_of_opus_mt_translates_texts(test_data, tmp_path):
    """Source and target have vocabularies of their own, and each its own tokenizer."""
    pieces = write(tmp_path, test_data)
    target = write(tmp_path, test_data, "target.spm", seed=2)
    sizes = {"vocab_size": len(pieces), "decoder_vocab_size": len(target)}
    special = dict.fromkeys(("pad_token_id", "decoder_start_token_id"), len(target) - 1)
    checkpoints.write(
        tmp_path, "marian", share_encoder_decoder_embeddings=False, **sizes, **special
    )
    model = quatrain.load(tmp_path)
    found = model.generate("Good night", max_new_tokens=5)
    assert model.sample("Good night").ids[-1] == pieces.index("</s>")
    text = "".join(target[i] for i in found.ids if target[i] not in ("<pad>", "<unk>", LANGUAGE))
    assert found.text == text.replace("\u2581", " ").lstrip(" ")
    saved = quatrain.load(model.save(tmp_path / "saved"))
    assert saved.generate("Good night", max_new_tokens=5) == found


def test_a_vocabulary_that_does_not_fit_is_refused(test_data, tmp_path):
    pieces = write(tmp_path, test_data)
    whole = {piece: i for i, piece in enumerate(pieces)}
    for vocabulary, why in (
        ({"</s>": 0}, "vocab.json has no <unk>"),
        (whole | {"more": 10**6}, "ids that are not 0, 1, 2"),
        (whole | {"more": 5}, "ids that are not 0, 1, 2"),
        ([], "expected"),
    ):
        (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
        with pytest.raises(TokenizerError, match=why):
            quatrain.Tokenizer.from_pretrained(tmp_path)
    (tmp_path / "vocab.json").unlink()
    with pytest.raises(TokenizerError, match=r"vocab\.json: no such file"):
        quatrain.Tokenizer.from_pretrained(tmp_path)
