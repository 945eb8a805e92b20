"""Where a model's files are: a folder, or a repository on the Hugging Face hub."""

from __future__ import annotations

import os
from pathlib import Path

from quatrain.errors import CheckpointError

#: What a snapshot needs; nothing pickled, nothing for other frameworks.
PATTERNS = ["*.json", "*.safetensors", "*.txt", "*/config.json", "*.model", "*.tiktoken", "*.jinja"]


def resolve(
    path_or_id: str | os.PathLike[str],
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    token: str | None = None,
    *,
    expected: str = "a model folder",
) -> Path:
    """The folder of ``path_or_id``: itself if it is one, else the hub's snapshot of that id.

    The hub's local cache is used first, and alone when the hub cannot be reached or
    ``HF_HUB_OFFLINE`` is set. Raises CheckpointError when there is neither; ``expected`` says what
    the caller looked for.
    """
    path = Path(path_or_id).expanduser()
    name = os.fspath(path_or_id)
    if name and (path.is_dir() or path.is_file()):
        return path
    if not name or path.exists() or name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise CheckpointError(f"{name}: expected {expected}, found none there")
    # Imported here: it is slow to import, and folders do not need it.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                name,
                revision=revision,
                cache_dir=None if cache_dir is None else Path(cache_dir),
                token=token,
                allow_patterns=PATTERNS,
            )
        )
    except HFValidationError as e:
        raise CheckpointError(f"{name}: neither a folder nor a hub id: {e}") from None
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as e:
        reason = str(e).strip().splitlines()[0] if str(e).strip() else type(e).__name__
        raise CheckpointError(
            f"{name}: no such folder, and the hub's snapshot could not be had: {reason}"
        ) from None
