"""The command line: searches, and models of two halves."""

from __future__ import annotations

import pytest

import quatrain
from test_cli import run, run_json

pytestmark = pytest.mark.usefixtures("working_folder")


def test_generate_with_beams(decoder):
    options = ("--num-beams", 3, "--max-new-tokens", 5, "--early-stopping", "never")
    several = ("--num-return-sequences", 2, "--length-penalty", 0.5)
    found = quatrain.load(decoder).generate(
        "Humpty",
        num_beams=3,
        num_return_sequences=2,
        max_new_tokens=5,
        early_stopping="never",
        length_penalty=0.5,
    )
    assert run("generate", "-m", decoder, "Humpty", *options).stdout.count("score") == 0
    table = run("generate", "-m", decoder, "Humpty", *options, *several).stdout
    assert "score" in table and all(f"{beam.score:.4f}" in table for beam in found.beams)
    got = run_json("generate", "-m", decoder, "Humpty", *options, *several)
    assert [(b["ids"], b["score"]) for b in got["beams"]] == [(b.ids, b.score) for b in found.beams]
    assert got["text"] == got["beams"][0]["text"] == found.text


def test_generate_and_verify_an_encoder_decoder(tiny):
    source = ("-m", tiny("t5"), "--ids", "3,1", "--max-new-tokens", 4)
    want = quatrain.load(tiny("t5")).generate([3, 1], [0, 7], max_new_tokens=4)
    got = run_json("generate", *source, "--decoder-ids", "7", "--early-stopping", "false")
    assert got["ids"] == want.ids and got["beams"] == []
    assert run("generate", *source, "--decoder-ids", "0 7").stdout.split() == [
        str(id) for id in want.ids
    ]
    assert "t5" in run("verify", tiny("t5"), "--ids", "--text", "1 2").stdout
