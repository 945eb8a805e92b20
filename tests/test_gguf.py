"""GGUF files as models: the same numbers as the folders that they were made from."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import checkpoints
import gguf_files
import quatrain
from gguf_blocks import random_rows
from quatrain.errors import CheckpointError, ConfigError, WeightError
from quatrain.gguf.folder import GgufFile
from quatrain.loader import opened
from quatrain.weights import strip

pytestmark = pytest.mark.oracle("gguf")
IDS = [3, 1, 4, 1, 5, 9, 2, 6]
#: (family, what is changed in its tiny checkpoint)
MADE: list[tuple[str, dict[str, Any]]] = [
    ("llama", {}),
    ("llama", {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
    ("llama", {"num_key_value_heads": 1, "head_dim": None, "rope_theta": 500.0}),
    ("qwen2", {}),
    ("qwen3", {}),
    ("qwen3", {"attention_bias": True, "rope_theta": 500.0}),
    ("phi3", {}),
    ("phi3", {"partial_rotary_factor": 0.7, "sliding_window": 4}),
    ("gemma2", {}),
    ("gemma2", {"attn_logit_softcapping": 2.0, "sliding_window": 2}),
    ("gemma3_text", {}),
    ("gemma3_text", {"final_logit_softcapping": 5.0, "sliding_window_pattern": 3}),
    ("gpt2", {}),
    ("gpt2", {"tie_word_embeddings": False, "layer_norm_epsilon": 1e-3}),
    ("bert", {}),
    ("bert", {"type_vocab_size": 1, "layer_norm_eps": 1e-3}),
    ("t5", {}),
    ("t5", {"feed_forward_proj": "relu", "tie_word_embeddings": False}),
]
#: Those that transformers reads; of T5 only such whose halves have as many blocks.
READ_BY_TRANSFORMERS = [
    (family, changes | ({"num_decoder_layers": None} if family == "t5" else {}))
    for family, changes in MADE
    if family != "bert"
]


def both(
    tmp_path: Path, family: str, changes: dict[str, Any], kind: str = "F32", **given: Any
) -> tuple[Path, Path]:
    """A tiny checkpoint's folder, and the GGUF file made of it."""
    said = gguf_files.SAID.get(family, {})
    folder = checkpoints.write(tmp_path / "folder", family, **(said | changes))
    return folder, gguf_files.write(folder, tmp_path / "model.gguf", kind, **given)


def results(path: Path, engine: str) -> list[np.ndarray]:
    model = quatrain.load(path, engine=engine, dtype="float32")
    if model.config_name == "bert":
        return [model.hidden(IDS)]
    found = model.generate(IDS, max_new_tokens=6, logprobs=1)
    numbers = np.array([step.logprob for step in found.logprobs])
    return [numbers] if model.config_name == "t5" else [numbers, model.logits(IDS)]


@pytest.mark.parametrize("engine", ["reference", "native", "onnx"])
@pytest.mark.parametrize(("family", "changes"), MADE, ids=str)
def test_a_file_is_the_folder_that_it_was_made_from(family, changes, engine, tmp_path):
    folder, file = both(tmp_path, family, changes)
    for ours, expected in zip(results(file, engine), results(folder, engine), strict=True):
        if engine == "native":
            np.testing.assert_array_equal(ours, expected)
        else:  # whose sums take another order where a matrix lies the other way round in memory
            np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5 * abs(expected).max())


@pytest.mark.parametrize("kind", ["F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"])
@pytest.mark.parametrize("engine", ["reference", "native"])
def test_quantised_weights_are_what_they_stand_for(kind, engine, tmp_path):
    import gguf

    wide = {"hidden_size": 64, "intermediate_size": 96, "head_dim": 32, "num_hidden_layers": 1}
    folder, file = both(tmp_path, "llama", wide, kind)
    tensors = load_file(folder / "model.safetensors")
    type = gguf.GGMLQuantizationType[kind]
    for name, tensor in tensors.items():
        if tensor.ndim > 1:
            tensors[name] = gguf.dequantize(gguf.quantize(tensor, type), type)
    save_file(tensors, folder / "model.safetensors")
    for ours, expected in zip(results(file, engine), results(folder, engine), strict=True):
        np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("kind", ["Q4_1", "Q4_K", "Q6_K"])
