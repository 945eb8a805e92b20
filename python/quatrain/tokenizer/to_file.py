"""Texts of any size to ids on disk, in constant memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from quatrain import _core
from quatrain.errors import InputError
from quatrain.files import new_file
from quatrain.tokenizer.ids import each

#: Bytes of text that are read at a time, and bytes of one document that are encoded at a time.
BLOCK, PART = 1 << 22, 1 << 19
#: Documents of an iterator that are encoded at a time, however short.
MANY = 1 << 14
#: A bar is shown for files of more bytes, unless asked for or forbidden.
LONG_WORK = 1 << 24

Width = Literal["uint16", "uint32"]
_Result = tuple[NDArray[np.uint32], NDArray[np.int64]]


class Written(NamedTuple):
    """What `Tokenizer.encode_to_file` wrote.

    Attributes:
        path: the ids of all documents end to end, one dimension, uint16 or uint32.
        offsets_path: int64 [documents + 1]: document i is ``ids[offsets[i] : offsets[i + 1]]``.
        documents: how many documents there are.
        tokens: how many ids there are.
    """

    path: Path
    offsets_path: Path
    documents: int
    tokens: int


def encode_to_file(
    core: Any,
    source: str | os.PathLike[str] | Iterable[str],
    path: Path,
    rule: Any,
    *,
    separator: str | None,
    add_special_tokens: bool,
    dtype: Width | None,
    threads: int,
    progress: bool | None,
    overwrite: bool,
) -> Written:
    """See `Tokenizer.encode_to_file`."""
    between = _separator(separator)
    width = _width(dtype, core.end_id - 1)
    offsets_path = path.with_name(f"{path.stem}.offsets.npy")
    for output in (path, offsets_path):
        if not (output.exists() or output.is_symlink()):
            continue
        if not overwrite:
            raise InputError(f"{output}: exists already; expected a new file or leave to overwrite")
        if output.is_symlink() or not output.is_file():
            raise InputError(f"{output}: is no regular file; expected a new one or such a file")
    encoder = _core.tokenizer.DocumentEncoder(core, add_special_tokens, rule, threads, PART)
    with ExitStack() as stack:
        if isinstance(source, (str, os.PathLike)):
            file = stack.enter_context(_opened(Path(source)))
            size = os.fstat(file.fileno()).st_size
            advance = stack.enter_context(_bar(progress, size))
            results = _encode_file(encoder, file, between, advance)
        elif isinstance(source, (list, tuple)):
            kind = type(source).__name__
            raise InputError(f"source is a {kind}, expected a path, or texts as an iterator")
        else:
            advance = stack.enter_context(_bar(progress, None))
            texts = each(source, "source", "texts, or a path")
            results = _encode_texts(encoder, _apart(texts), advance)
        try:
            with _new_array(path, width) as add_ids, _new_array(offsets_path, np.int64) as add_ends:
                tokens, documents = 0, 0
                add_ends(np.zeros(1, np.int64))
                for ids, ends in results:
                    add_ids(ids)
                    add_ends(ends)
                    tokens += len(ids)
                    documents += len(ends)
        except _SourceError as error:
            raise error.cause from None
        except OSError as error:
            raise InputError(f"{path}: could not be written: {error.strerror or error}") from None
    return Written(path, offsets_path, documents, tokens)


class _SourceError(Exception):
    """Carries an error of the caller's own iterator past those of writing."""

    def __init__(self, cause: OSError):
        self.cause = cause


def _apart(texts: Iterator[str]) -> Iterator[str]:
    try:
        yield from texts
    except OSError as error:
        raise _SourceError(error) from None


def _separator(separator: object) -> bytes:
    if separator is None:
        return b""
    if not isinstance(separator, str) or not separator:
        raise InputError(f"separator is {separator!r}, expected a text, or None for one document")
    try:
        return separator.encode()
    except UnicodeEncodeError:
        raise InputError(
            f"separator is {separator!a}, which has a lone surrogate that UTF-8 cannot express"
        ) from None


def _width(dtype: Width | None, max_id: int) -> Any:
    if dtype not in (None, "uint16", "uint32"):
        raise InputError(f"dtype is {dtype!r}, expected 'uint16' or 'uint32'")
    fits = max_id < 2**16
    if dtype == "uint16" and not fits:
        raise InputError(f"dtype is 'uint16', but ids go up to {max_id}")
    return np.uint32 if dtype == "uint32" or not fits else np.uint16


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def _encode_file(
    encoder: Any, file: BinaryIO, separator: bytes, advance: Callable[[int], None]
) -> Iterator[_Result]:
    is_last = False
    while not is_last:
        block = file.read(BLOCK)
        is_last = not block
        try:
            yield encoder.push(block, separator, is_last)
        except InputError as error:
            raise InputError(f"{file.name}: {error}") from None
        advance(len(block))


def _encode_texts(
    encoder: Any, texts: Iterable[str], advance: Callable[[int], None]
) -> Iterator[_Result]:
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text) if isinstance(text, str) else 0  # the core refuses others
        if size >= BLOCK or len(batch) == MANY:
            yield encoder.encode(batch)
            advance(len(batch))
            batch, size = [], 0
    yield encoder.encode(batch)
    advance(len(batch))


@contextmanager
def _new_array(path: Path, dtype: Any) -> Iterator[Callable[[NDArray[Any]], None]]:
    """A one-dimensional ``.npy`` that grows, and that appears once it is complete."""
    kind = np.dtype(dtype)
    count = 0

    def header(size: int) -> None:
        # NumPy leaves room for the growth of a dimension: the header's length stays.
        npy.write_array_header_1_0(
            file, {"descr": npy.dtype_to_descr(kind), "fortran_order": False, "shape": (size,)}
        )

    def add(values: NDArray[Any]) -> None:
        nonlocal count
        file.write(values.astype(kind, copy=False).data)
        count += len(values)

    with new_file(path) as draft, draft.open("wb") as file:
        header(0)
        begin = file.tell()
        yield add
        file.seek(0)
        header(count)
        if file.tell() != begin:
            raise AssertionError("the header of a .npy file changed its length")


@contextmanager
def _bar(progress: bool | None, size: int | None) -> Iterator[Callable[[int], None]]:
    if progress is None:
        progress = (size is None or size >= LONG_WORK) and sys.stderr.isatty()
    if not progress:
        yield lambda _: None
        return
    from rich import progress as rich
    from rich.console import Console

    columns: list[Any] = [rich.TextColumn("tokenizing"), rich.BarColumn()]
    if size is None:
        columns += [rich.MofNCompleteColumn(), rich.TextColumn("documents")]
    else:
        columns += [rich.DownloadColumn(), rich.TransferSpeedColumn(), rich.TimeRemainingColumn()]
    with rich.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("tokenizing", total=size)
        yield lambda amount: bar.advance(task, amount)
