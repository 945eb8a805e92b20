"""Sentence vectors: order, batches, poolings, limits."""

from __future__ import annotations

import importlib
import json

import numpy as np
import pytest

import quatrain
from checkpoints import describe
from families import ENCODERS
from quatrain.errors import ConfigError, InputError

#: ``quatrain.tasks.encode`` is also the name of a function.
encoding = importlib.import_module("quatrain.tasks.encode")
ENGINES = ("reference", "native", "onnx")


@pytest.fixture(params=ENGINES)
def model(request, tiny):
    return quatrain.load(tiny("bert"), engine=request.param)


@pytest.fixture
def folder(copied):
    """A copy of the tiny BERT's folder, to be described by more settings."""
    return copied("bert")


def texts(*lengths: int) -> list[np.ndarray]:
    random = np.random.default_rng(4)
    return [random.integers(0, 97, n) for n in lengths]


def test_order_is_kept_whatever_the_lengths(model):
    """Texts are batched by length; each vector still belongs to its text."""
    given = texts(3, 30, 1, 17, 30, 2)
    vectors = model.encode(given)
    assert vectors.shape == (6, 24) and vectors.dtype == np.float32
    for text, vector in zip(given, vectors, strict=True):
        assert np.allclose(vector, model.hidden(text).mean(0), atol=1e-5)


@pytest.mark.parametrize("family", ENCODERS)
def test_native_gives_one_by_one_what_it_gives_together(family, tiny, monkeypatch):
    """Bit by bit, whatever the batches and threads."""
    model, given = quatrain.load(tiny(family)), texts(3, 30, 1, 17, 30, 2, 55)
    alone = np.concatenate([model.encode([text]) for text in given])
    assert np.array_equal(model.encode(given), alone)
    for threads in (1, 3):
        assert np.array_equal(quatrain.load(tiny(family), threads=threads).encode(given), alone)
    assert not model.engine.unplanned
    monkeypatch.setattr(encoding, "BATCH_TOKENS", 40)
    assert np.array_equal(model.encode(given), alone)
    assert np.array_equal(model.encode(given[::-1]), alone[::-1])


def test_batches_hold_every_text_once_and_are_bounded():
    lengths = [5, 900, 3000, 1, 1200, 848, 7]
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    found = list(encoding.batches(order, lengths))
    assert [i for batch in found for i in batch] == order
    for batch in found:
        assert len(batch) == 1 or sum(lengths[i] for i in batch) <= encoding.BATCH_TOKENS
    assert list(encoding.batches([], [])) == []


def test_no_texts_give_no_vectors(model):
    vectors = model.encode([])
    assert vectors.shape == (0, 24) and vectors.dtype == np.float32


def test_equal_texts_have_equal_vectors(model):
    text = texts(9)[0]
    vectors = model.encode([text, list(text), tuple(int(i) for i in text)])
    assert np.array_equal(vectors[0], vectors[1]) and np.array_equal(vectors[0], vectors[2])


def test_a_bar_shows_only_if_wanted(tiny, capsys):
    model = quatrain.load(tiny("bert"))
    quiet = model.encode(texts(3, 4), progress=False)
    assert capsys.readouterr() == ("", "")
    shown = model.encode(texts(3, 4), progress=True)
    out, err = capsys.readouterr()
    assert out == "" and "encoding" in err
    assert np.array_equal(quiet, shown)


