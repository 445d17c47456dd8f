"""Making a synthetic database: all of it or nothing, the same bytes whoever makes it and with how many hands.

A test set is made as it is released, without labels; those lie beside it below ``answers``, as the annotations of a
validation split, for whoever plays the server that scores.
"""

import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from abawbench import hold_alone, map_in_processes, remove_abandoned
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
from abawbench_plugins.databases.synthetic.plan import DATABASES, LABELLED, TEST, Take, plan, videos
from abawbench_plugins.databases.synthetic.presets import Preset

VERSION = f"1.{RENDERING_VERSION}"
"""Changes whenever the same preset and seed no longer give the same files."""

_ABANDONED = 24 * 3600
"""Seconds after which nobody is still writing a draft."""

Progress = Callable[[int, int, str], None]
"""Called with the number of videos done, their total, and what is being made."""

ANSWERS = "answers"
"""The folder with the labels of a test set."""
PEOPLE = "people.json"
"""Who plays in which track."""
TEST_SET = "-test"
"""What follows the name of a database where its test set is meant."""

_WRITERS: Mapping[str, Any] = {
    "aff-wild2": write_aff_wild2,
    "c-expr-db": write_c_expr_db,
    "hume-vidmimic2": write_hume_vidmimic2,
    "bah": write_bah,
    "s-aff-wild2": write_s_aff_wild2,
    "hume-reaction": write_hume_reaction,
    "dvd": write_dvd,
    "bah-video": write_bah_video,
}
_ANNOTATIONS: Mapping[str, Callable[[Take], Iterable[tuple[str, bytes]]]] = {
    "aff-wild2": write_aff_wild2.annotations,
    "dvd": write_dvd.annotations,
}
"""Those that have a file of labels per video."""


def folder_of(parent: Path, preset: Preset, seed: int) -> Path:
    """Return where the four databases of ABAW8 lie together, or will."""
    return parent / f"{preset.name}-seed{seed}-v{VERSION}"


def folder_beside(folder: Path, further: str) -> Path:
    """Return where a further database or a test set lies, or will: in a folder of its own beside that of the four."""
    return folder.with_name(f"{folder.name}-{further}")


def ensure(
    parent: Path, preset: Preset, seed: int, progress: Progress | None = None, further: str | None = None
) -> Path:
    """Return the folder ``<preset>-seed<seed>-v<version>`` below `parent`, generated unless it is there and complete.

    It holds the four databases of ABAW8; or the folder beside it, with one of the ``further`` databases or, with
    ``<database>-test``, a test set.

    Files are written into a hidden sibling that is renamed at the end, so a folder of that name is never half done,
    and of two processes that generate it at once one wins and both get the same bytes.
    """
    folder = folder_of(parent, preset, seed)
    databases: Sequence[str] = DATABASES
    if further is not None:
        folder, databases = folder_beside(folder, further), (further.removesuffix(TEST_SET),)
    splits = TEST if further is not None and further.endswith(TEST_SET) else LABELLED
    if manifest.is_complete(folder):
        return folder
    parent.mkdir(parents=True, exist_ok=True)
    _sweep(parent)
    draft = parent / f".{folder.name}-{uuid.uuid4().hex}"
    with hold_alone(draft):
        try:
            generate(draft, preset, seed, progress, databases, splits)
            _put_in_place(draft, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return folder


def _sweep(parent: Path) -> None:
    """Remove the drafts of processes that were killed; where a draft cannot be locked, those more than a day old."""
    for draft in parent.glob(".*-seed*-v*-*"):
        with suppress(OSError):
            if not remove_abandoned(draft) and time.time() - draft.stat().st_mtime > _ABANDONED:
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
    splits: Sequence[str] = LABELLED,
) -> None:
    """Write whole synthetic databases, or their test sets, into an empty folder, the manifest last."""
    if preset.labels_only:
        return manifest.write(folder, labels_only.write(folder, seed))
    takes = plan(preset, seed, databases, splits)
    groups = videos(takes)
    files: dict[str, manifest.Digest] = {}
    with closing(map_in_processes(partial(_make, folder), groups, preset.processes, chunk=4)) as results:
        for done, (group, made) in enumerate(zip(groups, results, strict=True), start=1):
            files.update(made)
            if progress is not None:
                progress(done, len(groups), group[0].database)
    starts = [(name, _WRITERS[name].TEST if splits == TEST else _WRITERS[name].SHARED) for name in databases]
    texts = _lists(takes, starts) | (_answers(takes) if splits == TEST else {})
    for path, text in {**texts, PEOPLE: json.dumps(_people(takes), indent=1)}.items():
        files[path] = _write(folder / path, text.encode())
    return manifest.write(folder, files)


def _make(folder: Path, takes: tuple[Take, ...]) -> dict[str, manifest.Digest]:
    database = takes[0].database
    return {
        f"{database}/{path}": _write(folder / database / path, content)
        for path, content in _WRITERS[database].write_video(takes)
    }


def _lists(takes: Sequence[Take], starts: Sequence[tuple[str, Mapping[str, str]]]) -> dict[str, str]:
    """The files that list all videos of a database; ``starts`` says which there are and how they begin."""
    texts = {f"{database}/{path}": start for database, files in starts for path, start in files.items()}
    for take in takes:
        for path, text in _WRITERS[take.database].write_shared(take).items():
            texts[f"{take.database}/{path}"] += text
    return texts


def _answers(takes: Sequence[Take]) -> dict[str, str]:
    """The labels of a test set, as those of a validation split."""
    known = [replace(take, split="val") for take in takes]
    starts = [(database, _WRITERS[database].SHARED) for database in dict.fromkeys(take.database for take in known)]
    empty = _lists([], starts)
    found = {path: text for path, text in _lists(known, starts).items() if text != empty[path]}
    for take in known:
        if take.database in _ANNOTATIONS:
            files = _ANNOTATIONS[take.database](take)
            found |= {f"{take.database}/{path}": content.decode() for path, content in files}
    return {f"{ANSWERS}/{path}": text for path, text in found.items()}


def _people(takes: Sequence[Take]) -> dict[str, dict[str, dict[str, int]]]:
    """Who plays in which track, by database and split."""
    people: dict[str, dict[str, dict[str, int]]] = {}
    for take in takes:
        people.setdefault(take.database, {}).setdefault(take.split, {})[take.name] = take.person
    return people


def read_people(folder: Path) -> dict[str, dict[str, dict[str, int]]]:
    """Return who plays in which track of a generated folder, by database and split; empty where no list is there."""
    try:
        found: dict[str, dict[str, dict[str, int]]] = json.loads((folder / PEOPLE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def _write(path: Path, content: bytes) -> manifest.Digest:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return manifest.digest(content)
