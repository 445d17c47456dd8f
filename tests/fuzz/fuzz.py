"""Fuzzing the parsers of annotations, labels, lists, manifests and predictions: ``python fuzz.py CASES [SEED] [NAME]``.

A case is a file: a sound one with a few places changed, lines made of tokens that matter, or any bytes. A parser may
return what it documents, or raise an error that it documents; anything else, a case that takes longer than ``SLOWEST``
seconds, and one for which ``MEMORY`` bytes of address space do not suffice, ends the run with the case.
"""

import contextlib
import io
import resource
import signal
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from abawbench.contracts import AbawbenchError, Task, Track
from abawbench.contracts.problems import Problems
from abawbench.harness.score.prediction_files import read_prediction_file, submission_of
from abawbench.plugins import default_plugins
from abawbench_plugins.databases import bah, dvd, hume_vidmimic2, manifest, s_aff_wild2
from abawbench_plugins.databases._annotations import FORMATS, RowError, read_annotation
from abawbench_plugins.databases._file_groups import Transcript
from abawbench_plugins.databases._listings import read_listing
from abawbench_plugins.databases._manifest import TASKS

SLOWEST = 20
"""Seconds a case may take on a busy machine; a sound one takes milliseconds."""
MEMORY = 2 * 2**30
"""Bytes of address space beyond those that the imported libraries take."""
BLOCK = 250
"""Cases from one seed."""

EXPR = ",".join(FORMATS["expr"].header)
EMOTIONS = ",".join(hume_vidmimic2.EMOTIONS)
VIDEO = "82557/Visite 1/82557_Q1 a.mp4"
FRAMES = "3-30-640x360"


@cache
def task(name: str) -> Task:
    """Return a task; building one takes longer than reading a file."""
    built: Task = default_plugins().get("task", name).build()
    return built


class Named(Track):
    """A track of three frames that predictions can be read for."""

    subject, n_frames, rate = "somebody", 3, 30.0

    def __init__(self, name: str) -> None:
        self.id = name

    def frame_mask(self) -> Any:
        raise AssertionError("a file of predictions needs no image")

    frames = frame_files = labels = frame_mask


def annotation(path: Path) -> None:
    for form in FORMATS.values():
        with contextlib.suppress(RowError):
            values = read_annotation(path, form)
            labels = form.labels(values)
            assert len(labels.mask) == len(values) > 0
            assert form.allowed(values).all()


def listing(path: Path) -> None:
    for values in (False, True):
        for one in read_listing(path, Problems(), values).values():
            assert (np.diff(one.numbers) > 0).all()
            assert len(one.values) == len(one.numbers)


def static_frames(path: Path) -> None:
    for numbers, values in s_aff_wild2.read_rows(path, Problems()).values():
        assert values.shape == (len(numbers), 15)
        assert np.isfinite(values).all()


def scenes(path: Path) -> None:
    for first in (0, 1):
        with contextlib.suppress(RowError):
            numbers, labels = dvd.read_table(path, first)
            assert (np.diff(numbers) > 0).all()
            assert set(labels.tolist()) <= {0, 1}


def intensities(path: Path) -> None:
    for clip, values in hume_vidmimic2.read_table(path, Problems(), hume_vidmimic2.EMOTIONS).items():
        assert clip.isdecimal()
        assert values is not None
        assert ((values >= 0) & (values <= 1)).all()


def split_list(path: Path) -> None:
    for _, label, _ in bah.read_split(path, Problems()).values():
        assert label in (0, 1)


def frame_annotations(path: Path) -> None:
    (path.parent / "default-split").mkdir(exist_ok=True)
    (path.parent / "default-split/train.txt").write_text(f"{VIDEO},1,well, no\n")
    for one in bah.open_database([path.parent]).tracks("ah", "train"):
        assert len(one.known.mask) == one.track.n_frames


def transcript(path: Path) -> None:
    assert all(problem.file for problem in Transcript(path).check(fast=False))


def table(path: Path) -> None:
    database = manifest.open_database([path])
    for label in TASKS:
        for split in database.splits(label):
            for one in database.tracks(label, split):
                assert len(one.known.mask) in (1, one.track.n_frames)


