"""Finding onnxruntime, and saying what to do where it cannot be used."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from quatrain.errors import EngineError

PACKAGES = ("onnxruntime", "onnxruntime-gpu")


def installed() -> dict[str, str]:
    """Which of the two distributions are installed, with their versions."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def onnxruntime() -> Any:
    """The imported ``onnxruntime`` module.

    Raises EngineError when it is missing, or when onnxruntime and onnxruntime-gpu are both
    installed: they overwrite each other's files, and what remains is undefined.
    """
    found = installed()
    if len(found) > 1:
        raise EngineError(
            "[onnx] onnxruntime and onnxruntime-gpu are both installed and overwrite each other:"
            " run `pip uninstall -y onnxruntime onnxruntime-gpu`, then install"
            " quatrain[cpu] or quatrain[gpu]"
        )
    if not found:
        raise EngineError("[onnx] onnxruntime is not installed: pip install 'quatrain[cpu]'")
    import onnxruntime as ort

    return ort


def session(path: str | os.PathLike[str], threads: int | None) -> Any:
    """An InferenceSession on the CPU provider with ``threads`` threads (None: its own choice)."""
    ort = onnxruntime()
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if threads:
        options.intra_op_num_threads = threads
    made = ort.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])
    used = made.get_providers()
    if used != ["CPUExecutionProvider"]:
        raise EngineError(f"[onnx] expected the CPU provider, onnxruntime chose {used}")
    return made
