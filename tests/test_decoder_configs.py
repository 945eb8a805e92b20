"""What decoders' configs say in older and in newer files, and what is refused in them."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import checkpoints
import quatrain
from quatrain.errors import ConfigError, WeightError
from quatrain.models import network
from quatrain.models.rope import ROPES

IDS = [3, 1, 4, 1, 5, 9, 2, 6]
LLAMA3 = {
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
LONG = {
    "short_factor": [1.0, 1.5, 2.5],
    "long_factor": [2, 3, 9],
    "original_max_position_embeddings": 4,
}


@pytest.fixture
def logits(tmp_path):
    """A function: family, changes to its config -> logits of the checkpoint."""

    def of(family: str, **changes) -> np.ndarray:
        folder = checkpoints.write(tmp_path / "model", family, **changes)
        return quatrain.load(folder, engine="reference").logits(IDS)

    return of


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("linear", {"factor": 3.0}),
        ("dynamic", {"factor": 3.0}),
        ("yarn", {"factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": None}),
        ("llama3", LLAMA3),
        ("longrope", LONG | {"factor": 16.0}),
    ],
)
@pytest.mark.parametrize("word", ["type", "rope_type"])
def test_older_files_say_the_same_in_rope_scaling(kind, fields, word, logits):
    sizes = {"max_position_embeddings": 6} if kind == "dynamic" else {}
    old = logits("llama", rope_theta=500.0, rope_scaling={word: kind} | fields, **sizes)
    new = {"rope_type": kind, "rope_theta": 500.0} | fields
    assert np.array_equal(old, logits("llama", rope_parameters=new, **sizes))
    assert not np.array_equal(old, logits("llama", rope_theta=500.0))


@pytest.mark.parametrize("kind", ["su", "yarn"])
def test_the_first_phi_3_calls_longrope_otherwise(kind, logits):
    fields = {"original_max_position_embeddings": 4, "max_position_embeddings": 64}
    want = logits("phi3", rope_scaling={"type": "longrope"} | LONG, **fields)
    assert np.array_equal(want, logits("phi3", rope_scaling={"type": kind} | LONG, **fields))


def test_older_files_of_gemma_3_have_a_theta_for_each_kind_of_block(logits):
    scaling = {"rope_type": "linear", "factor": 8.0}
    old = {"rope_theta": 500.0, "rope_local_base_freq": 50.0, "rope_scaling": scaling}
    new = {
        "full_attention": {"rope_theta": 500.0} | scaling,
        "sliding_attention": {"rope_type": "default", "rope_theta": 50.0},
    }
    want = logits("gemma3_text", rope_parameters=new)
    assert np.array_equal(logits("gemma3_text", **old), want)
    assert not np.array_equal(logits("gemma3_text", **old | {"rope_local_base_freq": 60.0}), want)


def test_gemma_3_is_found_among_what_it_sees_with(tmp_path):
    """The names of the first files, and of those that transformers 5 writes."""
    folder = checkpoints.write(tmp_path / "model", "gemma3")
    want = quatrain.load(folder, engine="reference").logits(IDS)
    tensors = load_file(folder / "model.safetensors")
    old = {k.replace("model.language_model", "language_model.model"): v for k, v in tensors.items()}
    for names, seeing in ((tensors, "model."), (old, "")):
        eyes = {f"{seeing}vision_tower.x.weight": np.ones(3, np.float32)}
        eyes[f"{seeing}multi_modal_projector.y"] = np.ones(3, np.float32)
        save_file(names | eyes, folder / "model.safetensors")
        assert np.array_equal(quatrain.load(folder, engine="reference").logits(IDS), want)
    save_file(tensors | {"model.visions": np.ones(3, np.float32)}, folder / "model.safetensors")
    with pytest.raises(WeightError, match=r"unused model\.visions"):
        quatrain.load(folder)


@pytest.mark.parametrize(
    ("family", "changes", "context"),
    [
        ("llama", {"rope_scaling": {"type": "linear", "factor": 2.5}}, 160),
        ("llama", {"rope_scaling": {"type": "dynamic", "factor": 2.5}}, 160),
        ("llama", {"rope_scaling": {"type": "yarn", "factor": 4.0}}, 256),
        ("llama", {"rope_scaling": {"type": "llama3"} | LLAMA3}, 64),
        ("llama", {"rope_scaling": {"type": "longrope"} | LONG}, 64),
        ("gemma3_text", {"rope_scaling": {"type": "linear", "factor": 8.0}}, 64),
    ],
)
def test_how_long_a_text_may_be(family, changes, context, tmp_path):
    folder = checkpoints.write(tmp_path / "model", family, **changes)
    assert quatrain.load(folder, engine="reference").network.context == context


HOSTILE = [
    -1, 0, 1, 2, 7, 1e-300, 1e-7, 0.5, 1e7, 1e19, 1e30, 10**30, True, "2", "", None, [], {},
    [1.0] * 3, [0, 1, 2], [1, 1e30, 1], ["1"] * 3, [True] * 3, [None] * 3,
]  # fmt: skip
KINDS = {
    "default": {},
    "linear": {"factor": 2.0},
    "dynamic": {"factor": 2.0},
    "yarn": {"factor": 2.0, "original_max_position_embeddings": 32},
    "llama3": LLAMA3,
    "longrope": LONG,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_hostile_rope_is_refused_by_name_or_gives_angles(kind, tiny):
    fields = json.loads((tiny("llama") / "config.json").read_text())
    names = [field.name for field in dataclasses.fields(ROPES[kind])]
    refusals = 0
    for name in [*names, "rope_type"]:
        for value in HOSTILE:
            given = {"rope_type": kind} | KINDS[kind] | {name: value}
            try:
                made = network(fields | {"rope_parameters": given}, "config.json")
            except ConfigError as e:
                refusals += 1
                assert str(e).startswith("config.json: ") and name in str(e)  # noqa: PT017
            else:
                frequencies = made.rotary_emb.inv_freq
                assert frequencies.shape[-1] == fields["head_dim"] // 2
                assert frequencies.dtype == np.float32 and np.isfinite(frequencies).all()
                assert 0 <= made.rotary_emb.scale < 1e7
                assert made.context >= fields["max_position_embeddings"]
    assert refusals > 9


SLIDING, FULL = "sliding_attention", "full_attention"
REFUSED = [
    ("llama", {"rope_scaling": {"type": "ntk", "factor": 2.0}}, "rope_type: expected one of def"),
    ("llama", {"rope_scaling": {"type": "dynamic", "factor": 1e6}}, "factor: expected from 1 to"),
    ("llama", {"rope_scaling": {"type": "dynamic", "factor": None}}, "factor is missing"),
    (
        "llama",
        {"rope_scaling": {"type": "longrope", **LONG, "long_factor": [1.0]}},
        "long_factor: expected 3 numbers from 1e-6 to 1e6 (head_dim 6, partial_rotary_factor 1.0)",
    ),
    (
        "llama",
        {"rope_scaling": {"type": "longrope", **LONG, "short_factor": [1.0, "2", 3.0]}},
        "short_factor: expected 3 numbers",
    ),
    (
        "llama",
        {"rope_scaling": {"type": "longrope", **LONG, "original_max_position_embeddings": 1}},
        "original_max_position_embeddings: expected from 2",
    ),
    (
        "llama",
        {"rope_scaling": {"type": "llama3"} | LLAMA3 | {"high_freq_factor": 1.0}},
        "high_freq_factor: expected more than low_freq_factor (1.0)",
    ),
    ("llama", {"partial_rotary_factor": 0.5}, "partial_rotary_factor: expected 1.0, found 0.5"),
    ("llama", {"head_dim": 7}, "head_dim: expected an even number of values that turn, found 7"),
    ("mistral", {"layer_types": [FULL] * 3}, "layer_types: expected None"),
    ("qwen2", {"layer_types": [FULL] * 2}, "layer_types: expected num_hidden_layers (3) times"),
    ("qwen2", {"layer_types": [FULL, FULL, "chunked"]}, "layer_types: expected"),
    (
        "qwen3",
        {"layer_types": [FULL, FULL, SLIDING], "use_sliding_window": True},
        "sliding_window: expected a size for sliding_attention, found None",
    ),
    (
        "qwen2",
        {"layer_types": [FULL, FULL, SLIDING], "use_sliding_window": False},
        "use_sliding_window: expected True with sliding_attention, found False",
    ),
    ("phi3", {"rope_scaling": {"type": "linear", "factor": 2.0}}, "expected one of default, long"),
    ("phi3", {"partial_rotary_factor": 0.5}, "found 3 of 6"),
    ("gemma2", {"use_bidirectional_attention": True}, "expected None, False, found True"),
    ("gemma2", {"final_logit_softcapping": 0}, "final_logit_softcapping: expected from"),
    ("gemma3_text", {"attn_logit_softcapping": 50.0}, "attn_logit_softcapping: expected None"),
    ("gemma3_text", {"rope_parameters": {"rope_type": "default"}}, "an object each for full_att"),
    ("gemma3_text", {"rope_parameters": {SLIDING: {"rope_theta": 0}}}, f"{SLIDING}: rope_theta"),
    ("gemma3", {"text_config": None}, "text_config: expected an object, found None"),
    ("gemma3", {"text_config": {"head_dim": -1}}, "text_config: head_dim: expected from 1"),
]


@pytest.mark.parametrize(("family", "changes", "words"), REFUSED, ids=str)
def test_what_would_change_the_numbers_is_refused_by_name(family, changes, words, tiny, tmp_path):
    fields = json.loads((tiny(family) / "config.json").read_text())
    (tmp_path / "model.safetensors").symlink_to(tiny(family) / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(fields | changes))
    with pytest.raises(ConfigError) as caught:
        quatrain.load(tmp_path, engine="reference")
    assert words in str(caught.value)
    assert str(tmp_path / "config.json") in str(caught.value)