def predictions(path: Path) -> None:
    for name, track in (("va", FRAMES), ("expr", FRAMES), ("au", FRAMES), ("emi", "00001"), ("mtl", FRAMES),
                        ("ah", VIDEO), ("ah-video", f"Videos/{VIDEO}"), ("vd", FRAMES)):  # fmt: skip
        with contextlib.suppress(AbawbenchError):
            (found,) = read_prediction_file(path, task(name), [Named(track)]).tracks
            assert np.isfinite(found.decisions).all()
        form = submission_of(task(name))
        assert form is not None
        with contextlib.suppress(AbawbenchError):
            names = form.template(path).names
            assert len(set(names)) == len(names) > 0


def folder(path: Path) -> None:
    target = path.parent / "tracks" / f"{FRAMES}.txt"
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(path.read_bytes())
    for name in ("va", "expr", "au"):
        with contextlib.suppress(AbawbenchError):
            read_prediction_file(target.parent, task(name), [Named(FRAMES)])


def _parquet() -> bytes:
    out = io.BytesIO()
    columns = {"track": [FRAMES] * 3, "frame": [0, 1, 2], "valence": [0.1] * 3, "arousal": [0.2] * 3}
    pq.write_table(pa.table({**columns, "score_valence": [0.1] * 3, "score_arousal": [0.5] * 3}), out)
    return out.getvalue()


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{FRAMES}.csv", "Frame_Number,Label\n1,0\n2,1\n3,1\n")
    return out.getvalue()


_ROW = f"{FRAMES}/00001.jpg"
_ANSWERS = f'"{VIDEO}":\n  global_ah: 1\n  frame_annotation:\n  - ["{VIDEO}/frame-0.jpg", 1]\n  time_detailed_ah: []\n'
TARGETS: dict[str, tuple[str, Callable[[Path], None], tuple[str | bytes, ...]]] = {
    "annotation": ("a.txt", annotation, (
        "valence,arousal\n0.5,-0.25\n-5,-5\n1,1\n", f"{EXPR}\n3\n-1\n7\n",
        ",".join(FORMATS["au"].header) + "\n" + ",".join("01" * 6) + "\n" + ",".join(["-1"] * 12) + "\n")),
    "listing": ("t.txt", listing, (
        f"image_location,valence,arousal\n{_ROW},0,0\n{FRAMES}/00002.jpg,0,0\n",
        "image_location,A,B\n01/00001.jpg,3\n01/00002.jpg,0\n", f"{VIDEO}/frame-0.jpg,1\n{VIDEO}/frame-10.jpg,0\n")),
    "static frames": ("training_set_annotations.txt", static_frames, (
        "image,valence,arousal,expression,AU1\n" + f"{_ROW},0.5,-0.5,3,{','.join('01' * 6)}\n"
        + f"{FRAMES}/00008.jpg,-5,-5,-1,{','.join(['-1'] * 12)}\n",)),
    "scenes": ("v.csv", scenes, ("Frame_Number,Label\n1,0\n2,1\n3,1\n", "Frame_Num,Label\n0,1\n")),
    "intensities": ("train_split.csv", intensities, (f"Filename,{EMOTIONS}\n00001,0,0.5,1,0,0,0.25\n2,1,1,1,0,0,0\n",)),
    "split list": ("train.txt", split_list, (f"{VIDEO},1,well, I want to\nVideos/{VIDEO},0,\n",)),
    "frame annotations": ("annotation.yml", frame_annotations, (_ANSWERS,)),
    "transcript": ("v.yml", transcript, ('text: "well, no"\ntimestamps:\n- ["well", 0.0, 1.5]\n',)),
    "manifest": ("manifest.csv", table, (
        "track,frame,split,subject,expression,valence,arousal\na,1,train,s,Happiness,0.5,0.5\n"
        "a,2,,,4,,\nb,1,val,,0,1,-1\n",
        f"track,{EMOTIONS},ah-video\na,0,0,0,0,0,1,1\n")),
    "manifest.parquet": ("manifest.parquet", table, (_parquet(),)),
    "predictions": ("p.txt", predictions, (
        f"image_location,valence,arousal\n{_ROW},0.5,-0.5\n", f"image_location,{EXPR}\n{_ROW},3\n",
        f"Filename,{EMOTIONS}\n00001,0,0.5,1,0,0,0.25\n", f"Videos/{VIDEO},0.25,0.75,1\n", f"{VIDEO}/frame-0.jpg,1\n",
        f"track,frame,valence,arousal\n{FRAMES},0,0.5,0.5\n", f"track,frame,class\n{FRAMES},0,3\n", _zip())),
    "predictions.csv": ("p.csv", predictions, (f"track,frame,score_valence,score_arousal\n{FRAMES},0,0.5,0.5\n",)),
    "predictions.parquet": ("p.parquet", predictions, (_parquet(),)),
    "predictions of a track": ("p.txt", folder, ("valence,arousal\n0.5,0.5\n0,0\n", f"{EXPR}\n3\n7\n")),
}  # fmt: skip
"""What is fuzzed: the name of the file, what reads it, and sound files."""

