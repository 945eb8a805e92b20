"""Beam search without any oracle: what it finds, in which order, and what its steps rest on."""

from __future__ import annotations

import json

import numpy as np
import pytest

import checkpoints
import quatrain
import speaker
from families import DECODERS, FAMILIES, PAIRED
from quatrain import _core
from quatrain.engines.reference import Reference
from quatrain.errors import InputError
from quatrain.folder import Folder
from quatrain.loader import load_on
from quatrain.tasks.sampling import likeliest, log_softmax

ENGINES = ("reference", "native", "onnx")
PROMPT = [5, 9, 2]
FIVE = {"num_beams": 5, "num_return_sequences": 5, "max_new_tokens": 9}


def first(model):
    """The prompt, or what a model that hears takes instead."""
    family = FAMILIES[model.config_name]
    return PROMPT if family.rows is None else family.sources(np.random.default_rng(1), 1)[0]


def probabilities(model, ids: list[int]) -> np.ndarray:
    """The log probability of each of ``ids`` behind the prompt, without any cache, ``[T]``."""
    if model.config_name in PAIRED:
        start = model.network.start
        logits = model.logits(first(model), [start, *ids[:-1]])
    else:
        logits = model.logits([*PROMPT, *ids[:-1]])[len(PROMPT) - 1 :]
    return np.array([log_softmax(row)[id] for row, id in zip(logits, ids, strict=True)])


# What is found


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("family", DECODERS)
def test_a_score_is_that_of_a_pass_over_the_whole_text(family, engine, tiny):
    """Beams that were reordered in their caches are what the model makes of them anew."""
    model = quatrain.load(tiny(family), engine=engine)
    found = model.generate(first(model), **FIVE, length_penalty=0.7)
    assert len(found.beams) == 5
    assert (found.ids, found.finish_reason) == (found.beams[0].ids, found.beams[0].finish_reason)
    scores = [beam.score for beam in found.beams]
    assert scores == sorted(scores, reverse=True)
    assert len({tuple(beam.ids) for beam in found.beams}) == 5
    for beam in found.beams:
        end = [model.folder.config["eos_token_id"]] if beam.finish_reason == "eos" else []
        ids = beam.ids + end
        assert beam.score == pytest.approx(probabilities(model, ids).sum() / len(ids) ** 0.7, 1e-4)


@pytest.mark.parametrize("family", ["llama", "t5"])
def test_enough_beams_find_the_best_of_all_texts(family, tmp_path):
    """Five tokens, three steps: 125 texts, all of which are looked at."""
    ids = {"decoder_start_token_id": 0, "eos_token_id": None}
    model = quatrain.load(checkpoints.write(tmp_path, family, vocab_size=5, **ids))
    prompt = [4, 1]
    everything = {}
    for text in np.ndindex(5, 5, 5):
        given = ([prompt, [0, *text[:-1]]]) if family == "t5" else [[*prompt, *text[:-1]]]
        rows = [log_softmax(row) for row in model.logits(*given)[-3:]]
        everything[text] = sum(row[id] for row, id in zip(rows, text, strict=True)) / 3
    best = sorted(everything, key=everything.__getitem__, reverse=True)[:25]
    found = model.generate(prompt, num_beams=25, num_return_sequences=25, max_new_tokens=3)
    assert [tuple(beam.ids) for beam in found.beams] == best
    assert [b.score for b in found.beams] == pytest.approx([everything[t] for t in best], 1e-5)


@pytest.mark.parametrize("family", ["gpt2", "t5"])
def test_engines_and_threads_find_the_same(family, tiny):
    folder = Folder(tiny(family))
    judge = load_on(folder, Reference(np.float64)).generate(PROMPT, **FIVE).beams
    runs = [
        quatrain.load(tiny(family), engine=engine).generate(PROMPT, **FIVE) for engine in ENGINES
    ]
    for run in runs:
        assert [beam.ids for beam in run.beams] == [beam.ids for beam in judge]
        assert [b.score for b in run.beams] == pytest.approx([b.score for b in judge], 1e-5)
    assert quatrain.load(tiny(family), threads=2).generate(PROMPT, **FIVE) == runs[1]
    assert quatrain.load(tiny(family), threads=1).generate(PROMPT, **FIVE) == runs[1]


def test_one_beam_is_no_search(tiny):
    model = quatrain.load(tiny("gpt2"))
    assert model.generate(PROMPT, num_beams=1) == model.generate(PROMPT)
    assert model.generate(PROMPT).beams == []


@pytest.mark.parametrize("count", [0, 1, 4])
def test_as_many_tokens_as_they_may_have(count, tmp_path):
    model = quatrain.load(checkpoints.write(tmp_path, "gpt2", eos_token_id=None))
    found = model.generate(PROMPT, num_beams=3, num_return_sequences=3, max_new_tokens=count)
    assert len(found.beams) == (3 if count else 1)
    assert all(len(beam.ids) == count for beam in found.beams)
    assert all(beam.finish_reason == "length" for beam in found.beams)


