"""The texts that a tokenizer is trained on, read in blocks and counted."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from quatrain.errors import InputError
from quatrain.tokenizer.training.progress import Stages

FilePath = str | os.PathLike[str]
Texts = FilePath | Sequence[FilePath] | Iterable[str]

#: Bytes of text handed to the core at once: between two blocks Ctrl-C is answered.
_BLOCK = 1 << 22


def count(source: Any, counter: Any, threads: int, stages: Stages) -> None:
    """Gives the core's ``WordCounter`` all texts of a `Texts`.

    Raises:
        InputError: see `Tokenizer.train`.
    """
    if isinstance(source, str | os.PathLike):
        source = [source]
    if isinstance(source, list | tuple):
        _count_files([_checked(path) for path in source], counter, threads, stages)
    elif isinstance(source, Iterable):
        _count_texts(source, counter, threads, stages)
    else:
        kind = type(source).__name__
        raise InputError(f"source is {kind}, expected a path, a list of paths, or texts")


def _checked(path: object) -> Path:
    if not isinstance(path, str | os.PathLike):
        kind = type(path).__name__
        raise InputError(f"source has {kind}, expected paths (give texts as an iterator)")
    try:
        found = Path(path)
        is_file = found.is_file()
    except (OSError, ValueError):  # too long a name, or a null byte in it
        is_file = False
    if not is_file:
        name = os.fspath(path)
        raise InputError(
            f"{name!r:.200}: no such file (a list is of paths; give texts as an iterator)"
        )
    return found


def _count_files(paths: list[Path], counter: Any, threads: int, stages: Stages) -> None:
    report = stages.stage("Reading files")
    total = sum(path.stat().st_size for path in paths)
    done = 0
    for path in paths:
        offset = 0
        for block in _blocks(path):
            if not counter.add_lines(block, threads):
                try:
                    block.decode()
                except UnicodeDecodeError as error:
                    raise InputError(f"{path}: not UTF-8 at byte {offset + error.start}") from None
            offset += len(block)
            done += len(block)
            report(done, max(done, total))


def _blocks(path: Path) -> Iterator[bytes]:
    """A file in blocks of whole lines."""
    kept: list[bytes] = []
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                cut = block.rfind(b"\n") + 1
                if cut:
                    yield b"".join([*kept, block[:cut]])
                    kept = []
                kept.append(block[cut:])
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if last := b"".join(kept):
        yield last


def _count_texts(texts: Iterable[str], counter: Any, threads: int, stages: Stages) -> None:
    report = stages.stage("Reading texts")
    batch: list[str] = []
    size = done = 0
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"text {index} is {type(text).__name__}, expected a str")
        batch.append(text)
        size += len(text)
        if size >= _BLOCK:
            done = _add_texts(batch, done, counter, threads)
            report(done, 0)
            batch, size = [], 0
    _add_texts(batch, done, counter, threads)


def _add_texts(batch: list[str], done: int, counter: Any, threads: int) -> int:
    try:
        counter.add_texts(batch, threads)
    except UnicodeEncodeError:
        index = next(i for i, text in enumerate(batch) if not _is_text(text))
        raise InputError(
            f"text {done + index} has a lone surrogate, which UTF-8 cannot express"
        ) from None
    return done + len(batch)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