TOKENS = [
    b"", b"\n", b"\r\n", b"\r", b",", b";", b"\t", b" ", b'"', b"'", b"/", b"\\", b"..", b"\x00", b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"-5", b"-1", b"-1.0", b"0", b"1", b"7", b"8", b"1e999", b"-1e-400", b"nan", b"inf", b"1_0", b"\xd9\xa1", b"0x1",
    b"99999999999999999999", b"9" * 400, b"/00001.jpg,", b"/frame-0.jpg", b".mp4", b"track", b"frame", b"image",
    b"a" * 70_000,
    b"\n" * 3000, b"1,1\n" * 2000, b"[" * 3000, b"- " * 500, b"&a [*a, *a]\n",
    b"!!python/object/apply:os.system [true]\n",
    b"<<: *a\n", b"{", b"PK\x03\x04", b"PAR1",
]  # fmt: skip
_CHANGE = st.tuples(st.floats(0, 1), st.integers(0, 6), st.one_of(st.sampled_from(TOKENS), st.binary(max_size=4)))


def _changed(case: tuple[bytes, list[tuple[float, int, bytes]]]) -> bytes:
    whole, changes = case
    for place, cut, put in changes:
        at = int(place * len(whole))
        whole = whole[:at] + put + whole[at + cut :]
    return whole


def contents(sound: tuple[str | bytes, ...]) -> st.SearchStrategy[bytes]:
    """Return the strategy of the files of a target."""
    whole = st.sampled_from([text.encode() if isinstance(text, str) else text for text in sound])
    words = sorted(
        {word for text in sound if isinstance(text, str) for word in text.encode().replace(b"\n", b",").split(b",")}
    )
    lines = st.lists(st.one_of(st.sampled_from([*words, b","]), st.sampled_from(TOKENS)), max_size=30).map(b"".join)
    changes = st.lists(_CHANGE, min_size=1, max_size=4)
    return st.one_of(
        st.tuples(whole, changes).map(_changed), st.tuples(whole, changes).map(_changed), lines, st.binary(max_size=80)
    )


@contextlib.contextmanager
def in_time() -> Iterator[None]:
    """Raise TimeoutError when what is inside takes too long."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"a case takes longer than {SLOWEST} s")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(SLOWEST)
    try:
        yield
    finally:
        signal.alarm(0)


def fuzz(name: str, cases: int, first_seed: int, where: Path) -> int:
    """Run a target on at least so many cases and return how many there were."""
    file, read, sound = TARGETS[name]
    path = where / file
    ran = 0

    def case(content: bytes) -> None:
        nonlocal ran
        ran += 1
        path.write_bytes(content)
        with in_time(), contextlib.suppress(AbawbenchError):
            read(path)

    block = first_seed
    while ran < cases:
        only = [Phase.explicit, Phase.generate, Phase.shrink]
        limits = settings(max_examples=min(BLOCK, cases - ran), deadline=None, database=None, phases=only,
                          suppress_health_check=list(HealthCheck))  # fmt: skip
        limits(seed(block)(given(contents(sound))(case)))()
        block += 1
    return ran


def limit_memory() -> None:
    """Bound the address space of this process to what it has now and ``MEMORY`` more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def main(cases: int, first_seed: int = 0, names: tuple[str, ...] = tuple(TARGETS)) -> None:
    """Share the cases out among the targets and print what was run."""
    limit_memory()
    total = 0
    with tempfile.TemporaryDirectory() as where:
        for name in names:
            started = time.perf_counter()
            ran = fuzz(name, -(-cases // len(names)), first_seed, Path(where))
            total += ran
            print(f"{name}: {ran} cases in {time.perf_counter() - started:.1f} s", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{total} cases, nothing but documented errors; peak {peak} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0, tuple(sys.argv[3:]) or tuple(TARGETS))
