"""Where a model's files are: a folder, a GGUF file, or a repository on the Hugging Face hub."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

from quatrain.errors import CheckpointError

#: What a snapshot needs; nothing pickled, nothing for other frameworks.
PATTERNS = [
    "*.json",
    "*.safetensors",
    "*.txt",
    "*/config.json",
    "*.model",
    "*.spm",
    "*.tiktoken",
    "*.jinja",
]
GGUF = ".gguf"


def resolve(
    path_or_id: str | os.PathLike[str],
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    token: str | None = None,
    *,
    expected: str = "a model folder or a .gguf file",
) -> Path:
    """The folder or GGUF file of ``path_or_id``: itself if it is one, else the hub's.

    On the hub, an id is that of a repository, or that of a GGUF file in one (``owner/name/file``);
    of a repository that has its weights in a single GGUF file alone, it is that file.
    The hub's local cache is used first, and alone when the hub cannot be reached or
    ``HF_HUB_OFFLINE`` is set. Raises CheckpointError when there is neither; ``expected`` says what
    the caller looked for.
    """
    path = Path(path_or_id).expanduser()
    name = os.fspath(path_or_id)
    if name and (path.is_dir() or (path.is_file() and path.suffix == GGUF)):
        return path
    parts = PurePosixPath(name).parts
    named = name.endswith(GGUF) and len(parts) > 2 and ".." not in parts
    outside = name.startswith((".", "/", "~")) or (name.count("/") > 1 and not named)
    if not name or path.exists() or outside:
        raise CheckpointError(f"{name}: expected {expected}, found none there")
    where = {
        "revision": revision,
        "cache_dir": None if cache_dir is None else Path(cache_dir),
        "token": token,
    }
    # Imported here: it is slow to import, and folders do not need it.
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        if named:
            return fetched("/".join(parts[:2]), "/".join(parts[2:]), where)
        return snapshot(name, where)
    except HFValidationError as e:
        raise CheckpointError(f"{name}: neither a folder nor a hub id: {e}") from None
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as e:
        reason = str(e).strip().splitlines()[0] if str(e).strip() else type(e).__name__
        raise CheckpointError(
            f"{name}: no such folder, and the hub's snapshot could not be had: {reason}"
        ) from None


def snapshot(id: str, where: dict[str, Any]) -> Path:
    """The folder of a repository's files, or the one GGUF file that has its weights."""
    import huggingface_hub

    folder = Path(huggingface_hub.snapshot_download(id, allow_patterns=PATTERNS, **where))
    if any(folder.glob("*.safetensors")):
        return folder
    try:
        api = huggingface_hub.HfApi(token=where["token"])
        listed = api.list_repo_files(id, revision=where["revision"])
    except Exception:  # of whichever HTTP client the hub's own has: it cannot be reached
        return folder  # with what the cache holds
    files = [name for name in listed if name.endswith(GGUF)]
    if len(files) > 1:
        raise CheckpointError(
            f"{id}: expected one GGUF file, found {', '.join(files)}: name one of them, such as"
            f" {id}/{files[0]}"
        )
    return fetched(id, files[0], where) if files else folder


def fetched(id: str, name: str, where: dict[str, Any]) -> Path:
    """A file of a repository."""
    import huggingface_hub

    return Path(huggingface_hub.hf_hub_download(id, name, **where))
