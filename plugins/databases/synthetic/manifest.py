"""What a generated folder must hold to be believed complete."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

NAME = "manifest.json"

Digest = tuple[int, str]
"""Bytes and SHA-256 of a file."""


def digest(content: bytes) -> Digest:
    """Return size and SHA-256 of a file's content."""
    return len(content), hashlib.sha256(content).hexdigest()


def write(folder: Path, files: Mapping[str, Digest]) -> None:
    """Write the manifest of a folder: the digest of every other file in it, by path."""
    text = json.dumps({"files": {path: files[path] for path in sorted(files)}}, indent=0)
    (folder / NAME).write_text(text, encoding="utf-8")


def read(folder: Path) -> dict[str, Digest]:
    """Return the digests by path. Raises OSError without a manifest and ValueError for a broken one."""
    files = json.loads((folder / NAME).read_text(encoding="utf-8"))["files"]
    return {path: (int(size), str(sha256)) for path, (size, sha256) in files.items()}


def is_complete(folder: Path) -> bool:
    """Return whether a folder has its manifest and every file in it with the right size; contents are not read."""
    try:
        return all((folder / path).stat().st_size == size for path, (size, _) in read(folder).items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
