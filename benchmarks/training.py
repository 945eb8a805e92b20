"""Training of tokenizers beside the peers': time, memory, and what is learned.

    python -m benchmarks.training --text FILE... [--vocab-size 32000] [--threads 2]

Each engine runs in a process of its own, several times over in rounds, and times itself from the
files to the tokenizer. Every hundredth line is held out; on these, Unigram models are compared.
Without ``--text`` it takes the English, Spanish and Ukrainian sentences of the tests' material.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.report import conditions

ROOT = Path(__file__).resolve().parents[1]
ALGORITHMS = ("bpe", "wordpiece", "unigram")
HELD_OUT = 100

Train = Callable[[str, str, int, int], str]


def quatrain(algorithm: str, file: str, vocab_size: int, threads: int) -> str:
    from quatrain import Tokenizer

    made = Tokenizer.train(file, algorithm, vocab_size, threads=threads, progress=False)
    with tempfile.TemporaryDirectory() as folder:
        made.save(folder)
        return (Path(folder) / "tokenizer.json").read_text(encoding="utf-8")


def tokenizers(algorithm: str, file: str, vocab_size: int, threads: int) -> str:
    """With the surroundings of our presets."""
    os.environ["RAYON_NUM_THREADS"] = str(threads)
    import tokenizers as peer

    from quatrain.tokenizer.training.presets import preset

    name = {"bpe": "gpt2", "wordpiece": "bert-uncased", "unigram": "t5"}[algorithm]
    fields = preset(name)
    special = [token["content"] for token in fields["added_tokens"]]
    model = {"bpe": peer.models.BPE, "unigram": peer.models.Unigram}.get(algorithm)
    made = peer.Tokenizer(model() if model else peer.models.WordPiece(unk_token="[UNK]"))
    empty = json.loads(peer.Tokenizer(peer.models.BPE()).to_str())
    parts = {part: fields.get(part) for part in ("normalizer", "pre_tokenizer", "decoder")}
    outside = peer.Tokenizer.from_str(json.dumps(empty | parts))
    for part in parts:
        if getattr(outside, part) is not None:
            setattr(made, part, getattr(outside, part))
    options: dict[str, Any] = {"special_tokens": special, "show_progress": False}
    if algorithm == "bpe":
        options["initial_alphabet"] = peer.pre_tokenizers.ByteLevel.alphabet()
        trainer = peer.trainers.BpeTrainer(vocab_size=vocab_size, **options)
    elif algorithm == "wordpiece":
        trainer = peer.trainers.WordPieceTrainer(vocab_size=vocab_size, **options)
    else:
        trainer = peer.trainers.UnigramTrainer(vocab_size=vocab_size, unk_token="<unk>", **options)
    made.train([file], trainer)
    return str(made.to_str())


def sentencepiece(algorithm: str, file: str, vocab_size: int, threads: int) -> str:
    """For orientation: it cuts and normalizes text in its own way. It knows no WordPiece."""
    import sentencepiece as peer

    with tempfile.TemporaryDirectory() as folder:
        peer.SentencePieceTrainer.train(
            input=file, model_prefix=f"{folder}/model", vocab_size=vocab_size,
            model_type=algorithm, num_threads=threads, character_coverage=1.0, minloglevel=2,
        )  # fmt: skip
    return "{}"


ENGINES: dict[str, Train] = {
    "quatrain": quatrain,
    "tokenizers": tokenizers,
    "sentencepiece": sentencepiece,
}


def work(engine: str, algorithm: str, file: str, vocab_size: str, threads: str, out: str) -> None:
    """One engine, once; the last line on standard output says what it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    made = ENGINES[engine](algorithm, file, int(vocab_size), int(threads))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    Path(out).write_text(made, encoding="utf-8")
    print(json.dumps({"wall": wall, "cpu": cpu, "memory": peak_memory()}))


def peak_memory() -> float:
    """MB. (What getrusage says counts what the parent had before this process began.)"""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def quality(file: Path, lines: list[str]) -> tuple[float, float]:
    """Of a Unigram model: the best cuts' log probability, and tokens, per character."""
    from quatrain import Tokenizer

    model = json.loads(file.read_text(encoding="utf-8"))["model"]
    scores = [score for _, score in model["vocab"]]
    scores[model["unk_id"]] = min(scores) - 10
    batch = Tokenizer.from_file(file).encode_batch(lines, add_special_tokens=False)
    ids = [i for encoding in batch for i in encoding.ids]
    size = sum(map(len, lines))
    return sum(scores[i] for i in ids) / size, len(ids) / size


