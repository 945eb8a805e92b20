"""Generation: settings and where they come from, seeds, stops, streams, ends, probabilities."""

from __future__ import annotations

import dataclasses
import importlib
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import checkpoints
import quatrain
import speaker
from quatrain.errors import ConfigError, InputError
from quatrain.tasks.settings import Options, Settings

ENGINES = ("reference", "native", "onnx")
FAMILIES = ("gpt2", "llama", "t5")
PROMPT = "the heathen"
SAMPLED = {"temperature": 1.0, "seed": 3, "max_new_tokens": 24}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny GPT-2 that has a tokenizer and no end token."""
    return speaker.write(tmp_path_factory.mktemp("speaker"), eos_token_id=None)


@pytest.fixture(scope="module")
def model(folder):
    return quatrain.load(folder)


@pytest.fixture(scope="module", params=ENGINES)
def any_engine(request, folder):
    return quatrain.load(folder, engine=request.param)


@pytest.fixture
def configured(copied):
    """A function: generation_config.json's fields -> the tiny GPT-2 with them."""
    folder = copied("gpt2")

    def make(**fields):
        (folder / "generation_config.json").write_text(json.dumps(fields))
        return quatrain.load(folder)

    return make


# Settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_new_tokens", -1),
        ("max_new_tokens", 2.5),
        ("max_new_tokens", "many"),
        ("temperature", -0.1),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("temperature", "hot"),
        ("top_k", -1),
        ("top_k", 1.5),
        ("top_p", 0),
        ("top_p", 1.1),
        ("top_p", float("nan")),
        ("min_p", -0.1),
        ("min_p", 1.5),
        ("min_p", float("nan")),
        ("repetition_penalty", 0),
        ("repetition_penalty", float("nan")),
        ("repetition_penalty", 10**400),
        ("presence_penalty", float("inf")),
        ("presence_penalty", "much"),
        ("frequency_penalty", float("nan")),
        ("seed", -1),
        ("seed", 2**128),
        ("seed", 1.5),
        ("seed", "lucky"),
        ("stop", ""),
        ("stop", ["a", ""]),
        ("stop", 7),
        ("stop", [7]),
        ("logprobs", -1),
        ("logprobs", "all"),
        ("length", 3),
    ],
)
def test_a_bad_setting_is_named(name, value, model):
    with pytest.raises(InputError, match=rf"^\[generate\] .*{name}") as caught:
        model.generate(PROMPT, **{name: value})
    assert "\n" not in str(caught.value)


def test_a_stream_refuses_bad_input_before_it_begins(model):
    with pytest.raises(InputError, match="top_p"):
        model.stream(PROMPT, top_p=2)
    with pytest.raises(InputError, match="expected ids"):
        model.stream([10**6])


def test_the_folder_gives_the_defaults_and_the_caller_overrides_them(configured, tiny):
    plain = quatrain.load(tiny("gpt2"))
    model = configured(max_new_tokens=5, repetition_penalty=1.4, temperature=0.5, top_k=3)
    greedy = plain.generate([1, 2], max_new_tokens=5, repetition_penalty=1.4).ids
    # Without do_sample the folder's temperature is not meant.
    assert model.generate([1, 2]).ids == greedy
    assert len(model.generate([1, 2], max_new_tokens=3).ids) == 3
    assert model.generate([1, 2], max_new_tokens=None).ids == greedy


def test_a_folder_may_ask_for_sampling(configured, tiny):
    model = configured(do_sample=True, temperature=0.7, top_k=9, top_p=0.9, max_new_tokens=9)
    wanted = {"temperature": 0.7, "top_k": 9, "top_p": 0.9, "max_new_tokens": 9, "seed": 5}
    plain = quatrain.load(tiny("gpt2"))
    assert model.generate([1, 2], seed=5).ids == plain.generate([1, 2], **wanted).ids
    greedy = plain.generate([1, 2], max_new_tokens=9).ids
    assert model.generate([1, 2], temperature=0).ids == greedy


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_new_tokens", "many"),
        ("repetition_penalty", -1.0),
        ("eos_token_id", "end"),
        ("eos_token_id", [1, 2.5]),
        ("bos_token_id", "start"),
        ("bos_token_id", 10**6),
    ],
)
def test_a_folders_bad_setting_names_file_and_field(field, value, configured):
    model = configured(**{field: value})
    with pytest.raises(ConfigError, match=rf"generation_config\.json: .*{field}") as caught:
        model.generate([])
    assert "\n" not in str(caught.value)


