"""Folders of the program marian: what transformers computes from the same weights, and refusals."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

import marian_files
import oracle
import quatrain
from judge import difference
from quatrain.errors import CheckpointError, ConfigError
from quatrain.layers.positions import sinusoids
from quatrain.marian.folder import parse

SIZES = {
    "encoder_attention_heads": 3,
    "decoder_attention_heads": 3,
    "encoder_ffn_dim": 41,
    "decoder_ffn_dim": 41,
    "decoder_vocab_size": 97,
}
VARIANTS = {
    "one vocabulary": {},
    "two vocabularies": {"share_encoder_decoder_embeddings": False, "activation_function": "relu"},
    "two vocabularies, untied": {
        "share_encoder_decoder_embeddings": False,
        "decoder_vocab_size": 101,
        "tie_word_embeddings": False,
    },
}
SOURCE, TARGET = np.arange(11) * 7 % 96, np.array([96, 5, 1, 0, 44, 95])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A function: variant -> (transformers' folder, marian's folder)."""
    root, known = tmp_path_factory.mktemp("marian"), {}

    def make(variant: str):
        if variant not in known:
            changes = SIZES | VARIANTS[variant]
            theirs = oracle.write(root / f"{variant} theirs", "marian", "", **changes)
            known[variant] = theirs, marian_files.write(root / variant, theirs)
        return known[variant]

    return make


def judged(folder, source, target):
    """What transformers computes, with marian's own positions and no embedding of <pad>."""
    import torch

    judge = oracle.Oracle(folder, "marian")
    model, weights = judge.model, judge.model.state_dict()
    with torch.no_grad():
        for side in ("encoder", "decoder"):
            table = weights[f"model.{side}.embed_positions.weight"]
            table.copy_(torch.tensor(sinusoids(*table.shape, form="tensor2tensor")))
            weights[f"model.{side}.embed_tokens.weight"][-1] = 0
        weights["lm_head.weight"][-1] = 0
        model.final_logits_bias[:, -1] = 0
    return judge.run(target, source)


@pytest.mark.oracle("torch", "transformers")
@pytest.mark.parametrize("engine", ["native", "onnx"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_marians_own_files(variant, engine, made):
    """Hidden states and logits are those of transformers with the same weights."""
    theirs, ours = made(variant)
    model = quatrain.load(ours, engine=engine)
    target = np.array([model.network.start, *TARGET[1:]])
    want = judged(theirs, SOURCE, target)
    assert difference(model.hidden(SOURCE), want["encoder_hidden_states"][-1]) <= 1e-4
    assert difference(model.logits(SOURCE, decoder_ids=target), want["logits"]) <= 1e-4


@pytest.mark.oracle("torch", "transformers")
def test_what_decoder_yml_says_is_how_texts_are_generated(made, tmp_path):
    model = quatrain.load(made("one vocabulary")[1])
    found = model.generate(SOURCE, max_new_tokens=5, num_return_sequences=3)
    assert len(found.beams) == 3 and model.network.start == 96
    assert all(96 not in beam.ids for beam in found.beams)
    saved = quatrain.load(model.save(tmp_path / "saved"))
    assert np.array_equal(saved.logits(SOURCE, TARGET), model.logits(SOURCE, TARGET))
    assert saved.generate(SOURCE, max_new_tokens=5).beams == found.beams[:1]


@pytest.mark.oracle("torch", "transformers")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("transformer-preprocess", "n"),
        ("transformer-postprocess", "da"),
        ("transformer-decoder-autoreg", "rnn"),
        ("type", "s2s"),
        ("transformer-ffn-activation", "mish"),
        ("dim-vocabs", [5]),
        ("enc-depth", "deep"),
        ("dim-emb", -1),
    ],
)
def test_other_networks_are_refused_by_name(name, value, made, tmp_path):
    folder = marian_files.write(tmp_path, made("one vocabulary")[0], **{name: value})
    ours = {"transformer-ffn-activation": "activation_function", "dim-emb": "d_model"}
    with pytest.raises(ConfigError, match=rf"model\.npz: {ours.get(name, name)}"):
        quatrain.load(folder)


def test_a_hostile_archive_is_refused(tmp_path):
    file = tmp_path / "model.npz"
    for data, why in (
        (b"", "not a whole file"),
        (b"PK\x03\x04" + bytes(60), "not a whole file"),
    ):
        file.write_bytes(data)
        with pytest.raises(CheckpointError, match=why):
            quatrain.load(tmp_path)
    np.savez_compressed(file, a=np.zeros(9))
    with pytest.raises(CheckpointError, match="is compressed"):
        quatrain.load(tmp_path)
    np.savez(file, a=np.zeros(9))
    with pytest.raises(CheckpointError, match=r"special:model\.yml"):
        quatrain.load(tmp_path)
    np.savez(file, a=np.array([{}], object))
    with pytest.raises(CheckpointError, match="plain numbers"):
        quatrain.load(tmp_path)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", b"\x93NUMPY\x01\x00\xff\xff{")
    with pytest.raises(CheckpointError, match="not a whole file"):
        quatrain.load(tmp_path)


@pytest.mark.parametrize(
    "wrong", ["just words", "a: [", "a: \x01", "? {a: 1}\n: 2", "- a", "[" * 9999]
)
def test_settings_that_are_none(wrong):
    with pytest.raises(ConfigError, match=r"^x\.yml: "):
        parse(wrong, "x.yml")
