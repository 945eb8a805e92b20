"""Rotary positions that depend on a text's length, on both sides of the length they change at."""

from __future__ import annotations

import numpy as np
import pytest

import checkpoints
import quatrain
from cases import ENGINES
from families import VOCAB
from judge import difference
from oracle import Oracle
from quatrain.engines.native import Native
from quatrain.folder import Folder
from quatrain.layers import DynamicRotary, LongRotary, Rotary
from quatrain.loader import load_on
from quatrain.models import network

#: Texts of up to this many tokens have the angles that the model was trained with.
ORIGINAL = 6
CHANGES = {
    "dynamic": {
        "max_position_embeddings": ORIGINAL,
        "rope_parameters": {"rope_type": "dynamic", "factor": 6.0},
    },
    "longrope": {
        "rope_parameters": {
            "rope_type": "longrope",
            "short_factor": [1.0, 1.5, 2.5],
            "long_factor": [2.0, 3.0, 9.0],
            "original_max_position_embeddings": ORIGINAL,
        },
    },
}
LENGTHS = (3, 6, 7, 8, 15)


def sentences(*lengths: int) -> list[np.ndarray]:
    random = np.random.default_rng(4)
    return [random.integers(0, VOCAB, n) for n in lengths]


@pytest.fixture(scope="module", params=CHANGES)
def folder(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param)
    return checkpoints.write(root / "model", "llama", **CHANGES[request.param])


@pytest.fixture(scope="module")
def judged(folder):
    """What transformers makes of each text, and chooses from another without a cache."""
    judge = Oracle(folder, "llama")

    def logits(text: np.ndarray) -> np.ndarray:
        # It keeps the angles of the longest text so far, until it sees a short one.
        judge.logits(text[:1])
        return judge.logits(text)

    greedy = judge.greedy(sentences(4)[0], 9)
    return [logits(text) for text in sentences(*LENGTHS)], greedy


@pytest.mark.oracle("torch", "transformers")
@pytest.mark.parametrize("engine", ["reference", "native", "onnx", "onnx, padded left"])
def test_every_sentence_of_a_batch_goes_by_its_own_length(engine, folder, judged):
    model = load_on(Folder(folder), ENGINES[engine]())
    rows, _ = model.engine.run(model.network, "logits", sentences(*LENGTHS))
    for found, want in zip(np.split(rows, np.cumsum(LENGTHS)[:-1]), judged[0], strict=True):
        assert difference(found, want) <= 1e-4


@pytest.mark.oracle("torch", "transformers")
@pytest.mark.parametrize("engine", ["reference", "native", "onnx"])
def test_a_text_that_outgrows_its_angles_is_read_again(engine, folder, judged):
    """The ids of transformers without a cache, for which every step reads the whole text."""
    model = load_on(Folder(folder), ENGINES[engine]())
    prompt, (ids, margins) = sentences(4)[0], judged[1]
    clear = next((i for i, margin in enumerate(margins) if margin < 1e-3), len(ids))
    assert clear > ORIGINAL - len(prompt) + 2
    assert model.generate(prompt, max_new_tokens=9).ids[:clear] == ids[:clear]


@pytest.mark.oracle("torch", "transformers")
@pytest.mark.parametrize("beams", [1, 3])
def test_phi_3_begins_anew_where_transformers_does(beams, tmp_path):
    """Its own loop with its own cache, which it gives up at that length."""
    scaling = CHANGES["longrope"]["rope_parameters"]
    changes = {"original_max_position_embeddings": ORIGINAL, "eos_token_id": None}
    folder = checkpoints.write(tmp_path / "model", "phi3", rope_parameters=scaling, **changes)
    prompt = [5, 9, 2, 11]
    judge = Oracle(folder, "phi3")
    want = judge.model.generate(
        judge.torch.tensor([prompt]), max_new_tokens=8, num_beams=beams, num_return_sequences=beams,
        eos_token_id=None, pad_token_id=0, return_dict_in_generate=True, output_scores=True,
    )  # fmt: skip
    ids = [text[len(prompt) :] for text in want.sequences.tolist()]
    for engine in ("native", "onnx"):
        model = quatrain.load(folder, engine=engine)
        got = model.generate(prompt, max_new_tokens=8, num_beams=beams, num_return_sequences=beams)
        if beams == 1:
            assert got.ids == ids[0]
            continue
        assert [beam.ids for beam in got.beams] == ids
        scores = want.sequences_scores.numpy()
        assert [beam.score for beam in got.beams] == pytest.approx(scores, rel=1e-4)