# What is generated


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_step_takes_the_best_of_a_pass_over_everything_before(family, engine, tiny):
    """Cached and uncached agree."""
    model = quatrain.load(tiny(family), engine=engine)
    prompt = [5, 9, 2]
    found = model.generate(prompt, max_new_tokens=8, repetition_penalty=1.3)
    seen = [0] if family == "t5" else list(prompt)
    for token in found.ids:
        logits = model.logits(*([prompt, seen] if family == "t5" else [seen]))[-1].copy()
        logits[seen] = np.where(logits[seen] > 0, logits[seen] / 1.3, logits[seen] * 1.3)
        assert token == logits.argmax()
        seen.append(token)


@pytest.mark.parametrize("family", FAMILIES)
def test_one_seed_gives_one_text_on_every_engine(family, tiny):
    found = [
        quatrain.load(tiny(family), engine=engine).generate([5, 9, 2], **SAMPLED).ids
        for engine in ENGINES
    ]
    assert found[0] == found[1] == found[2]


def test_seeds_differ_and_repeat(model):
    runs = [model.generate(PROMPT, **SAMPLED | {"seed": seed}).ids for seed in (1, 2, 3, 1)]
    assert runs[0] == runs[3]
    assert len({tuple(run) for run in runs}) == 3


def test_no_temperature_needs_no_seed(model):
    assert model.generate(PROMPT, seed=1) == model.generate(PROMPT, seed=2)


def test_sampling_from_one_token_is_greedy(model):
    greedy = model.generate(PROMPT, max_new_tokens=12).ids
    assert model.generate(PROMPT, max_new_tokens=12, temperature=2.0, top_k=1, seed=0).ids == greedy


def test_a_model_may_be_used_from_several_threads(any_engine):
    wanted = [any_engine.generate(PROMPT, **SAMPLED | {"seed": seed}).ids for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(any_engine.generate, PROMPT, **SAMPLED | {"seed": seed % 4})
            for seed in range(8)
        ]
    assert [job.result().ids for job in jobs] == wanted * 2


# Text


def test_text_is_the_decoded_ids(model):
    found = model.generate(PROMPT, **SAMPLED)
    assert found.text == model.tokenizer.decode(found.ids)


def test_a_prompt_may_be_text_or_ids(model):
    ids = model.tokenizer.encode(PROMPT).ids
    runs = [model.generate(p, **SAMPLED) for p in (PROMPT, ids, tuple(ids), np.array(ids))]
    assert all(run == runs[0] for run in runs)


def test_a_stop_string_cuts_the_text_wherever_tokens_end(model):
    """Every piece of two or three characters of a text, within tokens and across them."""
    whole = model.generate(PROMPT, **SAMPLED).text
    assert len(whole) > 20
    for size in (2, 3, 7):
        for start in range(len(whole) - size):
            stop = whole[start : start + size]
            found = model.generate(PROMPT, **SAMPLED, stop=stop)
            assert found.text == whole[: whole.index(stop)]
            assert found.finish_reason == "stop"
            assert whole.startswith(model.tokenizer.decode(found.ids).rstrip("\ufffd"))


def test_the_first_of_several_stops_counts(model):
    whole = model.generate(PROMPT, **SAMPLED).text
    late, early = whole[12:15], whole[5:8]
    found = model.generate(PROMPT, **SAMPLED, stop=[late, "never", early])
    assert found.text == whole[: min(whole.index(late), whole.index(early))]


def test_a_stop_that_never_comes_changes_nothing(model):
    found = model.generate(PROMPT, **SAMPLED)
    assert model.generate(PROMPT, **SAMPLED, stop="never") == found


def test_a_stream_gives_the_text_and_takes_nothing_back(model):
    whole = model.generate(PROMPT, **SAMPLED).text
    for stop in ((), whole[9:12], (whole[4:6], "never")):
        pieces = list(model.stream(PROMPT, **SAMPLED, stop=stop))
        assert "".join(pieces) == model.generate(PROMPT, **SAMPLED, stop=stop).text
        assert all(pieces)
    assert len(list(model.stream(PROMPT, **SAMPLED))) > 10


def test_a_stream_may_be_left(any_engine):
    """What was begun and not finished leaves nothing behind in the model."""
    want = any_engine.generate(PROMPT, **SAMPLED)
    stream = any_engine.stream(PROMPT, **SAMPLED)
    next(stream)
    stream.close()
    assert any_engine.generate(PROMPT, **SAMPLED) == want