@pytest.mark.parametrize("family", ["gpt2", "bart"])
def test_the_context_ends_the_texts(family, tiny):
    model = quatrain.load(tiny(family))
    prompt, start = ([1] * 60, []) if family == "gpt2" else ([7], [[model.network.start] * 60])
    found = model.generate(prompt, *start, num_beams=2, max_new_tokens=99, min_new_tokens=5)
    assert (len(found.ids), found.finish_reason) == (5, "length")


def test_text_and_stream_are_those_of_the_best(tmp_path):
    model = quatrain.load(speaker.write(tmp_path, eos_token_id=None))
    found = model.generate("the heathen", num_beams=3, num_return_sequences=2, max_new_tokens=7)
    assert [beam.text for beam in found.beams] == [
        model.tokenizer.decode(b.ids) for b in found.beams
    ]
    assert found.text == found.beams[0].text and found.beams[0].ids != found.beams[1].ids
    assert list(model.stream("the heathen", num_beams=3, max_new_tokens=7)) == [found.text]


# Targets that are given in part


def test_a_text_begins_with_what_was_given(tiny):
    """The start token is put before it, unless it is there."""
    model = quatrain.load(tiny("t5"))
    start = model.network.start
    whole = model.generate(PROMPT, max_new_tokens=8, min_new_tokens=8).ids
    for given in (whole[:3], [start, *whole[:3]]):
        found = model.generate(PROMPT, given, max_new_tokens=5, min_new_tokens=5)
        assert found.ids == whole[3:]
        assert "".join(model.stream(PROMPT, given, max_new_tokens=5)) == ""
    beams = model.generate(PROMPT, decoder_ids=[start, 7], num_beams=2, max_new_tokens=1)
    best = model.logits(PROMPT, [start, 7])[-1].argmax()
    assert beams.ids == [best] or beams.finish_reason == "eos"


@pytest.mark.parametrize(
    ("given", "message"),
    [([], "at least one"), ([97], "ids in"), ("a", "integers"), ([1.5], "float")],
)
def test_a_bad_target_is_refused(given, message, tiny):
    with pytest.raises(InputError, match=rf"\[ids\] .*{message}"):
        quatrain.load(tiny("t5")).generate(PROMPT, given)
    with pytest.raises(InputError, match="decoder_ids: expected an encoder-decoder, got gpt2"):
        quatrain.load(tiny("gpt2")).generate(PROMPT, given)


# Settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_beams": 0}, "num_beams: expected an integer of at least 1"),
        ({"num_beams": 2.0}, "num_beams: expected an integer"),
        ({"num_beams": True}, "num_beams: expected an integer"),
        ({"num_beams": 2, "num_return_sequences": 3}, "num_return_sequences: expected at most"),
        ({"num_return_sequences": 2}, "num_return_sequences: expected at most num_beams"),
        ({"num_beams": 2, "length_penalty": float("nan")}, "length_penalty: expected a number"),
        ({"num_beams": 2, "length_penalty": 17}, "length_penalty: expected a number"),
        ({"num_beams": 2, "early_stopping": "soon"}, "early_stopping: expected True, False or"),
        ({"num_beams": 2, "early_stopping": 1}, "early_stopping: expected True, False or"),
        ({"num_beams": 2, "temperature": 0.7}, "temperature: expected 0.0 with beam search"),
        ({"num_beams": 2, "logprobs": 1}, "logprobs: expected 0 with beam search"),
        ({"num_beams": 2, "frequency_penalty": 1}, "frequency_penalty: expected 0.0 with beam"),
        ({"num_beams": 2, "suppress_tokens": range(97)}, "no token may follow the first 0"),
    ],
    ids=str,
)
def test_a_bad_setting_is_named(settings, message, tiny):
    with pytest.raises(InputError, match=rf"^\[generate\] {message}") as caught:
        quatrain.load(tiny("gpt2")).generate(PROMPT, **settings)
    assert "\n" not in str(caught.value)


def test_stop_strings_are_for_one_text(tmp_path):
    with pytest.raises(InputError, match=r"stop: expected \(\) with beam search"):
        quatrain.load(speaker.write(tmp_path)).generate("a", num_beams=2, stop="b")


def test_the_folder_may_ask_for_a_search(copied):
    folder = copied("t5")
    want = quatrain.load(folder).generate(PROMPT, num_beams=3, length_penalty=2.0, max_new_tokens=5)
    own = {"num_beams": 3, "length_penalty": 2.0, "max_length": 6}
    (folder / "generation_config.json").write_text(json.dumps(own))
    assert quatrain.load(folder).generate(PROMPT) == want
    assert quatrain.load(folder).generate(PROMPT, num_beams=1).beams == []


# The likeliest continuations, in C++ and as they are specified


