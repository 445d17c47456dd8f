"""Looking at folders: what is in them, which are ours, and which files do not belong."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from abawbench.contracts.errors import DataError
from abawbench.contracts.problems import Problems
from abawbench.contracts.text import leads_back

_JUNK = {"thumbs.db", "desktop.ini", "__macosx"}
_VIDEO_FOLDER = re.compile(r"batch_?\d*|videos|new_?vids.*|raw.*", re.IGNORECASE)
_LIST_FOLDER = re.compile(r"test|predict|annotation|example|sample|submission", re.IGNORECASE)
_LIST = re.compile(r"test_set_(release|sample|example)\.txt$", re.IGNORECASE)
_ALIGNED = re.compile(r"cropped_aligned.*", re.IGNORECASE)
_UNALIGNED = re.compile(r"batch_?\d+|cropped(_(?!aligned).*)?", re.IGNORECASE)
_CROPS = re.compile(f"{_ALIGNED.pattern}|{_UNALIGNED.pattern}", re.IGNORECASE)
_MEDIA = (".mp4", ".avi")
PACKED = ".arrow"
"""What follows the name of a folder of images in that of the file which stands for it; see ``_packs``."""


def holds_images(folder: Path) -> bool:
    """Return whether a folder is there, or a pack that stands for it."""
    return folder.is_dir() or folder.with_name(folder.name + PACKED).is_file()


def entries(folder: Path, problems: Problems) -> list[os.DirEntry[str]]:
    """Return what is in a folder by name, without what file managers leave there; a problem when it cannot be read.

    So is a link that leads nowhere but to itself, or back to a folder on the way.
    """
    try:
        with os.scandir(folder) as found:
            listed = sorted((e for e in found if not is_junk(e.name)), key=lambda e: e.name)
    except OSError as error:
        problems.add(folder, f"cannot be listed: {error.strerror}")
        return []
    return [entry for entry in listed if not _is_loop(entry, problems)]


def _is_loop(entry: os.DirEntry[str], problems: Problems) -> bool:
    try:
        loop = entry.is_symlink() and entry.is_dir() and leads_back(Path(entry.path).parent, entry.name)
    except OSError as error:
        problems.add(entry.path, f"cannot be looked at ({error.strerror}); ignored")
        return True
    if loop:
        problems.add(entry.path, "is a link to a folder that it lies in; ignored", extra=True)
    return loop


def changed_at(status: os.stat_result) -> int:
    """Return when the content of a file was last written, in ns, or anything that is said of it.

    A tool that keeps the time of modification, or sets it back, cannot do so with this one: an image of the same name,
    size and time is not the same image.
    """
    return max(status.st_mtime_ns, status.st_ctime_ns)


def has_file(path: Path, problems: Problems) -> bool:
    """Return whether a file is there; a problem where something else has its name, a folder or a pipe."""
    if path.is_file():
        return True
    if os.path.lexists(path):
        problems.add(path, "is no regular file; unpack it anew")
    return False


def is_junk(name: str) -> bool:
    """Return whether a file is one that operating systems scatter (``Thumbs.db``, hidden files)."""
    return name.startswith(".") or name.lower() in _JUNK


def check_roots(roots: Iterable[Path | str], database: str) -> tuple[Path, ...]:
    """Return the roots as paths. Raises DataError unless there is one and each is a folder."""
    paths = tuple(dict.fromkeys(Path(root) for root in roots))
    if not paths:
        raise DataError(f"{database} needs at least one folder to read; give its root.")
    for path in paths:
        if not path.is_dir():
            raise DataError(f"{path} is not a folder; give the folder into which {database} was unpacked.")
    return paths


def below(roots: Sequence[Path], problems: Problems) -> Iterator[tuple[Path, Path]]:
    """Yield (folder, root) for every root itself and every folder directly in it."""
    for root in roots:
        yield root, root
        for entry in entries(root, problems):
            if entry.is_dir():
                yield root / entry.name, root


def subfolders(folder: Path, problems: Problems) -> list[str]:
    """Return the names of the folders in a folder, packed ones too; any other file but a video is a problem."""
    names = []
    for entry in entries(folder, problems):
        if entry.is_dir():
            names.append(entry.name)
        elif entry.name.endswith(PACKED):
            names.append(entry.name.removesuffix(PACKED))
        elif not entry.name.lower().endswith((*_MEDIA, ".zip", ".rar", ".tar.gz")):
            problems.add(entry.path, "is a stray file among the track folders; ignored", extra=True)
    return names


def find_matching(name: re.Pattern[str], roots: Sequence[Path], problems: Problems) -> list[tuple[Path, Path]]:
    """Return (folder, root) for every root and folder in it of that name, and for one unpacked into another of them."""
    found = [(folder, root) for folder, root in below(roots, problems) if name.fullmatch(folder.name)]
    for folder, root in found:
        inner = (folder / entry.name for entry in entries(folder, problems) if entry.is_dir())
        found += [(path, root) for path in inner if name.fullmatch(path.name) and (path, root) not in found]
    return found


def find_faces(roots: Sequence[Path], problems: Problems) -> dict[str, list[tuple[Path, Path]]]:
    """Return by track the (folder, root) pairs to take images from.

    ``cropped_aligned*`` comes before the unaligned ``batch1``, ``batch2`` and ``cropped*``: a track that has both gives
    its aligned images only, because a mixture would change the framing from image to image.
    """
    tracks: dict[str, list[tuple[Path, Path]]] = {}
    for kind in (_ALIGNED, _UNALIGNED):
        fresh: dict[str, list[tuple[Path, Path]]] = {}
        for folder, root in find_matching(kind, roots, problems):
            for name in subfolders(folder, problems):
                if name not in tracks and not _CROPS.fullmatch(name):
                    fresh.setdefault(name, []).append((folder / name, root))
        tracks.update(fresh)
    return tracks


def find_lists(roots: Sequence[Path], problems: Problems) -> list[Path]:
    """Return the files ``*test_set_release.txt`` (track names) and ``*test_set_sample|example.txt`` (templates)."""
    found: list[Path] = []
    queue = list(roots)
    while queue:
        folder = queue.pop(0)
        for entry in entries(folder, problems):
            if entry.is_dir():
                if _LIST_FOLDER.search(entry.name):
                    queue.append(folder / entry.name)
            elif _LIST.search(entry.name):
                found.append(folder / entry.name)
    return found


def find_videos(roots: Sequence[Path], problems: Problems) -> dict[str, Path]:
    """Return the raw videos by stem, ``.mp4`` before ``.avi``, from the roots and their video folders.

    Video folders are ``batch1``, ``batch2``, ``new_vids``, ``videos`` and ``raw*``, also one inside another.
    """
    found: dict[tuple[str, str], Path] = {}
    queue = list(roots)
    while queue:
        folder = queue.pop(0)
        for entry in entries(folder, problems):
            stem, suffix = os.path.splitext(entry.name)
            if entry.is_dir():
                if _VIDEO_FOLDER.fullmatch(entry.name):
                    queue.append(folder / entry.name)
            elif suffix.lower() in _MEDIA:
                found.setdefault((stem, suffix.lower()), folder / entry.name)
    return {stem: found.get((stem, ".mp4"), path) for (stem, _), path in found.items()}
