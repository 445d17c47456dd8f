"""The contents of a copy of a database, written down once and compared with later, in the form of ``sha256sum``."""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from abawbench.contracts import DataError
from abawbench.contracts.problems import Problem
from abawbench.contracts.text import leads_back
from abawbench.progress import Progress
from abawbench.system.files import replace_file
from abawbench.system.processes import map_in_processes

_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def hash_files(root: Path, jobs: int, progress: Progress) -> Mapping[str, str]:
    """Return the SHA-256 of every file below a root, by its path from there. Raises DataError for one unreadable."""
    folders = sorted(_walk(root))
    found: dict[str, str] = {}
    with progress.bar("hashing", sum(len(names) for _, names in folders), "file") as advance:
        for own in map_in_processes(partial(_hash_folder, root), folders, jobs, chunk=1 + len(folders) // 2000):
            found |= own
            advance(len(own))
    return found


def _walk(root: Path) -> Iterator[tuple[str, list[str]]]:
    for folder, inside, names in os.walk(root, followlinks=True):
        inside[:] = sorted(name for name in inside if not leads_back(folder, name))
        yield folder, sorted(name for name in names if os.path.isfile(f"{folder}/{name}"))


def _hash_folder(root: Path, folder: tuple[str, Sequence[str]]) -> dict[str, str]:
    where, names = folder
    found = {}
    for name in names:
        path = Path(where, name)
        try:
            with path.open("rb") as file:
                found[path.relative_to(root).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise DataError(
                f"{path}: cannot be read ({error.strerror}); mend it before its contents are noted"
            ) from error
    return found


def write_hashes(file: Path, hashes: Mapping[str, str]) -> None:
    """Write a file that ``sha256sum --check`` reads in the root, whole or not at all."""
    with replace_file(file) as temporary:
        temporary.write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(hashes.items())), "utf-8")


def read_hashes(file: Path) -> Mapping[str, str]:
    """Return the SHA-256 by path. Raises DataError naming file and line for what is none of ours."""
    found = {}
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read ({error}); name a file that --hash wrote") from error
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise DataError(f"{file}:{number}: expected a SHA-256 and a path, found {line[:60]!r}; write the file anew")
        found[match[2]] = match[1]
    return found


def compare_hashes(known: Mapping[str, str], found: Mapping[str, str], file: Path) -> list[Problem]:
    """Return a problem for every file whose contents differ from the known ones, that is gone, or that is new."""
    problems = [
        Problem(name, f"has other contents than {file.name} says; 'touch' its folder, so that runs list it anew")
        for name in sorted(known.keys() & found.keys())
        if known[name] != found[name]
    ]
    problems += [Problem(name, f"is in {file.name} and is gone") for name in sorted(known.keys() - found.keys())]
    new = sorted(found.keys() - known.keys())
    return problems + [Problem(name, f"is not in {file.name}", extra=True) for name in new]
