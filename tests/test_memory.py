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
    "llama": {"vocab_size": 60000, "hidden_size": 768, "intermediate_size": 3072, "head_dim": 96,
              "num_attention_heads": 8, "max_position_embeddings": 512,
              "tie_word_embeddings": True},
    "t5": {"vocab_size": 60000, "d_model": 768, "d_ff": 3072, "d_kv": 64, "num_heads": 12},
}  # fmt: skip
GENERATE = "model.generate([5] * 256, max_new_tokens=1, temperature=0.0)"
ENCODE = "model.encode([[5] * 128] * 32, progress=False)"
WORK = {"bert": (32, 128, ENCODE)}
SCRIPT = """
import sys, quatrain
from quatrain.tasks.memory import peak
import quatrain.cli
model = quatrain.load(sys.argv[1], dtype=sys.argv[2])
{work}
print(peak())
"""
INFO = """
import sys
from quatrain.cli import main
from quatrain.tasks.memory import peak
try:
    main()
finally:
    print(peak(), file=sys.stderr)
"""


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True)


@pytest.mark.parametrize(
    ("family", "dtype", "saved"),
    [("bert", "float32", False), ("gpt2", "float32", False), ("gpt2", "int8", False),
     ("gpt2", "int8", True), ("llama", "bfloat16", False), ("llama", "int8", False),
     ("t5", "float32", False), ("t5", "float16", False)],
)  # fmt: skip
def test_the_peak_is_what_was_planned(family, dtype, saved, tmp_path):
    """In two processes, of which the one that plans never holds the weights."""
    folder = write(tmp_path / "model", family, **LARGE[family])
    if saved:
        folder = quatrain.load(folder, dtype=dtype).save(tmp_path / "saved")
    batch, tokens, work = WORK.get(family, (1, 256, GENERATE))
    size = ["--batch", str(batch), "--tokens", str(tokens), "--dtype", dtype]
    done = run(INFO, "info", str(folder), "--plan", "--json", *size)
    planned = json.loads(done.stdout)["memory"]
    assert int(done.stderr) < planned["library"] + 20e6
    measured = int(run(SCRIPT.format(work=work), str(folder), dtype).stdout)
    assert planned["peak"] == pytest.approx(measured, rel=0.15)
    parts = ("weights", "activations", "results", "caches")
    assert sum(planned[part] for part in parts) > planned["library"]
    assert all(planned[part] > 0 for part in parts if part != "caches" or family != "bert")


def test_what_cannot_be_planned_is_refused(tiny):
    reference, native = (quatrain.load(tiny("bert"), engine=e) for e in ("reference", "native"))
    with pytest.raises(InputError, match="reference engine does not plan"):
        forecast(reference.network, reference.engine, batch=1, tokens=5)
    with pytest.raises(InputError, match="at most 64 tokens, got 65"):
        forecast(native.network, native.engine, batch=1, tokens=65)


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama", "t5"])
def test_info_plans_every_family(family, tiny):
    arguments = ["info", str(tiny(family)), "--plan", "--batch", "3", "--tokens", "9", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    memory = json.loads(result.stdout)["memory"]
    assert memory["peak"] >= memory["weights"] > 0
    assert memory["activations"] > 0
