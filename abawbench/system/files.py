"""Files that a reader sees whole or not at all."""

import errno
import hashlib
import os
import re
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{32}\.tmp|\.tmp[A-Za-z0-9]{6}")
"""Names that ``replace_file`` gives, and those under which safetensors writes what it is given to write."""


MOST = 64 * 2**20
"""Bytes of a file that is read whole."""


def read_whole(path: Path, most: int = MOST) -> bytes:
    """Return the bytes of a regular file. Raises OSError for anything else (a pipe never ends) and for a larger one."""
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        if about.st_size > most:
            raise OSError(errno.EFBIG, f"larger than {most / 2**20:.0f} MiB", str(path))
        return file.read(most + 1)


def require_folder(folder: Path) -> Path:
    """Return the absolute path of a folder that is there or can be made. Raises OSError naming what is in its way."""
    folder = folder.absolute()
    there = next(one for one in (folder, *folder.parents) if os.path.lexists(one))
    if not stat.S_ISDIR(there.stat().st_mode):
        raise NotADirectoryError(errno.ENOTDIR, "not a folder", str(there))
    if there != folder and not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "nothing can be made in this folder", str(there))
    return folder


def require_plain_target(target: Path) -> None:
    """Raise OSError where something other than a regular file has the name that is to be written.

    A rename would replace a device, and a link would be broken or lead elsewhere.
    """
    try:
        mode = os.lstat(target).st_mode
    except OSError:
        return
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFLNK: "a link", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
        what = kinds.get(stat.S_IFMT(mode), "a device")
        raise OSError(
            errno.EINVAL, f"is {what}, and only a file is written or replaced; give another name", str(target)
        )


@contextmanager
def replace_file(target: Path) -> Iterator[Path]:
    """Yield a temporary path in the target's folder that becomes the target when the block ends without an error.

    Raises OSError, as ``require_plain_target`` does, before anything is written.
    """
    require_plain_target(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
        sync(temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file lies on the disk. Raises OSError where it does not fit: some quotas speak up only now."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sweep(folder: Path) -> None:
    """Delete the temporary files that killed processes left in a folder. Only for one that nobody writes to."""
    for path in folder.iterdir():
        if _TEMPORARY.fullmatch(path.name):
            path.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
