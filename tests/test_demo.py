"""The demo: what it shows, and what it ends with."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from rich.console import Console
from typer.testing import CliRunner

import quatrain
from quatrain.cli import app
from quatrain.commands.demo import one_line, show
from quatrain.engines import ENGINES
from quatrain.folder import DEFAULT
from quatrain.tasks import demo as journey

PROMPT = "Humpty Dumpty sat on a"


@pytest.fixture(autouse=True)
def once(monkeypatch):
    """Each engine is timed once, which is enough here."""
    monkeypatch.setattr(journey, "TIMED", 0.0)


def run(*arguments, code=0):
    result = CliRunner().invoke(app, ["demo", *map(str, arguments)])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def disagree(monkeypatch, engine, **changes):
    """Have ``engine`` answer otherwise in the demo: attributes of its model -> a change each."""
    right = quatrain.load

    def load(path, name, threads):
        model = right(path, name, threads)
        for attribute, change in changes.items() if name == engine else ():
            method = getattr(model, attribute)
            monkeypatch.setattr(
                model,
                attribute,
                lambda *a, method=method, change=change, **k: change(method(*a, **k)),
            )
        return model

    monkeypatch.setattr(journey, "load", load)


def test_the_journey(decoder, tmp_path):
    out = tmp_path / "exported"
    text = run("-m", decoder, "--max-new-tokens", 9, "--out", out).stdout
    for part in ("Hum", "·sat", *ENGINES, "%", "tokens/s", "onnx/model.onnx", "3 engines agree"):
        assert part in text
    assert (out / "onnx" / "model.onnx").is_file()
    assert max(map(len, text.splitlines())) <= 80


def test_json(decoder, tmp_path):
    got = json.loads(run("-m", decoder, "--json", "--out", tmp_path / "out").stdout)
    assert got["prompt"] == PROMPT and got["agree"]
    assert [token["token"] for token in got["tokens"]][:2] == ["Hum", "pty"]
    shares = [token["probability"] for token in got["next"]]
    assert shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 1
    assert [engine["engine"] for engine in got["engines"]] == list(ENGINES)
    assert len({engine["text"] for engine in got["engines"]}) == 1
    assert all(engine["tokens_per_second"] > 0 for engine in got["engines"])
    assert got["engines"][0]["difference"] == 0
    assert got["exported"] == str(tmp_path / "out")


@pytest.mark.parametrize("engine", ["native", "onnx"])
def test_other_logits_end_it_with_1(engine, decoder, tmp_path, monkeypatch):
    disagree(monkeypatch, engine, logits=lambda rows: rows + 0.5)
    text = run("-m", decoder, "--out", tmp_path / "out", code=1).stdout
    assert "5.0e-01 ✗" in text and f"{engine} and the reference disagree" in text


def test_another_text_ends_it_with_1(decoder, tmp_path, monkeypatch):
    def otherwise(made):
        return quatrain.Generation("something else", made.ids, made.finish_reason)

    disagree(monkeypatch, "onnx", generate=otherwise)
    assert "something else" in run("-m", decoder, "--out", tmp_path / "a", code=1).stdout
    got = run("-m", decoder, "--out", tmp_path / "b", "--json", code=1).stdout
    assert [engine["agrees"] for engine in json.loads(got)["engines"]] == [True, True, False]


def test_a_missing_onnxruntime_is_no_disagreement(decoder, tmp_path, monkeypatch):
    monkeypatch.setattr("quatrain.engines.onnx.runtime.installed", dict)
    text = run("-m", decoder, "--out", tmp_path / "a").stdout
    assert "2 engines agree" in text and "quatrain[cpu]" in text
    got = json.loads(run("-m", decoder, "--out", tmp_path / "b", "--json").stdout)
    assert "unavailable" in got["engines"][-1] and got["agree"]


def test_nothing_is_overwritten_and_nothing_shown(decoder, tmp_path):
    (tmp_path / "mine").write_text("mine")
    result = run("-m", decoder, "--out", tmp_path, code=2)
    assert result.stdout == "" and result.stderr.startswith("error: ")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_without_out_a_new_folder_each_time(decoder, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    first, second = (
        json.loads(run("-m", decoder, "--json", "--max-new-tokens", 2).stdout)["exported"]
        for _ in range(2)
    )
    assert first != second and first.startswith(str(tmp_path))


def test_a_continuation_may_fill_the_context(decoder, tmp_path):
    got = run("-m", decoder, "--max-new-tokens", 500, "--json", "--out", tmp_path / "out").stdout
    assert len(json.loads(got)["tokens"]) + len(json.loads(got)["engines"][0]["ids"]) == 65


def test_bad_prompts(decoder, tiny, tmp_path):
    for model, prompt in ((decoder, ""), (decoder, PROMPT * 9), (tiny("gpt2"), PROMPT)):
        result = run("-m", model, "--prompt", prompt, "--out", tmp_path / "out", code=2)
        assert result.stderr.startswith("error: ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("width", [80, 120])
def test_on_a_terminal(width, decoder, tmp_path):
    console = Console(force_terminal=True, color_system="truecolor", width=width, file=StringIO())
    walk = journey.Journey(quatrain.load(decoder), PROMPT, max_new_tokens=9)
    show(walk, walk.export(tmp_path / "out"), console)
    text = console.file.getvalue()
    assert "\x1b[" in text
    assert "3 engines agree" in text


@pytest.mark.parametrize(
    ("text", "judge", "shown"),
    [
        ("wall, / All", "wall, / All", "wall, / All"),
        ("a great fall of all the men", "a great fall of all the king's men", "… of all the men"),
        ("wall", "fall", "wall"),
        ("wall", "wall, he", "wall(ends here)"),
    ],
)
def test_a_text_that_parts_from_the_judge_is_shown_from_there(text, judge, shown):
    assert one_line(text, judge).plain == shown


@pytest.mark.skipif(not DEFAULT.is_dir(), reason="no default model in this tree")
def test_the_default_model_on_every_engine(tmp_path):
    got = json.loads(run("--json", "--out", tmp_path / "out").stdout)
    assert got["agree"]
    assert [engine["engine"] for engine in got["engines"]] == list(ENGINES)
    assert not any("unavailable" in engine for engine in got["engines"])


@pytest.mark.skipif(not DEFAULT.is_dir(), reason="no default model in this tree")
def test_the_default_model_knows_the_rhyme():
    assert quatrain.load().generate(PROMPT, max_new_tokens=3).text.startswith(" wall")
