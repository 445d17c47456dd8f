"""Where abawbench keeps what it can make again: synthetic databases and features of frozen networks."""

import os
from pathlib import Path

from abawbench.contracts.errors import UsageError


def cache_folder() -> Path:
    """Return the cache folder: ``$ABAWBENCH_CACHE``, else ``abawbench`` under the user's cache folder.

    Raises UsageError where neither says where that is.
    """
    chosen = os.environ.get("ABAWBENCH_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base).expanduser() if base else Path.home() / ".cache") / "abawbench"
    except RuntimeError as error:  # neither HOME nor an entry in the list of users
        raise UsageError("this user has no home folder; set ABAWBENCH_CACHE to a folder for the cache") from error


def name_user() -> None:
    """Give a user without an entry in the list of users a name: libraries ask for it when they are imported."""
    if any(os.environ.get(name) for name in ("LOGNAME", "USER", "LNAME", "USERNAME")) or not hasattr(os, "getuid"):
        return
    import pwd

    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        os.environ["USER"] = f"uid-{os.getuid()}"
