"""The command line: what each command prints, its JSON, and its exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from typer.testing import CliRunner

import checkpoints
import quatrain
from families import FAMILIES, VOCAB
from quatrain.cli import app
from quatrain.commands.arguments import Engine
from quatrain.engines import ENGINES
from quatrain.engines.native import Native

pytestmark = pytest.mark.usefixtures("working_folder")

ESCAPE = "\x1b["
PIPED = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}


@pytest.fixture
def encoder(tiny):
    """A tiny encoder without a tokenizer."""
    return str(tiny("bert"))


def run(*arguments, stdin=None, code=0):
    """Run a command in this process; its exit code must be ``code``."""
    result = CliRunner().invoke(app, [str(part) for part in arguments], input=stdin)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    assert ESCAPE not in result.output, "colour codes where there is no terminal"
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def run_json(*arguments, **options):
    return json.loads(run(*arguments, "--json", **options).stdout)


def refused(*arguments, **options):
    """Run a command that must fail with one line on standard error; -> that line."""
    result = run(*arguments, code=2, **options)
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


# What every command has


@pytest.mark.parametrize(
    "command", ["demo", "tokenize", "encode", "generate", "export", "verify", "info"]
)
def test_help_teaches(command):
    text = run(command, "--help").stdout
    assert f"quatrain {command}" in text, "an example"
    assert "--json" in text


def test_the_engines_are_those_of_the_api():
    assert {engine.value for engine in Engine} == set(ENGINES)


def test_version_and_help():
    assert run("--version").stdout.strip() == quatrain.__version__
    assert run("-h").stdout == run("--help").stdout
    assert "Missing argument" in run("generate", code=2).stderr
    assert "No such command" in run("translate", code=2).stderr


def test_help_imports_nothing_heavy():
    program = (
        "import sys\n"
        "from quatrain.cli import app\n"
        "app(['--help'], standalone_mode=False)\n"
        "heavy = {'torch', 'transformers', 'tokenizers', 'onnxruntime', 'huggingface_hub'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or None)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


# tokenize


def test_tokenize(decoder):
    text = run("tokenize", "-m", decoder, "Humpty sat").stdout
    for part in ("Hum", "pty", "·sat", "0-3", "6-10", "3 tokens for 10 characters"):
        assert part in text


def test_tokenize_json(decoder):
    got = run_json("tokenize", "-m", decoder, "Humpty sat")
    assert got["text"] == "Humpty sat" and got["pair"] is None
    assert got["tokens"] == ["Hum", "pty", "Ġsat"]
    assert got["offsets"] == [[0, 3], [3, 6], [6, 10]]
    assert got["attention_mask"] == [1, 1, 1]
    assert {len(got[name]) for name in ("ids", "type_ids", "special_tokens_mask")} == {3}
    assert run_json("tokenize", "-m", decoder, "-", stdin="Humpty sat")["ids"] == got["ids"]


def test_tokenize_shows_parts_of_a_character_as_bytes(decoder):
    assert "<c3> <a9>" in run("tokenize", "-m", decoder, "é").stdout


def test_tokenize_shows_what_cannot_be_printed_by_its_number(decoder):
    assert "<1b> " in run("tokenize", "-m", decoder, "\x1b[31m").stdout


def test_tokenize_breaks_a_long_text_into_rows(decoder):
    lines = run("tokenize", "-m", decoder, "sat " * 60).stdout.splitlines()
    assert max(map(len, lines)) <= 80


# encode


def test_encode_json(encoder):
    got = run_json("encode", "-m", encoder, "--ids", "3,1,4", "1 5", "--engine", "reference")
    assert got["engine"] == "reference" and got["shape"] == [2, 24]
    want = quatrain.load(encoder, "reference").encode([[3, 1, 4], [1, 5]])
    assert np.array_equal(np.array(got["vectors"], np.float32), want)


def test_encode_compares_a_few(encoder):
    text = run("encode", "-m", encoder, "--ids", "3,1,4", "1 5").stdout
    assert "vector of 24 numbers" in text and "cosine" in text and "1.000" in text


def test_encode_a_file_into_a_file(encoder, tmp_path):
    (tmp_path / "texts").write_text("3 1 4\n1 5\n9\n")
    out = tmp_path / "vectors.npy"
    arguments = ("encode", "-m", encoder, "--ids", "--file", tmp_path / "texts", "--out", out)
    assert "[3, 24]" in run(*arguments).stdout
    assert np.load(out).dtype == np.float32
    want = quatrain.load(encoder).encode([[3, 1, 4], [1, 5], [9]])
    assert np.array_equal(np.load(out), want)
    assert run_json(*arguments)["out"] == str(out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["texts", "vectors.npy"]


def test_encode_leaves_an_old_file_when_it_fails(encoder, tmp_path):
    out = tmp_path / "vectors.npy"
    out.write_text("old")
    refused("encode", "-m", encoder, "--ids", "1000", "--out", out)
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_encode_reads_standard_input(encoder):
    assert run_json("encode", "-m", encoder, "--ids", stdin="3 1\n4\n")["shape"] == [2, 24]
    assert run_json("encode", "-m", encoder, "--ids", stdin="")["vectors"] == []


# generate


def test_generate_prints_the_continuation_alone(decoder):
    want = quatrain.load(decoder).generate("Humpty", max_new_tokens=7)
    got = run("generate", "-m", decoder, "Humpty", "--max-new-tokens", 7)
    assert got.stdout == want.text + "\n"
    assert got.stderr == ""


def test_generate_json(decoder):
    settings = {"max_new_tokens": 6, "temperature": 0.8, "top_k": 20, "top_p": 0.9, "seed": 11}
    want = quatrain.load(decoder).generate("Humpty", **settings, logprobs=2)
    options = [part for k, v in settings.items() for part in (f"--{k.replace('_', '-')}", v)]
    got = run_json("generate", "-m", decoder, "Humpty", *options, "--logprobs", 2)
    assert (got["text"], got["ids"]) == (want.text, want.ids)
    assert (got["engine"], got["prompt"], got["finish_reason"]) == ("native", "Humpty", "length")
    assert got["tokens_per_second"] > 0
    assert [one["id"] for one in got["logprobs"]] == want.ids
    assert {len(one["top"]) for one in got["logprobs"]} == {2}
    assert isinstance(got["logprobs"][0]["token"], str)


def test_generate_shows_probabilities(decoder):
    got = run("generate", "-m", decoder, "Humpty", "--max-new-tokens", 2, "--logprobs", 2)
    assert "likeliest" in got.stdout and got.stdout.count("%") == 6


def test_generate_from_ids_without_a_tokenizer(tiny):
    arguments = ("generate", "-m", tiny("gpt2"), "--ids", "5 6 7", "--max-new-tokens", 4)
    got = run_json(*arguments)
    assert len(got["ids"]) == 4 and got["text"] == ""
    assert run(*arguments).stdout.split() == [str(id) for id in got["ids"]]


def test_a_generous_limit_costs_nothing(decoder):
    got = run_json("generate", "-m", decoder, "Humpty", "--max-new-tokens", 10**12)
    assert len(got["ids"]) < 64


# export, verify, info


def test_export(decoder, tmp_path):
    got = run_json("export", decoder, tmp_path / "a")
    assert got["path"] == str(tmp_path / "a")
    assert {"config.json", "tokenizer.json", "onnx/model.onnx"} <= set(got["files"])
    assert got["files"]["config.json"] == (tmp_path / "a" / "config.json").stat().st_size
    text = run("export", decoder, tmp_path / "b").stdout
    assert str(tmp_path / "b") in text.replace("\n", "") and "onnx/model.onnx_data" in text


def test_export_never_overwrites(decoder, tmp_path):
    (tmp_path / "mine").write_text("mine")
    assert "new or empty" in refused("export", decoder, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    run("export", decoder, decoder, tmp_path / "new", code=2)


def test_verify(encoder, tmp_path):
    out = tmp_path / "parity.json"
    text = run("verify", encoder, "--ids", "--text", "3 1 4", "--text", "9", "--out", out).stdout
    for part in ("encoder.layer.2", "embeddings", "native agrees", "onnx, padded left agrees"):
        assert part in text
    assert "encoder.layer.2.output" not in text
    assert "encoder.layer.2.output" in run("verify", encoder, "--all").stdout
    assert os.path.isfile("parity.json")  # the default, in the working folder
    report = json.loads(out.read_text())
    assert report["passed"] and "encoder.layer.2.output" in report["engines"]["onnx"]["layers"]


def test_verify_fails_and_names_the_first_layer(decoder):
    text = run("verify", decoder, "--text", "Humpty", "--tolerance", 0, code=1).stdout
    assert "native first diverges at " in text and "✗" in text
    got = run_json("verify", decoder, "--text", "Humpty", "--tolerance", 0, code=1)
    assert not got["passed"] and got["engines"]["native"]["first_divergence"]


def test_verify_names_the_layer_that_an_engine_gets_wrong(decoder, monkeypatch):
    right = Native.attention

    def wrong(self, *arguments, **options):
        return right(self, *arguments, **options) * np.float32(1.01)

    monkeypatch.setattr(Native, "attention", wrong)
    text = run("verify", decoder, "--text", "Humpty", code=1).stdout
    assert "native first diverges at h.0.attn.attention (1.0e-02)" in text
    assert "reference agrees" in text


@pytest.mark.parametrize("family", FAMILIES)
def test_info(family, tiny):
    got = run_json("info", tiny(family))
    assert got["family"] == family
    assert 20 < got["width"] < 40 and got["vocabulary"] == VOCAB
    assert got["dtypes"] == ["F32"] and got["tokenizer"] is None
    assert got["parameters"] > VOCAB * 24
    assert set(got["engines"]) == {"reference", "native", "onnx"}
    assert got["files"]["model.safetensors"] >= 4 * got["parameters"]
    assert f"{got['parameters']:,}" in run("info", tiny(family)).stdout


def test_info_names_the_tokenizer_and_a_missing_engine(decoder, monkeypatch):
    monkeypatch.setattr("quatrain.engines.onnx.runtime.installed", dict)
    text = run("info", decoder).stdout
    assert "BPE" in text
    assert "not available: [onnx] onnxruntime is not installed" in text


# What bad input gets


def test_bad_folders(tmp_path, tiny):
    assert "expected a model folder" in refused("info", tmp_path / "nowhere")
    assert "found none there" in refused("tokenize", "-m", tmp_path / "nowhere", "text")
    assert "config.json" in refused("info", tmp_path)
    unknown = checkpoints.write(tmp_path / "unknown", "gpt2")
    (unknown / "config.json").write_text('{"model_type": "perceiver"}')
    assert "model_type" in refused("generate", "-m", unknown, "text")
    truncated = checkpoints.write(tmp_path / "truncated", "gpt2")
    weights = truncated / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    for command in (("info", truncated), ("verify", truncated)):
        assert "model.safetensors" in refused(*command)
    assert "tokenizer.json" in refused("tokenize", "-m", tiny("bert"), "text")


def test_bad_texts(decoder, encoder):
    assert "expected ids in [0, 97)" in refused("encode", "-m", encoder, "--ids", "1 97")
    assert "at most 64 tokens" in refused("generate", "-m", decoder, "Humpty " * 40)
    assert "no tokenizer there, so texts" in refused("encode", "-m", encoder, "text")
    assert "encoder" in refused("encode", "-m", decoder, "text")
    assert "whole numbers" in run("encode", "-m", encoder, "--ids", "1 x", code=2).stderr


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--temperature", "-1"),
        ("--top-p", "0"),
        ("--top-k", "-3"),
        ("--seed", "-1"),
        ("--max-new-tokens", "-1"),
        ("--repetition-penalty", "0"),
        ("--stop", ""),
        ("--logprobs", "-1"),
    ],
)
def test_bad_settings(option, value, decoder):
    name = option.removeprefix("--").replace("-", "_")
    assert f"[generate] {name}: expected" in refused("generate", "-m", decoder, "a", option, value)


def test_texts_that_are_not_utf8(encoder, tmp_path):
    (tmp_path / "texts").write_bytes(b"\xff\xfe")
    line = refused("encode", "-m", encoder, "--file", tmp_path / "texts")
    assert f"{tmp_path / 'texts'}: expected UTF-8 text" in line


def test_a_terminal_that_is_not_utf8_gets_escapes(decoder):
    done = subprocess.run(
        [sys.executable, "-m", "quatrain.cli", "tokenize", "-m", decoder, "a b"],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "\\xb7" in done.stdout


def test_bad_options(decoder, encoder, tmp_path):
    run("generate", "-m", decoder, "a", "--engine", "tpu", code=2)
    run("generate", "-m", decoder, "a", "--threads", "0", code=2)
    run("generate", "-m", decoder, "a", "--temperature", "warm", code=2)
    run("encode", "-m", encoder, "--file", tmp_path / "none", code=2)
    run("encode", "-m", encoder, "a", "--file", __file__, code=2)
    run("verify", decoder, "--tolerance", "nan", code=2)
    assert "folder to write into" in refused(
        "encode", "-m", encoder, "--ids", "1", "--out", tmp_path / "none" / "x.npy"
    )


def test_a_missing_onnxruntime_is_named_with_the_remedy(decoder, monkeypatch):
    monkeypatch.setattr("quatrain.engines.onnx.runtime.installed", dict)
    assert "quatrain[cpu]" in refused("generate", "-m", decoder, "a", "--engine", "onnx")


def test_an_interrupt_is_quiet(decoder, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("quatrain.commands.generate.load", interrupted)
    assert run("generate", "-m", decoder, "a", code=130).output == ""


def opened(pipe, reader):
    """The writing end of ``pipe``, once the process ``reader`` has opened it."""
    while reader.poll() is None:
        try:
            return os.fdopen(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK), "w")
        except OSError:  # nobody reads yet
            time.sleep(0.01)
    pytest.fail(reader.stderr.read())


def test_a_real_interrupt_ends_with_130(encoder, tmp_path):
    texts = tmp_path / "texts"
    os.mkfifo(texts)
    interrupted = subprocess.Popen(
        [sys.executable, "-m", "quatrain.cli", "encode", "-m", encoder, "--file", str(texts)],
        **PIPED,
        # A shell's background jobs ignore interrupts, and so would what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with interrupted as running, opened(texts, running):  # the command now waits for texts
        running.send_signal(signal.SIGINT)
        try:
            assert running.communicate(timeout=60) == ("", "")
        finally:
            running.kill()
    assert running.returncode == 130


def test_a_reader_that_goes_away_is_no_trouble(decoder):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "quatrain.cli", "tokenize", "-m", decoder, "a " * 50, "--json"],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.stderr == ""
    assert done.returncode == 1
