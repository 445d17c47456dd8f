"""What a database keeps: tracks in order, images where it says, labels in the shape of their tasks."""

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import SkipTest

import numpy as np

from abawbench.contracts import Database, DatabaseDeclaration, LabelledTrack, Labels, Task, Track
from abawbench.contracts.problems import Problems
from abawbench.system.audit import audit_hook
from abawbench.testing.checks import Subject, expect

SPLITS = ("train", "val", "test")
IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
MOST = 3
"""Tracks of a split that are looked at frame by frame."""


@contextmanager
def open_subject(subject: Subject) -> Iterator[Callable[[], Database]]:
    """Yield a function that opens the database: in the roots given, or in a tiny copy that its plugin can write.

    Raises SkipTest for one that reads files when there are neither.
    """
    declaration = subject.plugin.declaration
    assert isinstance(declaration, DatabaseDeclaration)
    if declaration.generated and not subject.roots:
        yield lambda: _make(subject)
        return
    if subject.roots:
        yield lambda: subject.build(subject.roots)
        return
    if not declaration.example:
        raise SkipTest("it reads files: name a copy with --root, or an example in the declaration")
    with TemporaryDirectory() as folder:
        module, _, name = declaration.example.partition(":")
        getattr(import_module(module), name)(Path(folder))
        yield lambda: subject.build((Path(folder),))


def _make(subject: Subject) -> Database:
    made: Database = subject.build(preset="tiny", seed=0, progress=lambda done, total, what: None)
    return made


def tasks_of(subject: Subject, database: Database) -> list[Task]:
    """Return the installed tasks whose labels it has. Raises Breach when it serves none."""
    tasks: list[Task] = [plugin.build() for plugin in subject.plugins.all("task")]
    found = [task for task in tasks if database.splits(task.label)]
    labels = ", ".join(sorted({task.label for task in tasks}))
    expect(found, f"splits for a label of an installed task ({labels})", "none for any")
    return found


def check_opening(subject: Subject) -> None:
    """It opens without reading an image, says its splits in order, and opens the same way again."""
    with open_subject(subject) as fresh:
        tasks_of(subject, fresh())
        with _no_image_read() as read:
            database = fresh()
            expect(isinstance(database, Database), "a builder that returns an abawbench Database", type(database))
            expect(isinstance(database.problems, Problems), "a list of Problems", type(database.problems))
            for task in tasks_of(subject, database):
                splits = list(database.splits(task.label))
                expect(splits == [s for s in SPLITS if s in splits], f"splits in the order {SPLITS}", splits)
        expect(not read, "opening that reads no image", f"{read[:1]} read")
        prints = (database.fingerprint(), fresh().fingerprint())
        expect(prints[0] == prints[1] and prints[0], "the same fingerprint each time", prints)
        expect(list(database.splits("no-such-label")) == [], "no splits for an unknown label", "some")


def iterate_splits(subject: Subject, database: Database) -> Iterator[tuple[Task, str, list[LabelledTrack]]]:
    """Yield every task that it serves, with each of its splits and the tracks there."""
    for task in tasks_of(subject, database):
        for split in database.splits(task.label):
            yield task, split, list(database.tracks(task.label, split))


def check_tracks(subject: Subject) -> None:
    """Tracks are sorted, of different names, the same each time, and no subject is in two splits of a label."""
    with open_subject(subject) as fresh:
        database, again = fresh(), fresh()
        for task, split, tracks in iterate_splits(subject, database):
            ids = [one.track.id for one in tracks]
            where = f"tracks of {task.label} {split}"
            expect(ids, f"at least one track in {where}", "none")
            expect(ids == sorted(set(ids)), f"{where} sorted by id and of different ids", ids[:4])
            same = [one.track.id for one in again.tracks(task.label, split)] == ids
            expect(same, f"the same {where} again", "others")
            for track in (one.track for one in tracks):
                expect(type(track).labels is Track.labels, "a track that knows no labels of its own", track.id)
                expect(track.n_frames > 0 and track.rate > 0, "frames and a frame rate", f"{track.id}: {vars(track)}")
                expect(track.subject, f"a subject of {track.id}", repr(track.subject))


def check_images(subject: Subject) -> None:
    """Images are uint8 RGB, in the order asked for, black and masked where there is none."""
    with open_subject(subject) as fresh:
        for _, _, tracks in iterate_splits(subject, fresh()):
            for one in tracks[:MOST]:
                _images(one.track)