@pytest.mark.parametrize(
    ("fields", "reduce"),
    [
        ({"pooling_mode_mean_tokens": True}, lambda rows: rows.mean(0)),
        ({"pooling_mode_cls_token": True}, lambda rows: rows[0]),
        ({"pooling_mode_max_tokens": True}, lambda rows: rows.max(0)),
        ({"pooling_mode_lasttoken": True}, lambda rows: rows[-1]),
        ({"pooling_mode": "mean"}, lambda rows: rows.mean(0)),
        ({"pooling_mode": "cls"}, lambda rows: rows[0]),
        ({"pooling_mode": "lasttoken"}, lambda rows: rows[-1]),
        ({"pooling_mode": "mean_sqrt_len_tokens"}, lambda rows: rows.sum(0) / len(rows) ** 0.5),
        (
            {"pooling_mode": ["weightedmean"], "include_prompt": True},
            lambda rows: np.average(rows, 0, np.arange(1, len(rows) + 1)),
        ),
        (
            {"pooling_mode_lasttoken": True, "pooling_mode_max_tokens": True},
            lambda rows: np.concatenate([rows.max(0), rows[-1]]),
        ),
        (
            {"pooling_mode": ["mean", "cls"], "embedding_dimension": 24},
            lambda rows: np.concatenate([rows.mean(0), rows[0]]),
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("engine", ENGINES)
def test_pooling_is_what_the_folder_says(fields, reduce, engine, folder):
    describe(folder, "Transformer", "Pooling", "Normalize", config=fields)
    model, given = quatrain.load(folder, engine=engine), texts(7, 1, 12)
    for text, vector in zip(given, model.encode(given), strict=True):
        want = reduce(model.hidden(text))
        assert np.allclose(vector, want / np.linalg.norm(want), atol=1e-6)


def test_without_modules_rows_are_averaged_and_not_normalised(tiny):
    model, (text,) = quatrain.load(tiny("bert")), texts(7)
    assert np.allclose(model.encode([text])[0], model.hidden(text).mean(0), atol=1e-6)


@pytest.mark.parametrize("limit", [1, 5, 500])
def test_texts_are_cut_at_the_folders_limit_or_the_context(limit, folder):
    describe(folder, "Transformer", sentence_bert_config={"max_seq_length": limit})
    model, (text,) = quatrain.load(folder), texts(100)
    assert np.array_equal(model.encode([text]), model.encode([text[: min(limit, 64)]]))


@pytest.mark.parametrize(
    ("kinds", "files", "field"),
    [
        (("Transformer", "CNN"), {}, "modules.json: type: .*'CNN'"),
        (("Transformer", "Dense"), {}, "modules.json: expected Transformer, one Pooling"),
        (("Transformer", "Pooling", "Pooling"), {}, "modules.json: path: expected another"),
        (("Transformer", "Pooling"), {"config": {}}, "words/config.json: pooling_mode"),
        (
            ("Transformer", "Pooling"),
            {"config": {"pooling_mode": "weighted"}},
            "words/config.json: pooling_mode: .*weighted",
        ),
        (
            ("Transformer", "Pooling"),
            {"config": {"pooling_mode": ["mean", ["cls"]]}},
            "words/config.json: pooling_mode",
        ),
        (
            ("Transformer", "Pooling"),
            {"config": {"pooling_mode": "mean", "include_prompt": False}},
            "words/config.json: include_prompt",
        ),
        (
            ("Transformer", "Pooling"),
            {"config": {"pooling_mode": "mean", "word_embedding_dimension": 25}},
            "words/config.json: word_embedding_dimension: expected 24, found 25",
        ),
        (
            ("Transformer",),
            {"sentence_bert_config": {"max_seq_length": "long"}},
            "sentence_bert_config.json: max_seq_length",
        ),
        (
            ("Transformer",),
            {"sentence_bert_config": {"max_seq_length": 0}},
            "sentence_bert_config.json: max_seq_length",
        ),
        (
            ("Transformer",),
            {
                "config_sentence_transformers": {
                    "prompts": ["query: "],
                    "default_prompt_name": "query",
                }
            },
            "config_sentence_transformers.json: prompts",
        ),
        (
            ("Transformer",),
            {"config_sentence_transformers": {"prompts": {}, "default_prompt_name": "query"}},
            "config_sentence_transformers.json: default_prompt_name",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_settings_that_cannot_be_followed_are_refused(kinds, files, field, folder):
    describe(folder, *kinds, **files)
    with pytest.raises(ConfigError, match=field) as caught:
        quatrain.load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["../words", "/words", "a/b", "..", 7, None], ids=str)
def test_a_module_is_in_a_folder_of_this_folder(path, folder):
    modules = [{"type": "models.Transformer", "path": ""}, {"type": "models.Pooling", "path": path}]
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ConfigError, match=r"modules\.json: path: expected a folder's bare name"):
        quatrain.load(folder)


def test_a_pooling_module_without_a_folder_has_no_mode(folder):
    (folder / "modules.json").write_text(json.dumps([{"type": "models.Pooling"}]))
    with pytest.raises(ConfigError, match=f"{folder}/config.json: pooling_mode"):
        quatrain.load(folder)


@pytest.mark.parametrize("family", ["gpt2", "t5"])
def test_a_decoder_does_not_encode(family, tiny):
    with pytest.raises(InputError, match=rf"\[encode\] expected a model .* got {family}"):
        quatrain.load(tiny(family)).encode([[1]])


@pytest.mark.parametrize("bad", ["a text", [[]], [[1, 97]], [[1.0]], [[[1]]], [None], 7, [7]])
def test_what_is_not_a_list_of_texts_is_refused(bad, model):
    with pytest.raises(InputError) as caught:
        model.encode(bad)
    assert "\n" not in str(caught.value)