@pytest.mark.parametrize("count", [1, 2, 9, 64, 1000])
@pytest.mark.parametrize("shape", [(1, 1), (1, 97), (4, 64), (3, 65), (7, 1000)], ids=str)
def test_the_core_finds_what_the_specification_says(shape, count):
    random = np.random.default_rng(count)
    smooth = random.standard_normal(shape).astype(np.float32)
    tied = random.integers(-2, 3, shape).astype(np.float32)
    masked = np.where(random.random(shape) < 0.8, -np.inf, smooth).astype(np.float32)
    for logits in (smooth, tied, masked, np.full(shape, -np.inf, np.float32)):
        for offsets in (random.standard_normal(shape[0]).tolist(), [0.0] * shape[0]):
            want = likeliest(logits, offsets, count)
            for threads in (1, 2):
                assert _core.likeliest(logits, offsets, count, threads) == want


@pytest.mark.parametrize("shape", [(1, 1), (2, 63), (4, 20_000)], ids=str)
def test_sums_of_exponentials(shape):
    logits = (9 * np.random.default_rng(3).standard_normal(shape)).astype(np.float32)
    logits[0, 1:] = -np.inf
    want = [row.max() - log_softmax(row).max() for row in logits]
    assert _core.log_sum_exp(logits) == pytest.approx(want, abs=1e-6)
    assert _core.log_sum_exp(logits, 1) == _core.log_sum_exp(logits, 2)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_logits_that_are_no_numbers_are_refused(value):
    logits = np.zeros((2, 70), np.float32)
    logits[1, 66] = value
    for call in (_core.log_sum_exp, lambda x: _core.likeliest(x, [0.0, 0.0], 2)):
        with pytest.raises(InputError, match=r"expected finite logits or -inf, got .* token 66"):
            call(logits)


def test_what_cannot_be_chosen_from_is_refused():
    logits = np.zeros((2, 7), np.float32)
    with pytest.raises(InputError, match="expected 2 offsets, got 1"):
        _core.likeliest(logits, [0.0], 2)
    with pytest.raises(InputError, match="expected count > 0"):
        _core.likeliest(logits, [0.0, 0.0], 0)
    with pytest.raises(InputError, match=r"expected logits of shape \(B, V\)"):
        _core.likeliest(logits[None], [0.0, 0.0], 1)
    with pytest.raises(InputError, match="expected a logit above -inf"):
        _core.log_sum_exp(np.full((1, 3), -np.inf, np.float32))
    with pytest.raises(InputError, match="more than 0"):
        _core.log_sum_exp(logits[:, :0])


# A state in which texts follow one another


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("family", ["llama", "t5"])
def test_sentences_replaced_in_place_are_those_of_a_fork(family, engine, tiny):
    model = quatrain.load(tiny(family), engine=engine)
    network, run = model.network, model.engine.run
    state = model.engine.state(network.slots(), 1)
    if family == "t5":
        run(network, "encode", [np.array([3, 1])], state, source=True)
    run(network, "logits", [np.array(PROMPT)], state)
    state.next()
    state = state.fork([0, 0, 0, 0])
    random = np.random.default_rng(0)
    for index in (
        [0, 1, 1, 3],
        [2, 0, 2, 3],
        [3, 3, 3, 3],
        [0, 1, 2, 3],
        [0, 0, 2, 2],
        [1, 1, 2, 1],
    ):
        tokens = [random.integers(0, 97, 1) for _ in range(4)]
        run(network, "logits", tokens, state)
        state.next()
        if index == [2, 0, 2, 3]:
            with pytest.raises(InputError, match=r"\[replace\] expected a sentence for each of 4"):
                state.replace(index)
            continue
        fork = state.fork(index)
        state.replace(index)
        assert list(state.lengths) == list(fork.lengths)
        want = run(network, "logits", tokens, fork)[0]
        assert np.array_equal(run(network, "logits", tokens, state)[0], want)


def test_only_rows_that_differ_are_copied(tiny):
    model = quatrain.load(tiny("gpt2"))
    run, network = model.engine.run, model.network
    state = model.engine.state(network.slots(), 1)
    run(network, "logits", [np.arange(20)], state)
    state.next()
    state = state.fork([0, 0, 0])
    run(network, "logits", [np.array([i]) for i in range(3)], state)
    state.next()
    slot = state.slots[0, "decoder"]
    slot.keys[2, :20] = 7  # what the two are known to share is not touched
    state.replace([0, 1, 1])
    assert (slot.keys[2, :20] == 7).all()
    assert np.array_equal(slot.keys[2, 20], slot.keys[1, 20])
    assert state.alike[1, 2] == state.alike[2, 1] == 21 and state.alike[0, 2] == 20


@pytest.mark.parametrize("index", [[0], [0, 1, 1], [1, 0], [2, 2], [-1, 1]])
def test_a_bad_replacement_is_refused(index, tiny):
    model = quatrain.load(tiny("gpt2"))
    with pytest.raises(InputError, match=r"\[(replace|fork)\] expected"):
        model.engine.state(model.network.slots(), 2).replace(index)
