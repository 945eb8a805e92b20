"""What a model's folder says of generation: where it is found, and what each field does."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

import quatrain
import speaker
from quatrain.errors import ConfigError, InputError
from quatrain.tasks.constraints import Constraints
from quatrain.tasks.settings import Settings

PROMPT = [5, 9, 2]


@pytest.fixture
def configured(copied):
    """A function: a family, fields of generation_config.json -> the tiny model with them."""
    folders = {}

    def make(family: str, **fields):
        folder = folders.setdefault(family, copied(family) if family not in folders else None)
        (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": None} | fields))
        return quatrain.load(folder)

    return make


# How long


@pytest.mark.parametrize("family", ["gpt2", "t5"])
def test_lengths(family, configured):
    """``max_length`` counts what the decoder reads; ``max_new_tokens`` comes before it."""
    read = 3 if family == "gpt2" else 1

    def length(given=None, **fields):
        return len(configured(family, **fields).generate(PROMPT, **given or {}).ids)

    assert length(max_length=9) == 9 - read
    assert length(max_length=9, max_new_tokens=4) == 4
    assert length({"max_new_tokens": 2}, max_length=9) == 2
    assert length({"max_length": 5}, max_new_tokens=4) == 5 - read
    assert length({"max_length": 5, "max_new_tokens": 7}) == 7
    with pytest.raises(InputError, match=f"max_length: expected more than the prompt's {read} tok"):
        length(max_length=read)


def test_a_text_may_not_end_before_its_least_length(configured):
    free = configured("gpt2").generate(PROMPT, max_new_tokens=12).ids
    end = {"eos_token_id": free[2], "max_new_tokens": 12}
    assert len(configured("gpt2", **end).generate(PROMPT).ids) == free.index(free[2]) < 5
    assert len(configured("gpt2", **end, min_new_tokens=5).generate(PROMPT).ids) >= 5
    assert len(configured("gpt2", **end, min_length=8).generate(PROMPT).ids) >= 5
    # min_new_tokens comes before min_length, as in transformers.
    both = configured("gpt2", **end, min_length=8, min_new_tokens=0)
    assert len(both.generate(PROMPT).ids) == free.index(free[2])


# Which tokens


def test_suppressed_tokens_never_come(configured):
    free = configured("gpt2").generate(PROMPT, max_new_tokens=8).ids
    later = configured("gpt2", suppress_tokens=free[:2]).generate(PROMPT, max_new_tokens=8).ids
    assert not set(later) & set(free[:2])
    first = configured("gpt2", begin_suppress_tokens=free[:1]).generate(PROMPT, max_new_tokens=8)
    assert first.ids[0] != free[0]
    # The caller's own setting replaces the folder's.
    model = configured("gpt2", suppress_tokens=free[:2])
    assert model.generate(PROMPT, max_new_tokens=8, suppress_tokens=[]).ids == free


def test_bad_words_are_never_completed(configured):
    free = configured("gpt2").generate(PROMPT, max_new_tokens=8).ids
    words = [free[1:3], [free[4]]]
    found = configured("gpt2", bad_words_ids=words).generate(PROMPT, max_new_tokens=8).ids
    assert free[4] not in found
    assert free[1:3] not in [found[i : i + 2] for i in range(7)]
    # One that is the end token is no bad word, as in transformers.
    ends = configured("gpt2", bad_words_ids=[[free[1]]], eos_token_id=free[1])
    assert ends.generate(PROMPT, max_new_tokens=8).finish_reason == "eos"


@pytest.mark.parametrize("beams", [1, 3])
def test_no_sequence_comes_twice(beams, configured):
    model = configured("llama", no_repeat_ngram_size=2, num_beams=beams)
    whole = PROMPT + model.generate(PROMPT, max_new_tokens=30).ids
    pairs = list(itertools.pairwise(whole))
    assert len(set(pairs)) == len(pairs) == 32


@pytest.mark.parametrize("beams", [1, 3])
def test_forced_tokens(beams, configured):
    """The first is no part of the text; the last is, unless it is an end token."""
    forced = {"forced_bos_token_id": 7, "forced_eos_token_id": 8, "num_beams": beams}
    model = configured("t5", **forced)
    found = model.generate(PROMPT, max_new_tokens=5)
    assert len(found.ids) == 4 and found.ids[-1] == 8 and found.finish_reason == "length"
    given = model.generate(PROMPT, [model.network.start, 7], max_new_tokens=4)
    assert given.ids == found.ids
    ends = configured("t5", **forced, eos_token_id=8).generate(PROMPT, max_new_tokens=5)
    assert (ends.ids, ends.finish_reason) == (found.ids[:-1], "eos")
    assert model.generate(PROMPT, max_new_tokens=1).ids == [8]
    # A decoder that has read more than a start token begins as it likes.
    free = configured("gpt2").generate(PROMPT, max_new_tokens=3).ids
    own = configured("gpt2", forced_bos_token_id=96).generate(PROMPT, max_new_tokens=3).ids
    assert own == free


def test_log_probabilities_are_the_models_whatever_is_forced(configured):
    plain = configured("gpt2").generate(PROMPT, max_new_tokens=2, logprobs=3)
    model = configured("gpt2", suppress_tokens=[plain.ids[0]])
    found = model.generate(PROMPT, max_new_tokens=2, logprobs=3)
    assert found.logprobs[0].top == plain.logprobs[0].top
    assert found.ids[0] == plain.logprobs[0].top[1][0]


def test_constraints_are_none_where_none_are_asked_for():
    assert not Constraints(Settings(), {1}, 3, 9)
    assert not Constraints(Settings(min_length=3, forced_bos_token_id=2), {1}, 3, 9)
    scores = np.zeros(4, np.float32)
    constraints = Constraints(Settings(no_repeat_ngram_size=3), [], 1, 9)
    for ids, banned in (([], []), ([1], []), ([1, 2, 3, 1, 2], [3]), ([1, 1, 1], [1])):
        constraints.apply(scores, ids)
        assert np.flatnonzero(scores).tolist() == banned
        scores[:] = 0


# Where it stands


def test_the_start_token_comes_from_either_file(copied, tiny):
    folder = copied("t5")
    want = quatrain.load(tiny("t5")).generate(PROMPT, [44], max_new_tokens=4).ids
    fields = json.loads((folder / "config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps({"decoder_start_token_id": 44}))
    other = quatrain.load(folder).generate(PROMPT, max_new_tokens=4)
    assert other.ids == quatrain.load(folder).generate(PROMPT, [44], max_new_tokens=4).ids != want
    (folder / "generation_config.json").unlink()
    (folder / "config.json").write_text(json.dumps(fields | {"decoder_start_token_id": 44}))
    assert quatrain.load(folder).generate(PROMPT, max_new_tokens=4) == other


def test_older_folders_say_it_in_config_json(copied):
    folder = copied("t5")
    fields = json.loads((folder / "config.json").read_text())
    own = {"num_beams": 2, "max_length": 7, "no_repeat_ngram_size": 2}
    (folder / "config.json").write_text(json.dumps(fields | own))
    found = quatrain.load(folder).generate(PROMPT)
    assert found.beams and len(found.ids) <= 6
    # With a file of its own, config.json gives the special tokens alone.
    (folder / "generation_config.json").write_text("{}")
    assert not quatrain.load(folder).generate(PROMPT).beams


def test_stop_strings(tmp_path):
    folder = speaker.write(tmp_path, eos_token_id=None)
    whole = quatrain.load(folder).generate("a", max_new_tokens=20, temperature=1.0, seed=3).text
    (folder / "generation_config.json").write_text(json.dumps({"stop_strings": [whole[3:5]]}))
    found = quatrain.load(folder).generate("a", max_new_tokens=20, temperature=1.0, seed=3)
    assert (found.text, found.finish_reason) == (whole[: whole.index(whole[3:5])], "stop")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_length", "long"),
        ("min_new_tokens", -1),
        ("num_beams", 0),
        ("early_stopping", "soon"),
        ("length_penalty", "high"),
        ("no_repeat_ngram_size", 1.5),
        ("suppress_tokens", ["a"]),
        ("begin_suppress_tokens", [-1]),
        ("bad_words_ids", [3]),
        ("bad_words_ids", [[]]),
        ("forced_bos_token_id", [3]),
        ("forced_eos_token_id", "end"),
        ("stop_strings", [""]),
    ],
)
def test_a_bad_field_is_named_with_its_file(field, value, configured):
    model = configured("gpt2", **{field: value})
    with pytest.raises(ConfigError, match=rf"generation_config\.json: {field}: expected") as caught:
        model.generate(PROMPT)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("field", ["suppress_tokens", "forced_eos_token_id", "forced_bos_token_id"])
def test_an_id_that_no_vocabulary_has_is_refused(field, configured):
    value = 97 if field == "forced_bos_token_id" else [97]
    with pytest.raises(
        InputError, match=rf"\[generate\] {field}: expected ids in \[0, 97\), got 97"
    ):
        configured("t5", **{field: value}).generate(PROMPT)


def test_what_is_forced_may_not_be_suppressed(configured):
    with pytest.raises(InputError, match="suppress_tokens: expected to leave what is forced"):
        configured("t5", suppress_tokens=[4, 7], forced_bos_token_id=7).generate(PROMPT)


@pytest.mark.parametrize(
    ("field", "value", "nothing"),
    [
        ("num_beam_groups", 2, 1),
        ("diversity_penalty", 0.5, 0.0),
        ("penalty_alpha", 0.6, None),
        ("encoder_repetition_penalty", 1.2, 1.0),
        ("encoder_no_repeat_ngram_size", 2, 0),
        ("exponential_decay_length_penalty", [3, 1.1], None),
        ("forced_decoder_ids", [[1, 7]], []),
        ("renormalize_logits", True, False),
        ("sequence_bias", [[[3], 1.0]], None),
        ("guidance_scale", 2.0, 1.0),
    ],
)
def test_what_would_change_the_text_and_is_not_done_is_refused(field, value, nothing, configured):
    want = configured("gpt2").generate(PROMPT, max_new_tokens=4)
    assert configured("gpt2", **{field: nothing}).generate(PROMPT, max_new_tokens=4) == want
    with pytest.raises(ConfigError, match=rf"generation_config\.json: {field}: expected .* found"):
        configured("gpt2", **{field: value}).generate(PROMPT)


def test_what_only_sampling_has_is_refused_only_there(configured):
    configured("gpt2", typical_p=0.5).generate(PROMPT, max_new_tokens=1)
    with pytest.raises(ConfigError, match="typical_p: expected 1, which is all that is supported"):
        configured("gpt2", typical_p=0.5, do_sample=True).generate(PROMPT)
