"""Making a synthetic database: all of it or nothing, the same bytes whoever makes it and with how many hands."""

import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, suppress
from functools import partial
from multiprocessing import current_process, get_context
from pathlib import Path

from abawbench_plugins.databases.synthetic import (
    labels_only,
    manifest,
    write_aff_wild2,
    write_bah,
    write_bah_video,
    write_c_expr_db,
    write_dvd,
    write_hume_reaction,
    write_hume_vidmimic2,
    write_s_aff_wild2,
)
from abawbench_plugins.databases.synthetic.face import RENDERING_VERSION
from abawbench_plugins.databases.synthetic.plan import DATABASES, Take, plan, videos
from abawbench_plugins.databases.synthetic.presets import Preset

VERSION = f"1.{RENDERING_VERSION}"
"""Changes whenever the same preset and seed no longer give the same files."""

_ABANDONED = 24 * 3600
"""Seconds after which nobody is still writing a draft."""

Progress = Callable[[int, int, str], None]
"""Called with the number of videos done, their total, and what is being made."""

_WRITERS = {
    "aff-wild2": write_aff_wild2,
    "c-expr-db": write_c_expr_db,
    "hume-vidmimic2": write_hume_vidmimic2,
    "bah": write_bah,
    "s-aff-wild2": write_s_aff_wild2,
    "hume-reaction": write_hume_reaction,
    "dvd": write_dvd,
    "bah-video": write_bah_video,
}


def folder_of(parent: Path, preset: Preset, seed: int) -> Path:
    """Return where the four databases of ABAW8 lie together, or will."""
    return parent / f"{preset.name}-seed{seed}-v{VERSION}"


def folder_beside(folder: Path, further: str) -> Path:
    """Return where one of the further databases lies, or will: in a folder of its own beside that of the four."""
    return folder.with_name(f"{folder.name}-{further}")


def ensure(
    parent: Path, preset: Preset, seed: int, progress: Progress | None = None, further: str | None = None
) -> Path:
    """Return the folder ``<preset>-seed<seed>-v<version>`` below `parent`, generated unless it is there and complete.

    It holds the four databases of ABAW8; or the folder beside it, with one of the ``further`` databases.

    Files are written into a hidden sibling that is renamed at the end, so a folder of that name is never half done,
    and of two processes that generate it at once one wins and both get the same bytes.
    """
    folder = folder_of(parent, preset, seed)
    databases: Sequence[str] = DATABASES
    if further is not None:
        folder, databases = folder_beside(folder, further), (further,)
    if manifest.is_complete(folder):
        return folder
    parent.mkdir(parents=True, exist_ok=True)
    _sweep(parent)
    draft = parent / f".{folder.name}-{uuid.uuid4().hex}"
    draft.mkdir()
    try:
        generate(draft, preset, seed, progress, databases)
        _put_in_place(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def _sweep(parent: Path) -> None:
    """Remove the drafts of processes that were killed more than a day ago."""
    for draft in parent.glob(".*-seed*-v*-*"):
        with suppress(OSError):
            if time.time() - draft.stat().st_mtime > _ABANDONED:
                shutil.rmtree(draft)


def _put_in_place(draft: Path, folder: Path) -> None:
    if folder.exists() and not manifest.is_complete(folder):
        damaged = draft.with_name(f"{draft.name}-damaged")
        with suppress(OSError):  # another process may be mending the same folder
            os.rename(folder, damaged)
        shutil.rmtree(damaged, ignore_errors=True)
    try:
        os.rename(draft, folder)
    except OSError:
        if not manifest.is_complete(folder):
            raise


def generate(
    folder: Path,
    preset: Preset,
    seed: int,
    progress: Progress | None = None,
    databases: Sequence[str] = DATABASES,
) -> None:
    """Write whole synthetic databases into an empty folder, the manifest last."""
    if preset.labels_only:
        return manifest.write(folder, labels_only.write(folder, seed))
    takes = plan(preset, seed, databases)
    groups = videos(takes)
    files: dict[str, manifest.Digest] = {}
    with closing(_made(folder, groups, preset.processes)) as results:
        for done, (group, made) in enumerate(zip(groups, results, strict=True), start=1):
            files.update(made)
            if progress is not None:
                progress(done, len(groups), group[0].database)
    for path, text in _shared(takes, databases).items():
        files[path] = _write(folder / path, text.encode())
    return manifest.write(folder, files)


def _made(
    folder: Path, groups: Sequence[tuple[Take, ...]], processes: int
) -> Generator[Mapping[str, manifest.Digest], None, None]:
    """What each video wrote, in order; made by other processes where that is allowed and worth it."""
    make = partial(_make, folder)
    done = 0
    if processes > 1 and not current_process().daemon:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            try:
                for made in pool.map(make, groups, chunksize=4):
                    done += 1
                    yield made
            except BrokenProcessPool:  # the caller is a script without a main guard, which a new process cannot import
                pass
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
    yield from map(make, groups[done:])


def _make(folder: Path, takes: tuple[Take, ...]) -> dict[str, manifest.Digest]:
    database = takes[0].database
    return {
        f"{database}/{path}": _write(folder / database / path, content)
        for path, content in _WRITERS[database].video(takes)
    }


def _shared(takes: Sequence[Take], databases: Sequence[str]) -> dict[str, str]:
    """The files that list all videos of a database, and who plays in which track."""
    texts = {f"{database}/{path}": start for database in databases for path, start in _WRITERS[database].SHARED.items()}
    people: dict[str, dict[str, dict[str, int]]] = {}
    for take in takes:
        for path, text in _WRITERS[take.database].shared(take).items():
            texts[f"{take.database}/{path}"] += text
        people.setdefault(take.database, {}).setdefault(take.split, {})[take.name] = take.person
    return {**texts, "people.json": json.dumps(people, indent=1)}


def _write(path: Path, content: bytes) -> manifest.Digest:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return manifest.digest(content)
