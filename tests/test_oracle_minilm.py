"""all-MiniLM-L6-v2, a real encoder: every layer and every vector as transformers has them."""

from __future__ import annotations

import numpy as np
import pytest

import quatrain
from cases import ENGINES
from exported import Runner, padded
from judge import difference
from oracle import Oracle
from quatrain.folder import Folder
from quatrain.loader import load_on

pytestmark = [pytest.mark.oracle("torch", "transformers", "tokenizers"), pytest.mark.data("minilm")]

TEXTS = [
    "The cat sat on the mat.",
    "A",
    "Humpty Dumpty sat on a wall, Humpty Dumpty had a great fall; all the king's horses and all"
    " the king's men couldn't put Humpty together again.",
    "Früher war alles besser: 12,5 % günstiger, naïve Leute; 你好, мир! نص عربي 🤝🏽",
    "word " * 300,  # longer than the folder's limit: cut there
]
LAYERS = ["embeddings", *(f"encoder.layer.{i}" for i in range(6))]


@pytest.fixture(scope="module")
def judge(test_data):
    return Oracle(test_data / "minilm", "bert")


@pytest.fixture(scope="module")
def tokenizer(test_data):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(test_data / "minilm" / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


@pytest.fixture(scope="module")
def ids(tokenizer):
    """The third party's ids of each text; the last one cut as the folder says."""
    found = [np.array(tokenizer.encode(text).ids) for text in TEXTS]
    found[-1] = np.concatenate([found[-1][:255], found[-1][-1:]])
    return found


@pytest.fixture(scope="module")
def wanted(judge, ids):
    return [judge.layers(text, np.zeros_like(text)) for text in ids]


@pytest.fixture(scope="module", params=ENGINES)
def model(request, test_data):
    return load_on(Folder(test_data / "minilm"), ENGINES[request.param]())


def test_the_judge_is_itself_close_in_float32(test_data, ids, wanted):
    float32 = Oracle(test_data / "minilm", "bert", "float32")
    for text, layers in zip(ids[:3], wanted, strict=False):
        for got, want in zip(float32.layers(text, np.zeros_like(text)), layers, strict=True):
            assert difference(got, want) <= 1e-5


def test_every_layer(model, ids, wanted):
    types = [np.zeros_like(text) for text in ids]
    _, trace = model.engine.run(model.network, "hidden", ids, record=True, token_type_ids=types)
    for b, layers in enumerate(wanted):
        for name, want in zip(LAYERS, layers, strict=True):
            assert difference(trace[name][b], want) <= 1e-5, (name, b)


def test_the_last_layer_untraced(model, ids, wanted):
    for text, layers in zip(ids, wanted, strict=True):
        assert difference(model.hidden(text), layers[-1]) <= 1e-5


def test_sentence_vectors(model, wanted):
    """From text, through our tokenizer: mean of the rows, of length 1."""
    vectors = model.encode(TEXTS)
    assert vectors.dtype == np.float32
    for vector, layers in zip(vectors, wanted, strict=True):
        want = layers[-1].mean(0)
        cosine = vector @ want / np.linalg.norm(want)
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
        assert cosine >= 0.999999


def test_the_exported_graph(test_data, tmp_path, ids, wanted):
    """On onnxruntime, padded, with pooling and normalisation inside."""
    folder = quatrain.load(test_data / "minilm").export(tmp_path / "out")
    found = Runner(folder).run(*padded(ids[:4], left=False))
    for i, layers in enumerate(wanted[:4]):
        rows, mean = found["last_hidden_state"][i, : len(ids[i])], layers[-1].mean(0)
        assert difference(rows, layers[-1]) <= 1e-5
        assert difference(found["sentence_embedding"][i], mean / np.linalg.norm(mean)) <= 1e-5


def test_verification_passes(test_data):
    report = quatrain.verify(test_data / "minilm", TEXTS[:2])
    assert report.passed
    assert max(report.worst(engine).relative for engine in report.engines) <= 1e-5