def test_a_character_of_two_tokens_is_streamed_whole(model):
    """No piece ends inside the two bytes of a character."""
    ids = model.tokenizer.encode("\u00e9").ids
    assert len(ids) == 2
    decoder = model.tokenizer.stream_decoder()
    assert [decoder.push(ids[0]), decoder.push(ids[1]), decoder.flush()] == ["", "\u00e9", ""]


def test_stop_strings_need_a_tokenizer(tiny):
    with pytest.raises(InputError, match="stop: expected a model with a tokenizer"):
        quatrain.load(tiny("gpt2")).generate([1], stop="x")


# Where it ends


def test_an_end_token_ends_the_text_and_is_not_part_of_it(configured, tiny):
    free = quatrain.load(tiny("gpt2")).generate([1, 2], max_new_tokens=12).ids
    end = free[4]
    before = free[: free.index(end)]
    for ends in (end, [end], [96, end]):
        found = configured(eos_token_id=ends).generate([1, 2], max_new_tokens=12)
        cut = before if 96 not in before or isinstance(ends, int) else before[: before.index(96)]
        assert (found.ids, found.finish_reason) == (cut, "eos")


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_text_has_as_many_tokens_as_it_may(count, model):
    found = model.generate(PROMPT, max_new_tokens=count)
    assert (len(found.ids), found.finish_reason) == (count, "length")


def test_the_context_ends_the_text(any_engine):
    context = any_engine.network.context
    ids = np.arange(context) % 90 + 1
    for length in (context, context - 3):
        found = any_engine.generate(ids[:length], max_new_tokens=99)
        # The last token is chosen with the context full; nothing could follow it.
        assert (len(found.ids), found.finish_reason) == (context - length + 1, "length")
    with pytest.raises(InputError, match=f"at most {context} tokens"):
        any_engine.generate([1] * (context + 1))


def test_a_limit_that_is_never_reached_costs_nothing(any_engine):
    found = any_engine.generate([1] * 60, max_new_tokens=10**15)
    assert (len(found.ids), found.finish_reason) == (5, "length")


def test_caches_grow_when_the_text_does(tiny, monkeypatch):
    model = quatrain.load(tiny("t5"))
    want = model.generate([5, 9, 2], **SAMPLED)
    monkeypatch.setattr(importlib.import_module("quatrain.tasks.job"), "RESERVED", 0)
    assert model.generate([5, 9, 2], **SAMPLED) == want


def test_an_empty_prompt_begins_with_the_start_token(configured):
    model = configured(bos_token_id=7)
    assert model.generate([], max_new_tokens=5).ids == model.generate([7], max_new_tokens=5).ids


def test_an_empty_prompt_without_a_start_token_is_refused(tmp_path):
    folder = checkpoints.write(tmp_path, "gpt2", bos_token_id=None)
    with pytest.raises(InputError, match="the prompt is empty"):
        quatrain.load(folder).generate([])


@pytest.mark.parametrize("task", ["generate", "stream", "logits"])
def test_an_encoder_does_not_generate(task, tiny):
    with pytest.raises(InputError, match=rf"\[{task}\] expected a model .* got bert"):
        getattr(quatrain.load(tiny("bert")), task)([1])


# Probabilities


def test_log_probabilities_are_the_models_own(any_engine):
    """Before temperature and penalty; all of them together make 1."""
    vocab = any_engine.network.vocab_size
    asked = {"temperature": 2.0, "repetition_penalty": 1.5, "seed": 1, "max_new_tokens": 6}
    found = any_engine.generate(PROMPT, **asked, logprobs=vocab)
    seen = list(any_engine.tokenizer.encode(PROMPT).ids)
    assert [step.id for step in found.logprobs] == found.ids
    for step in found.logprobs:
        logits = any_engine.logits(seen)[-1].astype(np.float64)
        want = logits - np.log(np.exp(logits).sum())
        top = dict(step.top)
        assert sum(np.exp(p) for p in top.values()) == pytest.approx(1)
        assert step.logprob == top[step.id]
        assert [p for _, p in step.top] == sorted(top.values(), reverse=True)
        assert np.allclose([top[i] for i in range(vocab)], want, atol=1e-4)
        seen.append(step.id)


def test_as_many_log_probabilities_as_asked(model):
    found = model.generate(PROMPT, max_new_tokens=4, logprobs=2)
    assert [len(step.top) for step in found.logprobs] == [2] * 4
    assert [step.top[0][0] for step in found.logprobs] == found.ids
    assert model.generate(PROMPT, max_new_tokens=4).logprobs == []


def test_every_setting_is_a_keyword():
    assert set(Options.__annotations__) == {f.name for f in dataclasses.fields(Settings)}
