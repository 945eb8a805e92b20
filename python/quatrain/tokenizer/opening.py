"""From a path to a tokenizer's files: which format it is, by name and contents; and back."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from quatrain.errors import InputError, TokenizerError
from quatrain.files import brief, new_file
from quatrain.tokenizer.description import Format, Source, read_bytes
from quatrain.tokenizer.formats import FORMATS
from quatrain.tokenizer.formats.fields import parse
from quatrain.tokenizer.formats.side_files import OPTIONS_FILE, SIDE_FILES, TEMPLATE_FOLDER

_HEAD_BYTES = 4096
_TEMPLATE_NAME = re.compile(re.escape(TEMPLATE_FOLDER) + r"/[^/\\\0]+\.jinja")


def open_file(path: Path, options: dict[str, Any]) -> Source:
    """The files of the tokenizer at ``path``, a file, and those beside it.

    The option ``format`` names one of `FORMATS` in place of the file's name and contents.

    Raises:
        TokenizerError: the file cannot be read, or its name or contents are of no known format.
        InputError: the format has no such option, or there is no such format.
    """
    if path.is_dir():
        raise TokenizerError(f"{path}: a folder, expected a file; from_pretrained takes folders")
    saved = _saved_options(path.parent)
    format = _asked(saved | options)
    if format is None:
        # Names that say more come before those that any file may have.
        known = [format for format in FORMATS.values() if format.may_be(path.name)]
        candidates = sorted(known, key=lambda format: not format.goes_by(path.name))
        if not candidates:
            raise TokenizerError(
                f"{path}: no format goes by that file name; name it (format=...) or the file; "
                f"known: {file_names(FORMATS.values(), elsewhere=True)}"
            )
        format = _by_contents(path, candidates)
    return _open(path, format, saved, options)


def open_folder(
    folder: Path, options: dict[str, Any], defaults: Mapping[str, Any] = MappingProxyType({})
) -> Source:
    """The files of the tokenizer in a folder: those of the first format that it holds.

    ``defaults`` are options, where the format has them and neither the files nor ``options`` do.

    Raises:
        TokenizerError, InputError: see `open_file`; or no file of the folder is a tokenizer's.
    """
    saved = _saved_options(folder)
    format = _asked(saved | options)
    searched = list(FORMATS.values()) if format is None else [format]
    found = _find(folder, searched, forced=format is not None)
    if found is None:
        raise TokenizerError(f"{folder}: no tokenizer there; looked for {file_names(searched)}")
    path, format = found
    wanted = set(format.options) - set(saved)
    options = {n: v for n, v in defaults.items() if n in wanted} | options
    return _open(path, format, saved, options)


def format_in(folder: Path) -> str | None:
    """The name of the format of the tokenizer that `open_folder` would open, if there is one.

    Raises:
        TokenizerError: see `open_folder`.
    """
    found = _find(folder, list(FORMATS.values()), forced=False)
    return None if found is None else found[1].name


def file_names(formats: Iterable[Format], *, elsewhere: bool = False) -> str:
    """The file names of formats; those too that no folder is searched for, if asked."""
    return "; ".join(
        f"{format.name} ({', '.join(format.names + format.any_name * elsewhere)})"
        for format in formats
    )


def check_files(own: object, side_files: Mapping[str, object]) -> None:
    """Refuses contents that are no bytes, and names that `open_folder` would not read."""
    for name, data in {"data": own, **side_files}.items():
        if not isinstance(data, bytes):
            raise InputError(f"{name} is {type(data).__name__}, expected bytes")
    for name in side_files:
        if name not in SIDE_FILES and not _TEMPLATE_NAME.fullmatch(name):
            known = ", ".join(SIDE_FILES)
            raise InputError(
                f"side_files has {name!r:.200}, expected {known} or {TEMPLATE_FOLDER}/NAME.jinja"
            )


def write(source: Source, folder: Path) -> None:
    """Writes a tokenizer's files, so that `open_folder` opens the same tokenizer.

    Raises:
        InputError: the folder holds files that would make it another one, or cannot be written.
    """
    files = dict(source.files)
    if source.options:
        files[OPTIONS_FILE] = json.dumps(source.options, indent=2).encode()
    try:
        _refuse_others(folder, files, FORMATS[source.format])
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with new_file(folder / name) as draft:
                draft.write_bytes(data)
    except OSError as error:
        raise InputError(f"{folder}: could not be written: {error.strerror or error}") from None


def _refuse_others(folder: Path, files: dict[str, bytes], format: Format) -> None:
    """Refuses a folder of which `open_folder` would read other files, too or instead."""
    if not folder.is_dir():
        return
    formats = list(FORMATS.values())
    searched = formats[: formats.index(format) + 1]
    read = [path.name for other in searched for path in _named(folder, other)]
    read += [n for n in (OPTIONS_FILE, *SIDE_FILES, *_templates(folder)) if (folder / n).exists()]
    if others := ", ".join(dict.fromkeys(name for name in read if name not in files)):
        raise InputError(f"{folder}: holds {others}, which would be read too; expected none there")
    own, data = next(iter(files.items()))
    if format.saved_as is None and own in read and read_bytes(folder / own) != data:
        raise InputError(f"{folder / own}: exists already, and holds more than this vocabulary")


def _asked(options: dict[str, Any]) -> Format | None:
    """The format that the options name, if they do."""
    if "format" not in options:
        return None
    name = options["format"]
    if not isinstance(name, str) or name not in FORMATS:
        raise InputError(f"format is {name!r}, expected one of {', '.join(FORMATS)}")
    return FORMATS[name]


def _open(path: Path, format: Format, saved: dict[str, Any], options: dict[str, Any]) -> Source:
    folder = path.parent
    for name in saved | options:
        if name not in ("format", *format.options):
            message = f"{format.name} has no option {name!r}; known: "
            message += ", ".join(format.options) or "none"
            if name in options:
                raise InputError(f"{path}: {message}")
            raise TokenizerError(brief(f"{folder / OPTIONS_FILE}: {message}"))
    own = format.own_name(path.name)
    files = {own: format.load(path)}
    if format.companion is not None:
        files[format.companion(own)] = read_bytes(folder / format.companion(path.name))
    for name in (*SIDE_FILES, *_templates(folder)):
        if (folder / name).is_file():
            files.setdefault(name, read_bytes(folder / name))
    return Source(
        format.name, files, os.fspath(path), saved | options, frozenset(saved) - set(options)
    )


def _find(folder: Path, formats: list[Format], *, forced: bool) -> tuple[Path, Format] | None:
    """The tokenizer's own file in a folder, and the first of the formats that it is of."""
    for format in formats:
        found = _named(folder, format)
        if not forced:
            # Several formats share a file name: the contents decide.
            alike = [f for f in formats if any(f.goes_by(path.name) for path in found)]
            found = [path for path in found if _by_contents(path, alike) is format]
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise TokenizerError(f"{folder}: several tokenizers: {names}; from_file takes one")
        if found:
            return found[0], format
    return None


def _named(folder: Path, format: Format) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_file() and format.goes_by(p.name))


def _by_contents(path: Path, candidates: list[Format]) -> Format:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except FileNotFoundError:
        raise TokenizerError(f"{path}: no such file") from None
    except OSError as error:
        raise TokenizerError(f"{path}: cannot be read: {error.strerror}") from None
    for format in candidates:
        if format.begins(head):
            return format
    names = " or ".join(format.name for format in candidates)
    raise TokenizerError(f"{path}: begins with {head[:16]!r}, not as {names} does")


def _templates(folder: Path) -> list[str]:
    paths = sorted((folder / TEMPLATE_FOLDER).glob("*.jinja"))
    return [f"{TEMPLATE_FOLDER}/{path.name}" for path in paths]


def _saved_options(folder: Path) -> dict[str, Any]:
    """The options with which a folder's tokenizer was saved, if it was saved with any."""
    path = folder / OPTIONS_FILE
    if not path.is_file():
        return {}
    root = parse(read_bytes(path), str(path))
    if "format" in root.names():
        root.child("format").choice(FORMATS)
    return {name: root.child(name).value for name in root.names()}
