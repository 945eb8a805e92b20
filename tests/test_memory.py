"""Memory: what ``quatrain info --plan`` says is what a process takes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import quatrain
from checkpoints import write
from quatrain.cli import app
from quatrain.errors import InputError
from quatrain.tasks.memory import forecast

#: Large enough that the library itself is the smaller part.
LARGE = {
    "bert": {"vocab_size": 30000, "hidden_size": 512, "intermediate_size": 2048,
             "num_attention_heads": 8, "max_position_embeddings": 512},
    "gpt2": {"vocab_size": 30000, "n_embd": 512, "n_inner": 2048, "n_head": 8, "n_positions": 512},
}  # fmt: skip
WORK = {
    "bert": "model.encode([[5] * 128] * 32, progress=False)",
    "gpt2": "model.generate([5] * 512, max_new_tokens=1, temperature=0.0)",
}
SIZES = {"bert": (32, 128), "gpt2": (1, 512)}
MAIN = "from quatrain.cli import main; main()"
SCRIPT = """
import sys, quatrain
from quatrain.tasks.memory import peak
import quatrain.cli
model = quatrain.load(sys.argv[1])
{work}
print(peak())
"""


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_the_peak_is_what_was_planned(family, tmp_path):
    folder = write(tmp_path, family, **LARGE[family])
    batch, tokens = map(str, SIZES[family])
    size = ["--batch", batch, "--tokens", tokens]
    command = [sys.executable, "-c", MAIN, "info", str(folder), "--plan", "--json", *size]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    planned = json.loads(done.stdout)["memory"]
    script = SCRIPT.format(work=WORK[family])
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True
    )
    assert planned["peak"] == pytest.approx(int(done.stdout), rel=0.15)
    parts = ("weights", "activations", "results", "caches")
    assert sum(planned[part] for part in parts) > planned["library"]
    assert all(planned[part] > 0 for part in parts if part != "caches" or family == "gpt2")


def test_what_cannot_be_planned_is_refused(tiny):
    with pytest.raises(InputError, match="reference engine does not plan"):
        forecast(quatrain.load(tiny("bert"), engine="reference"), batch=1, tokens=5)
    with pytest.raises(InputError, match="at most 64 tokens, got 65"):
        forecast(quatrain.load(tiny("bert")), batch=1, tokens=65)


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama", "t5"])
def test_info_plans_every_family(family, tiny):
    arguments = ["info", str(tiny(family)), "--plan", "--batch", "3", "--tokens", "9", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    memory = json.loads(result.stdout)["memory"]
    assert memory["peak"] >= memory["weights"] > 0
    assert memory["activations"] > 0