def _images(track: Track) -> None:
    mask, n = track.frame_mask(), track.n_frames
    expect(mask.dtype == bool and mask.shape == (n,), f"a frame mask bool [{n}]", f"{mask.dtype} {list(mask.shape)}")
    files = track.frame_files()
    expect([file is not None for file in files] == mask.tolist(), "a frame file exactly where the mask is true", "not")
    names = list(track.frame_names())
    expect(len(names) == len(set(names)) == n, f"{n} different frame names", len(set(names)))
    asked = np.unique(np.linspace(0, n - 1, 6).astype(np.intp))[::-1].copy()
    images, there = track.frames(asked)
    shape = (len(asked), *images.shape[1:3], 3)
    expect(images.dtype == np.uint8 and images.shape == shape, f"images uint8 {list(shape)}", list(images.shape))
    expect((there <= mask[asked]).all(), "no image where the frame mask says there is none", there)
    expect(not images[~there].any(), "black where there is no image", "something else")
    for place, frame in enumerate(asked):
        alone, known = track.frames(asked[place : place + 1])
        same = alone.shape == images[place : place + 1].shape and np.array_equal(alone[0], images[place])
        # the size of a frame without an image is whatever its neighbours have
        expect(same or not known[0], f"frame {frame} to be the same image alone and among others", "another")


def check_labels(subject: Subject) -> None:
    """Labels have the shape and range of the tasks that read them, where they are annotated."""
    with open_subject(subject) as fresh:
        seen = 0
        for task, split, tracks in iterate_splits(subject, fresh()):
            for track, labels in ((one.track, one.labels) for one in tracks):
                expect(labels is not None or split == "test", f"labels of {track.id} ({task.label} {split})", "None")
                if labels is not None:
                    seen += 1
                    _labels(task, track, labels)
        expect(seen, "labels of at least one track", "none")


def _labels(task: Task, track: Track, labels: Labels) -> None:
    rows = 1 if task.level == "track" else track.n_frames
    where = f"of {track.id} for task '{task.name}'"
    columns = task.part_columns[-1].stop if task.parts else len(task.outputs)
    shape = (rows,) if task.kind == "multiclass" else (rows, columns)
    masks = (rows, len(task.parts)) if task.parts else (rows,)
    expect(labels.values.shape == shape, f"labels {list(shape)} {where}", list(labels.values.shape))
    expect(labels.mask.shape == masks and labels.mask.dtype == bool, f"a mask bool {list(masks)} {where}", labels.mask)
    if task.parts:
        return
    known = labels.values[labels.mask]
    expect(np.isfinite(known).all(), f"finite annotated labels {where}", "NaN or infinity")
    if task.kind == "regression":
        low, high = task.ranges or (-np.inf, np.inf)
        inside = (known >= low - 1e-6) & (known <= high + 1e-6)
    else:
        top = len(task.outputs) - 1 if task.kind == "multiclass" else 1
        low, high = 0, top
        inside = (known >= 0) & (known <= top) & (known == np.floor(known))
    expect(inside.all(), f"annotated labels from {low:g} to {high:g} {where}", known[~inside][:3])


def check_sound_and_text(subject: Subject) -> None:
    """Sound, where there is some, is mono float32 in -1 to 1 with a rate; a transcript is text."""
    with open_subject(subject) as fresh:
        for _, _, tracks in iterate_splits(subject, fresh()):
            for track in (one.track for one in tracks[:1]):
                sound, text = track.audio(), track.text()
                if sound is not None:
                    samples, rate = sound
                    fine = samples.dtype == np.float32 and samples.ndim == 1 and np.abs(samples).max(initial=0) <= 1
                    expect(fine and rate > 0, "mono float32 samples in -1 to 1 and a rate", f"{samples.dtype} {rate}")
                expect(text is None or isinstance(text, str), "text or None", type(text))


def check_pickling(subject: Subject) -> None:
    """Its tracks can be sent to another process."""
    with open_subject(subject) as fresh:
        for _, _, tracks in iterate_splits(subject, fresh()):
            there: LabelledTrack = pickle.loads(pickle.dumps(tracks[0]))
            expect(there.track.id == tracks[0].track.id, "the same track after pickling", there.track.id)
            theirs, ours = there.labels, tracks[0].labels
            same = theirs is ours or (theirs and ours and np.array_equal(theirs.mask, ours.mask))
            expect(same, "the same labels after pickling", "others")


@contextmanager
def _no_image_read() -> Iterator[list[str]]:
    """Yield the image files that are opened inside; what libraries open without Python is not seen."""
    read: list[str] = []

    def note(event: str, given: tuple[object, ...]) -> None:
        if event == "open" and str(given[0]).lower().endswith(IMAGES):
            read.append(Path(str(given[0])).name)

    with audit_hook(note):
        yield read


CHECKS = (
    ("opens", "it opens without reading an image, the same way each time", check_opening),
    ("tracks", "its tracks are sorted and whole", check_tracks),
    ("images", "images come in the order asked for, black where there is none", check_images),
    ("labels", "labels have the shape and range of their tasks", check_labels),
    ("sound", "sound and text have their types", check_sound_and_text),
    ("pickle", "its tracks can be sent to another process", check_pickling),
)
