"""What the tokenizers are timed on: vocabularies and texts from the tests' material."""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path

from benchmarks.folders import cache
from benchmarks.tokenizer_engines import sentencepiece_model

#: What some vocabulary has as a special token: engines differ in what they do with it by default.
SPECIAL = re.compile(r"<\|.*\|>|</?s>|<(unk|pad|mask|extra_id_\d+)>|\[(CLS|SEP|MASK|PAD|UNK)\]")
#: A document has about so many bytes.
DOCUMENT = 8192


def vocabulary(name: str, data: Path) -> Path:
    """The ``tokenizer.json`` of a name in the tests' list of real tokenizers; of ``NAME.model``,
    the same pieces as a SentencePiece model."""
    if name.endswith(".model"):
        source = vocabulary(name.removesuffix(".model"), data)
        model = source.with_suffix(".model")
        if not model.is_file():
            model.write_bytes(sentencepiece_model(json.loads(source.read_text(encoding="utf-8"))))
        return model
    file = cache() / "tokenizers" / f"{name}.json"
    if not file.is_file():
        sys.path.append(str(Path(__file__).parents[1] / "tests"))
        from real_tokenizers import real

        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(real(name, data))
    return file


def halves(kind: str, data: Path, megabytes: float) -> tuple[Path, Path, float]:
    """Two JSON lists of documents, alike and without one in common, and the bytes of each."""
    text = "\n".join(line for line in TEXTS[kind](data).splitlines() if not SPECIAL.search(line))
    size = DOCUMENT * len(text) // len(text.encode())
    count = int(megabytes * 1e6 / DOCUMENT)
    documents = [text[at : at + size] for at in range(0, len(text) - size, size)][: 2 * count]
    files = []
    for side in (0, 1):
        file = cache() / "texts" / f"{kind}-{megabytes:g}-{side}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(documents[side::2]))
        files.append(file)
    return files[0], files[1], len("".join(documents).encode()) / 2


def english(data: Path) -> str:
    with gzip.open(data / "text" / "english.txt.gz", "rt", encoding="utf-8") as file:
        return file.read()


def chinese(data: Path) -> str:
    """Reviews of books, hotels and wares, in lines."""
    reviews = data / "text" / "chinese"
    return (reviews / "pos.txt").read_text("utf-8") + (reviews / "neg.txt").read_text("utf-8")


def mixed(data: Path) -> str:
    """Lines in turn: English, Spanish, English, Ukrainian, and one of Chinese for every four."""

    def sentences(name: str) -> Iterator[str]:
        for line in (data / "text" / name).read_text(encoding="utf-8").splitlines()[::2]:
            yield "\n".join(line.split("\t")[:2])

    pairs = zip_longest(sentences("spa.tsv"), sentences("ukr.tsv"), fillvalue="")
    reviews = chinese(data).splitlines()
    return "\n".join(f"{a}\n{b}\n{c}" for (a, b), c in zip(pairs, reviews, strict=False))


def code(data: Path) -> str:
    """Python and C++."""
    folder = data / "text"
    files = [*sorted(folder.glob("code/**/*.py")), *sorted(folder.glob("code-cpp/**/*.cpp"))]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


TEXTS: dict[str, Callable[[Path], str]] = {
    "English": english,
    "Chinese": chinese,
    "mixed": mixed,
    "code": code,
}