def test_cached_and_uncached_are_the_same_bits_while_the_angles_stay(folder):
    model = load_on(Folder(folder), Native(1))
    network, run = model.network, model.engine.run
    compared = 0
    for count, chunks in ((6, (4, 1, 1)), (12, (7, 1, 4))):
        ends = np.cumsum(chunks)
        if any(network.restarts(past, past + 1) for past in range(ends[0], count)):
            continue
        compared += 1
        text, state, rows = sentences(count)[0], model.engine.state(network.slots(), 1), []
        for chunk in np.split(text, ends[:-1]):
            rows.append(run(network, "logits", [chunk], state)[0])
            state.next()
        assert np.concatenate(rows).tobytes() == model.logits(text).tobytes()
    # Dynamic angles differ for each length beyond the first.
    assert compared == (1 if network.config.rope_parameters["rope_type"] == "dynamic" else 2)


def test_alone_and_among_others_are_the_same_bits(folder):
    model = load_on(Folder(folder), Native(1))
    texts = sentences(*LENGTHS)
    rows, _ = model.engine.run(model.network, "logits", texts)
    traced, _ = model.engine.run(model.network, "logits", texts, record=True)
    assert traced.tobytes() == rows.tobytes()
    for text, found in zip(texts, np.split(rows, np.cumsum(LENGTHS)[:-1]), strict=True):
        assert found.tobytes() == model.logits(text).tobytes()


def test_a_cache_is_of_use_while_the_angles_stay():
    plain = Rotary(4, 10.0)
    assert not plain.moves(1, 1000)
    long = LongRotary(4, 10.0, short=[1, 1], long=[2, 3], original=8, scale=1.0)
    assert [long.moves(past, past + 1) for past in (0, 7, 8, 9)] == [False, False, True, False]
    dynamic = DynamicRotary(4, 10.0, factor=2.0, original=8, longest=16)
    assert [dynamic.moves(past, past + 1) for past in (7, 8, 15, 16)] == [False, True, True, False]


def test_dynamic_angles_begin_where_plain_ones_end():
    plain, dynamic = Rotary(8, 1e4), DynamicRotary(8, 1e4, factor=4.0, original=16, longest=64)
    assert dynamic.inv_freq.shape == (49, 4)
    assert np.array_equal(dynamic.inv_freq[0], plain.inv_freq)
    # At four times the length, the slowest pair turns a thirteenth as fast: 4 * 64 / 16 - 3.
    assert dynamic.inv_freq[-1, -1] == pytest.approx(plain.inv_freq[-1] / 13, rel=1e-5)
    assert np.array_equal(dynamic.inv_freq[:, 0], np.ones(49))


#: Of models that people load: the fields of a config, and what they say of rotary positions.
STRETCHED = {
    "linear": ({"rope_theta": 1e5}, {"factor": 4.0}),
    "dynamic": ({"rope_theta": 1e4, "max_position_embeddings": 4096}, {"factor": 4.0}),
    "yarn": ({"rope_theta": 1e6}, {"factor": 4.0, "original_max_position_embeddings": 32768}),
    "llama3": (
        {"rope_theta": 5e5},
        {
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
    ),
    "longrope": (
        {"max_position_embeddings": 131072},
        {
            "short_factor": [1 + i / 64 for i in range(64)],
            "long_factor": [1 + i for i in range(64)],
            "original_max_position_embeddings": 4096,
        },
    ),
}


@pytest.mark.oracle("torch", "transformers")
@pytest.mark.parametrize("kind", STRETCHED)
def test_frequencies_are_those_of_transformers(kind):
    """To two units in the last place: far positions multiply what is lost here."""
    import torch
    from transformers import AutoConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    fields, rope = STRETCHED[kind]
    rope = {"rope_type": kind} | rope
    sizes = {"hidden_size": 128, "num_attention_heads": 1, "head_dim": 128, "vocab_size": 8}
    fields = sizes | {"num_hidden_layers": 1, "intermediate_size": 8} | fields
    made = network({"model_type": "llama", "rope_scaling": rope} | fields, "config.json").rotary_emb
    config = AutoConfig.for_model("llama", **fields, rope_scaling=dict(rope))
    for length in (100, 9000):
        want, scale = ROPE_INIT_FUNCTIONS[kind](config, "cpu", seq_len=torch.tensor(length))
        got = made.inv_freq
        if made.limit is not None:
            got = got[np.clip(length - made.limit, 0, len(got) - 1)]
        assert np.abs(got / want.numpy() - 1).max() <= 2.4e-7
        assert made.scale == pytest.approx(scale, rel=1e-12)
