"""``python -m benchmarks.perplexity MODEL.gguf TEXT``: what fewer bits cost a decoder.

Reads windows of 512 tokens, evenly spaced in the file of text (which may be gzipped), and prints
the perplexity of each token given those before it in its window: of the reference engine in float64
on the file's dequantised weights, and of the native engine with the weights held in every way that
it can. The same for the file with its matrices requantised to Q8_0.
"""

from __future__ import annotations

import argparse
import gzip
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import quatrain
from quatrain.engines import DTYPES
from quatrain.engines.reference import Reference

WINDOW = 512


def windows(model: quatrain.Model, file: Path, count: int) -> list[list[int]]:
    """``count`` runs of tokens, evenly spaced in a text."""
    data = file.read_bytes()
    text = (gzip.decompress(data) if file.suffix == ".gz" else data).decode()
    ids = model.tokenizer.encode(text, add_special_tokens=False).ids
    starts = np.linspace(0, len(ids) - WINDOW, count).astype(int)
    return [list(ids[start : start + WINDOW]) for start in starts]


def losses(model: quatrain.Model, texts: list[list[int]]) -> np.ndarray:
    """Minus the log probability of every token but the first of each window, in float64."""
    found = []
    for ids in texts:
        logits = model.logits(ids)[:-1]
        most = logits.max(axis=1, keepdims=True)
        total = np.exp(np.subtract(logits, most, dtype=np.float64)).sum(axis=1)
        chosen = logits[np.arange(len(logits)), ids[1:]]
        found.append(np.log(total) + most[:, 0] - chosen)
    return np.concatenate(found)


def requantised(source: Path, target: Path, kind: str) -> Path:
    """The file with its matrices in another type."""
    import gguf

    from quatrain.gguf.folder import GgufFile

    file, reader = GgufFile(source).file, gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    for field in reader.fields.values():
        if not field.name.startswith(("GGUF.", "general.architecture")):
            type, *parts = field.types
            writer.add_key_value(field.name, field.contents(), type, *parts[-1:])
    for name, tensor in file.tensors.items():
        values = file.values(name).reshape(tensor.shape)
        number = gguf.GGMLQuantizationType[kind if len(tensor.shape) == 2 else "F32"]
        writer.add_tensor(name, gguf.quantize(values, number), raw_dtype=number)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


def compared(file: Path, text: Path, count: int, dtypes: list[str | None]) -> Iterator[str]:
    """A line of the table for each way to hold the weights of one file."""
    model = quatrain.load(file, engine="reference").on(Reference(np.float64))
    texts = windows(model, text, count)
    exact = losses(model, texts)
    yield f"| float64 | {math.exp(exact.mean()):.4f} | |"
    for dtype in dtypes:
        found = losses(quatrain.load(file, dtype=dtype), texts)
        more = math.expm1(found.mean() - exact.mean())
        yield f"| {dtype or 'as in the file'} | {math.exp(found.mean()):.4f} | {more:+.3%} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("text", type=Path)
    parser.add_argument("--windows", type=int, default=16)
    given = parser.parse_args()
    head = "\n\n| weights | perplexity | more than in float64 |\n|---|---|---|"
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / "model.gguf"
        for title, file in {
            "The file": given.model,
            "Its matrices as Q8_0": requantised(given.model, again, "Q8_0"),
        }.items():
            print(title + head)
            for line in compared(file, given.text, given.windows, [None, *DTYPES]):
                print(line, flush=True)


if __name__ == "__main__":
    main()
