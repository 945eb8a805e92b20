"""The modules behind an encoder: what they compute, where their weights are, what is refused."""

from __future__ import annotations

import json
from math import erf
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import quatrain
from checkpoints import describe
from exported import Runner, padded
from judge import difference
from quatrain.errors import CheckpointError, ConfigError, InputError, WeightError

ENGINES = ("reference", "native", "onnx")
GELU = "torch.nn.modules.activation.GELU"
#: Each module behind the pooling: its folder, its settings, the shapes of its weights.
MODULES: list[tuple[str, dict[str, Any], dict[str, tuple[int, ...]]]] = [
    (
        "2_Dense",
        {"in_features": 48, "out_features": 17, "bias": False, "activation_function": GELU},
        {"linear.weight": (17, 48)},
    ),
    (
        "3_Dense",
        {"in_features": 17, "out_features": 9, "use_residual": True},
        {"linear.weight": (9, 17), "linear.bias": (9,), "residual.weight": (9, 17)},
    ),
    ("4_LayerNorm", {"dimension": 9}, {"norm.weight": (9,), "norm.bias": (9,)}),
    ("5_Normalize", {}, {}),
]


@pytest.fixture
def folder(copied):
    """The tiny BERT: its maxima and first row, two dense layers, a norm, length 1."""
    path = copied("bert")
    kinds = [("Transformer", ""), ("Pooling", "1_Pooling")]
    kinds += [(name.partition("_")[2], name) for name, *_ in MODULES]
    modules = [{"type": f"models.{kind}", "path": name} for kind, name in kinds]
    (path / "modules.json").write_text(json.dumps(modules))
    random = np.random.default_rng(8)
    for name, fields, shapes in [("1_Pooling", {"pooling_mode": ["max", "cls"]}, {}), *MODULES]:
        (path / name).mkdir()
        (path / name / "config.json").write_text(json.dumps(fields))
        if shapes:
            weights = {key: random.normal(0.3, 1, shape) for key, shape in shapes.items()}
            weights = {key: weight.astype(np.float32) for key, weight in weights.items()}
            save_file(weights, path / name / "model.safetensors")
    return path


def change(path, **fields) -> None:
    """Settings of a module, otherwise than they were."""
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def texts(*lengths: int) -> list[np.ndarray]:
    random = np.random.default_rng(4)
    return [random.integers(0, 97, n) for n in lengths]


def vectors(folder, given: list[np.ndarray]) -> np.ndarray:
    """In float64, from the encoder's rows."""
    first, second, norm = (
        {
            key: w.astype(np.float64)
            for key, w in load_file(folder / n / "model.safetensors").items()
        }
        for n in ("2_Dense", "3_Dense", "4_LayerNorm")
    )
    model, found = quatrain.load(folder, engine="reference"), []
    for text in given:
        rows = model.hidden(text).astype(np.float64)
        x = first["linear.weight"] @ np.concatenate([rows.max(0), rows[0]])
        x *= [(1 + erf(value / 2**0.5)) / 2 for value in x]
        x = second["residual.weight"] @ x + np.tanh(
            second["linear.weight"] @ x + second["linear.bias"]
        )
        x = (x - x.mean()) / np.sqrt(x.var() + 1e-5) * norm["norm.weight"] + norm["norm.bias"]
        found.append(x / np.linalg.norm(x))
    return np.stack(found)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_module(engine, folder):
    model, given = quatrain.load(folder, engine=engine), texts(7, 1, 30)
    got = model.encode(given)
    assert got.shape == (3, 9) and model.width == 9 and model.network.width == 24
    assert difference(got, vectors(folder, given)) <= 1e-5
    trace = model.trace(given[0])
    names = ["1_Pooling", *(name for name, *_ in MODULES)]
    assert [name for name in trace if name in names] == names
    assert trace["2_Dense.linear"].shape == (17,)
    assert np.allclose(trace["5_Normalize"], got[0], atol=1e-6)


def test_native_runs_them_from_its_plan(folder):
    model = quatrain.load(folder)
    alone = np.concatenate([model.encode([text]) for text in texts(7, 1, 30)])
    assert np.array_equal(model.encode(texts(7, 1, 30)), alone)
    assert not model.engine.unplanned and model.engine.fused["linear+gelu"] > 0


def test_an_exported_graph_has_them_inside(folder, tmp_path):
    out = quatrain.load(folder).export(tmp_path / "out")
    got = Runner(out).run(*padded(texts(7, 1), left=True))["sentence_embedding"]
    assert difference(got, vectors(folder, texts(7, 1))) <= 1e-5
    for name, _, shapes in MODULES:
        assert (out / name / "config.json").is_file()
        assert (out / name / "model.safetensors").is_file() == bool(shapes)


def test_a_saved_folder_holds_their_weights(folder, tmp_path):
    model = quatrain.load(folder)
    again = quatrain.load(model.save(tmp_path / "saved"))
    assert np.array_equal(again.encode(texts(7, 30)), model.encode(texts(7, 30)))
    small = quatrain.load(folder, dtype="int8").encode(texts(7, 30))
    assert 0 < difference(small, model.encode(texts(7, 30))) < 0.1


