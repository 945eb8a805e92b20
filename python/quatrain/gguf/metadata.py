"""The fields that describe a GGUF file's model, typed: what is not understood is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from quatrain.errors import ConfigError

#: No file describes more: a larger number is a mistake, and would cost memory before it is found.
LARGEST, MOST_BLOCKS = 2**24, 4096
_REQUIRED: Any = object()
ARCHITECTURE = "general.architecture"


class Metadata:
    """The fields of one file. Names are without the architecture's own before them.

    Raises ConfigError, naming file and field, for what is missing, of another type or out of range.
    """

    def __init__(self, fields: Mapping[str, Any], file: str) -> None:
        self.fields, self.file = fields, file
        self.architecture = self._typed(ARCHITECTURE, str, "a text", _REQUIRED)
        self._read: set[str] = set()
        self.ignore("vocab_size", "rope.scaling.finetuned", "tensor_data_layout")

    def integer(
        self, name: str, default: Any = _REQUIRED, *, least: int = 1, most: int = LARGEST
    ) -> Any:
        """An integer within bounds."""
        value = self._own(name, int, "an integer, the same for all blocks", default)
        if value is not default and not least <= value <= most:
            self.fail(name, f"an integer from {least} to {most}", value)
        return value

    def choice(self, name: str, options: Mapping[int, str], default: int) -> str:
        """What a number stands for."""
        value = self._own(name, int, "a number", default)
        if value not in options:
            self.fail(name, f"one of {', '.join(map(str, options))}", value)
        return options[value]

    def number(self, name: str, default: Any = _REQUIRED) -> Any:
        """A finite number. Files hold float32: this is the shortest decimal that becomes it."""
        value = self._own(name, float, "a number", default)
        if value is default:
            return default
        if not math.isfinite(value):
            self.fail(name, "a finite number", value)
        single = np.float32(value)
        return float(str(single)) if float(single) == value else value

    def flag(self, name: str, default: bool) -> bool:
        return self._own(name, bool, "true or false", default)

    def text(self, name: str, default: Any = _REQUIRED) -> Any:
        return self._own(name, str, "a text", default)

    def ignore(self, *names: str) -> None:
        """These fields change no number."""
        self._read.update(f"{self.architecture}.{name}" for name in names)

    def refuse_rest(self) -> None:
        """Refuse fields of the architecture that nothing has read, unless they turn nothing on."""
        for name, value in self.fields.items():
            own = name.startswith(f"{self.architecture}.")
            if own and name not in self._read and value not in (0, "", []):
                raise ConfigError(
                    f"{self.file}: {name}: expected no such field, or 0, for it is not supported;"
                    f" found {value!r:.60}"
                )

    def fail(self, name: str, expected: str, found: Any) -> NoReturn:
        raise ConfigError(
            f"{self.file}: {self.architecture}.{name}: expected {expected}, found {found!r:.60}"
        )

    def _own(self, name: str, kind: type, expected: str, default: Any) -> Any:
        full = f"{self.architecture}.{name}"
        self._read.add(full)
        return self._typed(full, kind, expected, default)

    def _typed(self, name: str, kind: type, expected: str, default: Any) -> Any:
        value = self.fields.get(name)
        if value is None:
            if default is _REQUIRED:
                raise ConfigError(f"{self.file}: {name} is missing")
            return default
        if type(value) is not kind:
            raise ConfigError(f"{self.file}: {name}: expected {expected}, found {value!r:.60}")
        return value