def learned(algorithm: str, files: dict[str, Path], lines: list[str]) -> str:
    """What is to be said of the models beside each other."""
    if algorithm == "unigram":
        found = {engine: quality(file, lines) for engine, file in files.items()}
        return "; ".join(
            f"{engine}: {likelihood:.4f} log probability and {length:.4f} tokens a character"
            for engine, (likelihood, length) in found.items()
        )
    models = [json.loads(file.read_text(encoding="utf-8"))["model"] for file in files.values()]
    alike = len(models[0]["vocab"].keys() & models[-1]["vocab"].keys())
    equal = all(model == models[0] for model in models)
    return "equal models" if equal else f"{alike} of {len(models[0]['vocab'])} tokens in both"


def run(
    algorithm: str, text: str, lines: list[str], given: argparse.Namespace, folder: Path
) -> None:
    """The table of one algorithm."""
    samples: dict[str, list[dict[str, float]]] = {}
    engines = [name for name in ENGINES if importlib.util.find_spec(name) is not None]
    if algorithm == "wordpiece":
        engines.remove("sentencepiece")
    for _ in range(given.rounds):
        for engine in engines:
            command = [engine, algorithm, text, str(given.vocab_size), str(given.threads)]
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.training", "--work", *command,
                 str(folder / f"{engine}.json")],
                cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True,
            )  # fmt: skip
            samples.setdefault(engine, []).append(json.loads(done.stdout.splitlines()[-1]))
    print(f"\n### {algorithm}, {given.vocab_size} tokens, {given.threads} threads\n")
    print("| engine | s | CPU s | MB | s / quatrain's | CPU s / quatrain's |")
    print("|---|--:|--:|--:|--:|--:|")
    ours = samples["quatrain"]
    for engine, found in samples.items():
        wall, cpu, memory = (
            median(sample[name] for sample in found) for name in ("wall", "cpu", "memory")
        )
        ratios = (
            value / median(sample[name] for sample in ours)
            for name, value in (("wall", wall), ("cpu", cpu))
        )
        cells = [engine, f"{wall:.2f}", f"{cpu:.2f}", f"{memory:.0f}"]
        print(f"| {' | '.join([*cells, *(f'{ratio:.1f}' for ratio in ratios)])} |")
    comparable = {
        name: folder / f"{name}.json" for name in ("quatrain", "tokenizers") if name in samples
    }
    print(f"\n{learned(algorithm, comparable, lines)}.", flush=True)


def main() -> None:
    if sys.argv[1:2] == ["--work"]:
        return work(*sys.argv[2:])
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("algorithms", nargs="*", default=ALGORITHMS, metavar="ALGORITHM")
    parser.add_argument("--text", nargs="+", type=Path, metavar="FILE", help="UTF-8 files")
    parser.add_argument("--megabytes", type=float, default=32, help="of the text to use (32)")
    parser.add_argument("--vocab-size", type=int, default=32000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    if given.text is None:
        data = os.environ.get("QUATRAIN_TEST_DATA")
        if not data:
            parser.error("give --text, or set QUATRAIN_TEST_DATA (see .ci/material.py)")
        given.text = [Path(data) / "text" / name for name in ("spa.tsv", "ukr.tsv")]
    size = int(given.megabytes * 1e6)
    share = size // len(given.text)
    lines: list[str] = []
    for path in given.text:
        with path.open("rb") as file:
            lines += file.read(share).decode("utf-8", "ignore").splitlines(keepends=True)
    with tempfile.TemporaryDirectory() as name:
        text = Path(name) / "text"
        kept = "".join(line for i, line in enumerate(lines) if i % HELD_OUT)
        text.write_text(kept, encoding="utf-8", newline="")
        print(", ".join(f"{key} {value}" for key, value in conditions().items()))
        print(f"{len(kept.encode()) / 1e6:.1f} MB of {', '.join(p.name for p in given.text)}")
        for algorithm in given.algorithms:
            run(algorithm, str(text), lines[::HELD_OUT], given, Path(name))


if __name__ == "__main__":
    main()