def test_weights_may_be_missing_pickled_or_of_another_shape(folder):
    file = folder / "3_Dense" / "model.safetensors"
    weights = load_file(file)
    save_file({"linear.weight": weights["linear.weight"], "rest": weights["linear.bias"]}, file)
    with pytest.raises(WeightError, match=r"missing 3_Dense\.linear\.bias .* unused 3_Dense\.rest"):
        quatrain.load(folder)
    save_file(weights | {"linear.bias": np.zeros(3, np.float32)}, file)
    with pytest.raises(WeightError, match=r"3_Dense\.linear\.bias: expected shape \[9\]"):
        quatrain.load(folder)
    file.rename(file.with_name("pytorch_model.bin"))
    with pytest.raises(CheckpointError, match=r"3_Dense/pytorch_model\.bin: pickled weights"):
        quatrain.load(folder)


@pytest.mark.parametrize(
    ("module", "fields", "message"),
    [
        ("2_Dense", {"in_features": 24}, "in_features: expected 48, found 24"),
        ("2_Dense", {"in_features": None}, "in_features: expected int"),
        ("2_Dense", {"out_features": 0}, "out_features: expected from 1"),
        ("2_Dense", {"activation_function": "mine.GELU"}, "activation_function: .*'mine.GELU'"),
        ("2_Dense", {"activation_function": "torch.nn.Mish"}, "expected one of torch.nn's Tanh"),
        ("3_Dense", {"module_input_name": "token_embeddings"}, "module_input_name: expected"),
        ("4_LayerNorm", {"dimension": 8}, "dimension: expected 9, found 8"),
        ("5_Normalize", {"module_output_name": "x"}, "module_output_name: expected"),
    ],
    ids=str,
)
def test_settings_that_do_not_fit_are_refused(module, fields, message, folder):
    change(folder / module / "config.json", **fields)
    with pytest.raises(ConfigError, match=message) as caught:
        quatrain.load(folder)
    assert str(folder / module / "config.json") in str(caught.value)


def test_settings_that_must_be_there(folder):
    (folder / "4_LayerNorm" / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"4_LayerNorm/config\.json: dimension is missing"):
        quatrain.load(folder)


def test_a_prompt_is_one_of_the_folders(folder):
    prompts = {"prompts": {"query": "q: ", "document": ""}}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    model, given = quatrain.load(folder), texts(5)
    # Ids are taken as they are.
    assert np.array_equal(model.encode(given), model.encode(given, prompt_name="query"))
    with pytest.raises(InputError, match=r"prompt_name: expected one of 'query', 'document', got"):
        model.encode(given, prompt_name="passage")
    with pytest.raises(InputError, match="expected prompt or prompt_name, got both"):
        model.encode(given, prompt="q: ", prompt_name="query")


@pytest.mark.parametrize("family", ["gpt2", "qwen2"])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_decoders_rows_may_become_vectors(family, engine, copied, tmp_path):
    """Then its head may be missing, and it neither gives logits nor goes on with a text."""
    folder = copied(family)
    texts_, rows = texts(7, 1), quatrain.load(folder)
    wanted = np.stack([rows.hidden(text)[-1] for text in texts_])
    describe(folder, "Transformer", "Pooling", config={"pooling_mode": "lasttoken"})
    weights = load_file(folder / "model.safetensors")
    headless = {key: w for key, w in weights.items() if not key.startswith("lm_head")}
    save_file(headless, folder / "model.safetensors")
    model = quatrain.load(folder, engine=engine)
    assert difference(model.encode(texts_), wanted) <= 1e-5
    assert difference(model.trace(texts_[0])["words"], wanted[0]) <= 1e-5
    for work in (model.logits, model.generate):
        with pytest.raises(InputError, match=f"expected a model of shape decoder, got {family}"):
            work(texts_[0])
    if engine == "native":
        out = Runner(model.export(tmp_path / "out"))
        assert out.outputs == ["last_hidden_state", "sentence_embedding"]
        assert difference(out.run(*padded(texts_, left=True))["sentence_embedding"], wanted) <= 1e-5
        assert quatrain.verify(folder, texts_).passed
        again = quatrain.load(model.save(tmp_path / "saved"))
        assert np.array_equal(again.encode(texts_), model.encode(texts_))


def test_a_decoder_that_sees_ahead_is_an_encoder(copied):
    folder = copied("gemma3_text")
    change(folder / "config.json", use_bidirectional_attention=True)
    model, (text,) = quatrain.load(folder), texts(9)
    rows = model.hidden(text)
    assert np.allclose(model.encode([text])[0], rows.mean(0), atol=1e-6)
    assert difference(model.hidden(np.append(text, 3))[:9], rows) > 0.01
    with pytest.raises(InputError, match="expected a model of shape decoder, got gemma3_text"):
        model.generate(text)


def test_a_limit_may_be_the_tokenizers(folder):
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 5}')
    model, (text,) = quatrain.load(folder), texts(30)
    assert np.array_equal(model.encode([text]), model.encode([text[:5]]))
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 1e30}')
    assert quatrain.load(folder).folder.sentence.max_length is None
