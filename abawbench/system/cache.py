"""Where abawbench keeps what it can make again: synthetic databases and features of frozen networks."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the cache folder: ``$ABAWBENCH_CACHE``, else ``abawbench`` under the user's cache folder."""
    chosen = os.environ.get("ABAWBENCH_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base).expanduser() if base else Path.home() / ".cache") / "abawbench"
