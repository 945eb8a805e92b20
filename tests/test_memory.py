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

#: Large enough that the library itself is the smaller part, with int8 weights too.
LARGE = {
    "bert": {"vocab_size": 30000, "hidden_size": 512, "intermediate_size": 2048,
             "num_attention_heads": 8, "max_position_embeddings": 512},
    "gpt2": {"vocab_size": 60000, "n_embd": 768, "n_inner": 3072, "n_head": 8, "n_positions": 512},
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
model = quatrain.load(sys.argv[1], dtype=sys.argv[2])
{work}
print(peak())
"""


@pytest.mark.parametrize(
    ("family", "dtype", "saved"),
    [("bert", "float32", False), ("gpt2", "float32", False), ("gpt2", "int8", False),
     ("gpt2", "int8", True)],
)  # fmt: skip
def test_the_peak_is_what_was_planned(family, dtype, saved, tmp_path):
    folder = write(tmp_path / "model", family, **LARGE[family])
    if saved:
        folder = quatrain.load(folder, dtype=dtype).save(tmp_path / "saved")
    batch, tokens = map(str, SIZES[family])
    size = ["--batch", batch, "--tokens", tokens, "--dtype", dtype]
    command = [sys.executable, "-c", MAIN, "info", str(folder), "--plan", "--json", *size]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    planned = json.loads(done.stdout)["memory"]
    script = SCRIPT.format(work=WORK[family])
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder), dtype],
        capture_output=True,
        text=True,
        check=True,
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
