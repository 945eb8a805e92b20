"""What a tokenizer's files are, and what they say, whatever their format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quatrain.errors import TokenizerError
from quatrain.tokenizer.lengths import Padding, Truncation

if TYPE_CHECKING:
    from quatrain.tokenizer.formats.fields import Node


@dataclass(frozen=True)
class Source:
    """The files of a tokenizer: enough to read it again (pickling) and to write it (saving).

    Attributes:
        format: the name of its reader in `quatrain.tokenizer.formats`.
        files: file names and contents; the first is the tokenizer's own, others stand beside it.
        name: the path by which errors call the first file.
        options: what else its reader takes.
        saved: the names of the options that are from `side_files.OPTIONS_FILE`.
    """

    format: str
    files: dict[str, bytes]
    name: str
    options: dict[str, Any] = field(default_factory=dict)
    saved: frozenset[str] = frozenset()

    @property
    def own(self) -> bytes:
        """The contents of the tokenizer's own file."""
        return next(iter(self.files.values()))

    def path_of(self, file: str) -> str:
        """The path by which errors call a file beside the tokenizer's own."""
        return str(Path(self.name).parent / file)


@dataclass(frozen=True)
class Description:
    """What the files say.

    Attributes:
        spec: the core's ``TokenizerSpec``.
        special_ids: the ids that decoding skips.
        truncation, padding: the lengths that the file asks for; callers may change them.
        roles: roles and tokens, as ``{"eos_token": "</s>"}``; each with its place in a file.
        chat_templates: Jinja sources of chat templates by name; the usual one is "default".
        user_defined: the model's own pieces that texts may name, as they name added tokens that
            are not special, and their ids.
    """

    spec: Any
    special_ids: frozenset[int]
    truncation: Truncation | None = None
    padding: Padding | None = None
    roles: dict[str, Node] = field(default_factory=dict)
    chat_templates: dict[str, str] = field(default_factory=dict)
    user_defined: dict[str, int] = field(default_factory=dict)


def read_bytes(path: Path) -> bytes:
    """A file's contents. Raises TokenizerError where it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise TokenizerError(f"{path}: no such file") from None
    except OSError as error:
        raise TokenizerError(f"{path}: cannot be read: {error.strerror}") from None


@dataclass(frozen=True)
class Format:
    """A file format: how it is told from others, and what reads it.

    Attributes:
        name: what users and errors call it.
        read: from the files to what they say.
        names: the file names it may have, as shell patterns; the first match of these decides
            which file of a folder is the tokenizer's.
        any_name: further patterns, for files that a user names and no folder is searched for.
        begins: whether a file that begins with these bytes is of this format.
        options: the names of what else the reader takes.
        companion: the name of a second file that belongs to the first.
        saved_as: the name under which a file is written, if not its own.
        load: the contents to keep of the file at a path.
    """

    name: str
    read: Callable[[Source], Description]
    names: tuple[str, ...]
    begins: Callable[[bytes], bool]
    any_name: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    companion: Callable[[str], str] | None = None
    saved_as: str | None = None
    load: Callable[[Path], bytes] = read_bytes

    def own_name(self, name: str) -> str:
        """The name under which a file is written: one by which a folder's search finds it."""
        if self.saved_as is not None or self.goes_by(name):
            return self.saved_as or name
        return name + self.names[-1].removeprefix("*")

    def goes_by(self, name: str) -> bool:
        """Whether a folder's search takes a file of this name for one of the format."""
        return any(fnmatchcase(name, pattern) for pattern in self.names)

    def may_be(self, name: str) -> bool:
        """Whether a file of this name may be one of the format."""
        return self.goes_by(name) or any(fnmatchcase(name, p) for p in self.any_name)
