"""The exceptions quatrain raises for bad input.

Every message is one line: the file and field (or operation and argument) at fault, what was
found, and what was expected. Anything else that escapes quatrain is a bug.
"""

from __future__ import annotations


class QuatrainError(Exception):
    """Base of every exception that quatrain raises on purpose."""


class CheckpointError(QuatrainError):
    """A model folder or one of its files is missing, truncated or not what its name says."""


class ConfigError(CheckpointError):
    """A field of ``config.json`` (or of another settings file) is missing or unsupported."""


class WeightError(CheckpointError):
    """A tensor is missing, unused, misshapen or of an unsupported dtype."""


class TokenizerError(CheckpointError):
    """A tokenizer file is malformed or asks for a component that quatrain does not know."""


class InputError(QuatrainError, ValueError):
    """An argument has the wrong shape, dtype, range or type."""


class EngineError(QuatrainError):
    """An engine cannot run here; the message says what to install or change."""


class ExportError(QuatrainError):
    """An export could not be completed; nothing that looks finished is left behind."""


class ParityError(QuatrainError):
    """Two engines disagree beyond the tolerance."""
