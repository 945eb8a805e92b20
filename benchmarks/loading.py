"""How long a checkpoint of a billion weights takes to load, beside reading its file.

    python -m benchmarks.loading [--dtype bfloat16 ...] [--rounds N]

The checkpoint has the shape of Llama 3.2 1B, in bfloat16 (2.5 GB), and is made in the user's cache
folder. Each time is of a process of its own; *cold*: the system was asked to forget the file
before, *warm*: it has just been read. The peak is that of the process that loads, less what it had
taken before.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.folders import cache
from quatrain.models import network
from quatrain.packed import write

CONFIG = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "vocab_size": 128256,
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 16,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "max_position_embeddings": 131072,
    "tie_word_embeddings": True,
}
DTYPES = ("bfloat16", "int8", "int4")
CHUNK = 2**22
LOAD = """
import sys, time
import quatrain, quatrain.engines.native
from quatrain.tasks.memory import peak, resident
before, start = resident(), time.perf_counter()
model = quatrain.load(sys.argv[1], dtype=sys.argv[2], threads=int(sys.argv[3]))
seconds = time.perf_counter() - start
weights = sum(weight.nbytes for weight in model.network.weights.values())
print(seconds, weights, peak() - before)
"""


def checkpoint() -> Path:
    """The folder of the checkpoint, which is made when it is not there."""
    folder = cache() / "llama-1b-bfloat16"
    file = folder / "model.safetensors"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(CONFIG))
        random = np.random.default_rng(1).standard_normal(2**13, dtype=np.float32) * 0.02
        bits = (random.view(np.uint32) >> 16).astype(np.uint16)
        net = network(CONFIG, "config.json")
        shapes = {f"model.{key}": param.shape for key, param, *_ in net.params()}
        del shapes["model.lm_head.weight"]
        tensors = {
            name: np.broadcast_to(bits[: shape[-1]], shape) for name, shape in shapes.items()
        }
        write(draft := file.with_suffix(".draft"), tensors, {})
        os.replace(draft, file)
    return folder


def forget(file: Path) -> None:
    """Ask the system to drop the file's pages."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read(file: Path) -> float:
    """Seconds that reading the file takes, a few megabytes at a time into the same memory."""
    start, buffer = time.perf_counter(), bytearray(CHUNK)
    with file.open("rb", buffering=0) as opened:
        while opened.readinto(buffer):
            pass
    return time.perf_counter() - start


def load(folder: Path, dtype: str, threads: int) -> tuple[float, int, int]:
    """Seconds, bytes of weights, and bytes that the process took at its peak for them."""
    command = [sys.executable, "-c", LOAD, str(folder), dtype, str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, weights, peak = done.stdout.split()
    return float(seconds), int(weights), int(peak)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dtype", nargs="+", default=DTYPES, choices=DTYPES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    folder = checkpoint()
    file = folder / "model.safetensors"
    times: dict[tuple[str, bool], list[float]] = {}
    shares: dict[str, float] = {}
    for _ in range(chosen.rounds):
        for cold in (True, False):
            for what in ("read", *chosen.dtype):
                (forget if cold else read)(file)
                if what == "read":
                    seconds = read(file)
                else:
                    seconds, weights, peak = load(folder, what, chosen.threads)
                    shares[what] = max(shares.get(what, 0), peak / weights)
                times.setdefault((what, cold), []).append(seconds)
    print(f"| {file.stat().st_size / 1e9:.2f} GB | cold, s | warm, s | peak / weights |")
    print("|---|--:|--:|--:|")
    for what in ("read", *chosen.dtype):
        cold, warm = (statistics.median(times[what, is_cold]) for is_cold in (True, False))
        name = "reading the file" if what == "read" else f"load, {what}"
        share = f"{shares[what]:.2f}" if what in shares else ""
        print(f"| {name} | {cold:.2f} | {warm:.2f} | {share} |")


if __name__ == "__main__":
    main()
