"""Reading settings strictly and writing files whole."""

from __future__ import annotations

import gc
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from quatrain import _core
from quatrain.errors import CheckpointError, ConfigError, ExportError, InputError


def read_json(path: Path) -> Any:
    """A JSON file's value; see ``parse_json``. Raises CheckpointError naming the file."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file") from None
    except OSError as e:
        raise CheckpointError(f"{path}: cannot be read: {e.strerror}") from None
    return parse_json(data, str(path))


def read_fields(path: Path, *, required: bool = False) -> dict[str, Any]:
    """The fields of a JSON object; none where there is no file, unless one is ``required``.

    Raises CheckpointError naming the file, ConfigError if it holds something else.
    """
    if not required and not path.is_file():
        return {}
    fields = read_json(path)
    if not isinstance(fields, dict):
        raise ConfigError(f"{path}: expected an object, found {type(fields).__name__}")
    return fields


def parse_json(
    data: bytes,
    name: str,
    error: type[CheckpointError] = CheckpointError,
    parse_float: Callable[[str], float] = float,
) -> Any:
    """The value of a JSON document. Duplicate keys, NaN and Infinity are refused.

    ``parse_float`` reads the numbers that are not integers.

    Raises ``error`` naming the document and what is wrong with it.
    """
    try:
        with _no_collection():
            value = msgspec.json.Decoder(float_hook=parse_float).decode(data)
        if _core.json.has_all_members(data, value):
            return value
    except (msgspec.DecodeError, ValueError, RecursionError):
        pass
    return _parse_strictly(data, name, error, parse_float)


def _parse_strictly(
    data: bytes, name: str, error: type[CheckpointError], parse_float: Callable[[str], float]
) -> Any:
    """`parse_json` at leisure: it says what is wrong, and takes lone surrogates."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
            raise error(f"{name}: key {twice!r} appears twice in one object")
        return found

    def refuse(constant: str) -> NoReturn:
        raise error(f"{name}: {constant} is not a JSON number")

    try:
        return json.loads(
            data.decode(),
            object_pairs_hook=unique,
            parse_constant=refuse,
            parse_float=parse_float,
        )
    except UnicodeDecodeError as e:
        raise error(f"{name}: not UTF-8 at byte {e.start}") from None
    except (ValueError, RecursionError) as e:
        raise error(f"{name}: not valid JSON: {e}") from None


def brief(message: str) -> str:
    """A message, without the middle of one that quotes something huge."""
    return message if len(message) <= 1000 else f"{message[:700]} ... {message[-200:]}"


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keeps Python from looking for cycles: what a parser makes has none, and is much."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder that appears under ``path`` only once it is complete.

    Yields a temporary sibling to write into; renames it when the block ends without an error,
    removes it otherwise. Raises ExportError if ``path`` exists and is not an empty folder, or
    where it cannot be written.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ExportError(f"{path}: exists already; expected a new or empty folder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            draft.chmod(0o777 & ~_umask())
            yield draft
            os.replace(draft, path)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    except OSError as e:
        raise ExportError(f"{path}: could not be written: {e}") from e


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A file that appears at ``path`` only once it is complete; replaces one that is there.

    Yields a temporary sibling to write into; renames it when the block ends without an error,
    removes it otherwise. Raises InputError if there is no folder to write into.
    """
    if not path.parent.is_dir():
        raise InputError(f"{path}: expected a folder to write into, found no {path.parent}")
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        draft.chmod(0o666 & ~_umask())
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