def test_blocks_are_in_the_order_of_the_weights_rows(kind, tmp_path):
    """What a kernel that reads blocks gets: of queries and keys, halves of heads again."""
    import gguf

    sizes = {"hidden_size": 256, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 6}
    rows = random_rows(np.random.default_rng(2), kind, 12, 256)
    blocks = {"blk.0.attn_q.weight": (kind, rows)}
    _, file = both(tmp_path, "llama", sizes | {"num_hidden_layers": 1}, blocks=blocks)
    tensors = GgufFile(file).checkpoint()
    name = "layers.0.self_attn.q_proj.weight"
    order = [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11]
    expected = gguf.dequantize(rows, gguf.GGMLQuantizationType[kind])[order]
    np.testing.assert_array_equal(tensors.load(name), expected)
    found = tensors.blocks(name)
    assert found is not None and found.kind == kind
    np.testing.assert_array_equal(found.rows, rows[order])
    assert tensors.blocks("norm.weight") is None


# Fields


@pytest.mark.parametrize(
    ("family", "fields", "message"),
    [
        ("llama", {"general.architecture": "qwen2moe"}, "the nearest is 'qwen2'"),
        ("llama", {"block_count": None}, r"llama\.block_count is missing"),
        ("llama", {"block_count": 0}, r"llama\.block_count: expected an integer from 1 to 4096"),
        ("llama", {"block_count": 5000}, "from 1 to 4096, found 5000"),
        ("llama", {"embedding_length": "24"}, "embedding_length: expected an integer"),
        ("llama", {"attention.head_count": [6, 6, 6]}, "the same for all blocks, found .6, 6"),
        ("llama", {"attention.value_length": 8}, r"expected the size of a head \(6\), found 8"),
        ("llama", {"rope.dimension_count": 4}, r"expected the size of a head \(6\), found 4"),
        ("llama", {"rope.freq_base": math.inf}, "freq_base: expected a finite number, found inf"),
        ("llama", {"rope.scaling.type": "ntk", "rope.scaling.factor": 2.0}, "rope_type: .* 'ntk'"),
        ("llama", {"expert_count": 8}, r"llama\.expert_count: .* not supported; found 8"),
        ("llama", {"feed_forward_length": 40}, r"mlp\.gate_proj.* expected shape \[40, 24\]"),
        ("bert", {"attention.causal": True}, r"bert\.attention\.causal: expected false"),
        ("bert", {"pooling_type": 4}, r"bert\.pooling_type: expected one of 0, 1, 2, 3, found 4"),
        ("t5", {"attention.value_length": 9}, r"expected attention\.key_length \(10\), found 9"),
    ],
    ids=str,
)
def test_a_field_that_is_not_supported_is_named(family, fields, message, tmp_path):
    _, file = both(tmp_path, family, {}, **fields)
    with pytest.raises((ConfigError, WeightError), match=message) as caught:
        quatrain.load(file)
    assert str(caught.value).startswith(f"{file}: ")


def test_a_file_of_several_parts_is_refused_with_the_remedy(tmp_path):
    folder = checkpoints.write(tmp_path / "folder", "llama")
    file = tmp_path / "model.gguf"
    gguf_files.write(folder, file, **{"split.count": 3})
    with pytest.raises(CheckpointError, match=r"split\.count: .* of 3: .*gguf-split --merge"):
        quatrain.load(file)


def test_fields_that_turn_nothing_on_are_let_be(tmp_path):
    _, file = both(tmp_path, "llama", {}, expert_count=0, **{"rope.scaling.type": "none"})
    quatrain.load(file)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"rope_type": "linear", "factor": 2.0}, {"type": "linear", "factor": 2.0}),
        ({"rope_type": "linear", "factor": 4.0}, {"factor": 4.0}),
        (
            {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 32},
            {"type": "yarn", "factor": 2.0, "original_context_length": 32},
        ),
    ],
    ids=str,
)
def test_stretched_rotary_positions(changes, fields, tmp_path):
    stretched = {f"rope.scaling.{name}": value for name, value in fields.items()}
    folder, file = both(tmp_path, "llama", {"rope_scaling": changes}, **stretched)
    np.testing.assert_array_equal(results(file, "native")[1], results(folder, "native")[1])


def test_the_divisors_of_llama_3(tmp_path):
    """llama.cpp's converter writes what Llama 3.1's parameters come to, for every frequency."""
    llama3 = {
        "rope_type": "llama3",
        "factor": 4.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 16,
    }
    folder = checkpoints.write(tmp_path / "folder", "llama", rope_scaling=llama3)
    rotary = quatrain.load(folder).network.rotary_emb
    plain = 10000.0 ** (-np.arange(0, 6, 2) / 6)
    divisors = (plain / rotary.inv_freq).astype(np.float32)
    assert divisors.min() < 2 < divisors.max()
    file = gguf_files.write(folder, tmp_path / "model.gguf", extra={"rope_freqs.weight": divisors})
    expected = results(folder, "reference")[1]
    np.testing.assert_allclose(
        results(file, "reference")[1], expected, rtol=0, atol=1e-5 * abs(expected).max()
    )


