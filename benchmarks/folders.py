"""Where the benchmarks keep what they made, between runs."""

from __future__ import annotations

import os
from pathlib import Path


def cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "quatrain" / "benchmarks"