@pytest.mark.parametrize("original", [32, 4])
def test_the_divisors_of_phi_3(original, tmp_path):
    factors = {"short": [1.0, 1.5, 2.5], "long": [2.0, 3.0, 9.0]}
    scaling = {f"{name}_factor": numbers for name, numbers in factors.items()}
    changes = {
        "original_max_position_embeddings": original,
        "rope_scaling": {"type": "longrope", "attention_factor": 1.25, **scaling},
    }
    extra = {
        f"rope_factors_{name}.weight": np.array(numbers, np.float32)
        for name, numbers in factors.items()
    }
    folder, file = both(tmp_path, "phi3", changes, extra=extra)
    for ours, expected in zip(results(file, "native"), results(folder, "native"), strict=True):
        np.testing.assert_array_equal(ours, expected)


@pytest.mark.oracle("torch", "transformers")
@pytest.mark.parametrize(("family", "changes"), READ_BY_TRANSFORMERS, ids=str)
def test_names_and_values_are_those_that_transformers_reads(family, changes, tmp_path):
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM
    from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

    folder, file = both(tmp_path, family, changes)
    config = AutoConfig.from_pretrained(folder)
    kind = AutoModelForSeq2SeqLM if family == "t5" else AutoModelForCausalLM
    with torch.device("meta"):
        model = kind.from_config(config)
    read = load_gguf_checkpoint(str(file), return_tensors=True, model_to_load=model)
    ours = quatrain.load(file)
    tensors, prefixes = ours.folder.checkpoint(), ours.network.prefixes
    theirs = {strip(name, prefixes): tensor.numpy() for name, tensor in read["tensors"].items()}
    assert set(theirs) == set(tensors.names())
    for name, expected in theirs.items():
        np.testing.assert_allclose(tensors.load(name), expected, rtol=0, atol=1e-6, err_msg=name)
    for name, value in read["config"].items():
        if name in ours.folder.config and name != "model_type":
            assert ours.folder.config[name] == pytest.approx(value, rel=1e-6), name


def test_special_tokens_and_sampling_come_from_the_file(tmp_path):
    ids = {"bos": 1, "eos": 2, "eot": 5, "padding": 3}
    named = {f"tokenizer.ggml.{name}_token_id": id for name, id in ids.items()}
    sampling = {"general.sampling.temp": 0.5, "general.sampling.top_k": 3}
    _, file = both(tmp_path, "llama", {}, **named, **sampling)
    model = quatrain.load(file)
    assert model.folder.generation == {
        **{"bos_token_id": 1, "pad_token_id": 3, "eos_token_id": [2, 5]},
        **{"temperature": 0.5, "top_k": 3, "do_sample": True},
    }
    assert model.tokenizer is None


def test_a_special_token_that_is_none_is_named(tmp_path):
    _, file = both(tmp_path, "llama", {}, **{"tokenizer.ggml.eos_token_id": "</s>"})
    with pytest.raises(ConfigError, match=f"^{file}: eos_token_id: expected"):
        quatrain.load(file).generate(IDS)


# Files and folders


def test_a_folder_with_one_file_is_that_file(tmp_path):
    folder, file = both(tmp_path, "llama", {})
    alone = tmp_path / "alone"
    alone.mkdir()
    file.rename(alone / "model.gguf")
    assert quatrain.load(alone).path == alone / "model.gguf"
    (alone / "other.gguf").touch()
    with pytest.raises(CheckpointError, match=r"expected one GGUF file, found model.gguf, other"):
        quatrain.load(alone)
    for name in ("config.json", "model.safetensors"):
        (folder / name).rename(alone / name)
    assert opened(alone).path == alone


@pytest.mark.parametrize("family", ["llama", "bert"])
def test_a_saved_file_is_a_folder_again(family, tmp_path):
    _, file = both(tmp_path, family, {})
    model = quatrain.load(file)
    again = quatrain.load(model.save(tmp_path / "saved"))
    assert again.network.config == model.network.config
    assert again.folder.generation.items() >= model.folder.generation.items()
    if family == "bert":
        assert again.folder.sentence == model.folder.sentence
        np.testing.assert_array_equal(again.encode([IDS]), model.encode([IDS]))
        assert [step.name for step in model.folder.sentence.steps] == ["1_Pooling", "2_Normalize"]
    np.testing.assert_array_equal(again.hidden(IDS), model.hidden(IDS))


def test_models_of_one_file_share_their_weights(tmp_path):
    _, file = both(tmp_path, "llama", {})
    one, other = quatrain.load(file), quatrain.load(file)
    assert one.network.norm.weight is other.network.norm.weight
    q_proj = [m.network.layers[0].self_attn.q_proj.weight for m in (one, other)]
    assert q_proj[0] is q_proj[1]
