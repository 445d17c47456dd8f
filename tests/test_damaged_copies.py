"""Commands on damaged copies of every database: an exit status that means it, no traceback, few lines.

Each damage is done to one file of each kind, to be undone again before the next. ABAWBENCH_SWEEP=all takes every
combination; otherwise one in ``SHARE`` is taken, which meets every database, every kind of file and every damage.
"""

import gzip
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from abawbench import cli
from abawbench.contracts import AbawbenchError
from abawbench_plugins.databases.facial_expressions import split_of
from abawbench_plugins.databases.synthetic import write_crema_d
from abawbench_plugins.databases.synthetic.generate import ensure
from abawbench_plugins.databases.synthetic.presets import Amount, Preset

pytestmark = pytest.mark.slow

FEW, SHORT = Amount(2, 2, (6, 8)), Amount(2, 2, (4, 6))
FURTHER = ("s-aff-wild2", "hume-reaction", "dvd", "bah-video")
PRESET = Preset("few", FEW, SHORT, SHORT, FEW, processes=1, further=dict.fromkeys(FURTHER, FEW))
KINDS: dict[str, tuple[str, ...]] = {
    "aff-wild2": ("*Annotations/EXPR*/Train_Set/*.txt", "*Annotations/EXPR*/Validation_Set/*.txt",
                  "cropped_aligned*/*/*.jpg", "batch*/*.mp4"),
    "s-aff-wild2": ("training_set*.txt", "validation_set*.txt", "cropped_aligned/*/*.jpg"),
    "c-expr-db": ("labels/train.txt", "labels/val.txt", "cropped_aligned/*/*.jpg", "videos/*.mp4"),
    "hume-vidmimic2": ("train_split.csv", "valid_split.csv", "audio/*.mp3", "face_images/*/*.jpg"),
    "hume-reaction": ("train_split.csv", "valid_split.csv", "face_images/*/*.jpg"),
    "bah": ("default-split/train.txt", "default-split/val.txt", "annotation.yml", "transcription/**/*.yml",
            "videos/**/*.mp4", "cropped-aligned-faces/**/*.jpg"),
    "bah-video": ("split/train.txt", "split/val.txt", "transcription/**/*.yml", "Videos/**/*.mp4"),
    "dvd": ("Training/annotations/*.csv", "Validation/annotations/*.csv", "Validation/videos/*.mp4"),
    "crema-d": ("*.csv", "VideoFlash/*", "AudioWAV/*"),
    "ravdess": ("Actor_*/*.mp4", "Actor_*/*.wav"),
    "facial-expressions": ("data/legend.csv", "images/*.jpg"),
    "manifest": ("manifest.csv", "face.jpg", "film.mp4"),
}  # fmt: skip
"""Database -> one pattern for each kind of file that its task needs."""
TASKS = {"aff-wild2": "expr", "s-aff-wild2": "mtl", "c-expr-db": "ce", "hume-vidmimic2": "emi", "hume-reaction": "eri",
         "bah": "ah", "bah-video": "ah-video", "dvd": "vd", "crema-d": "expr-clip", "ravdess": "expr-clip",
         "facial-expressions": "expr", "manifest": "va"}  # fmt: skip
"""Database -> the task whose files are damaged."""
WHAT: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) * 2 // 3],
    "noise": lambda content: bytes(range(256)) * 8,
    "gzip": gzip.compress,
    "html": lambda content: b"<!DOCTYPE html>\n<html>log in</html>\n",
    "utf-16": lambda content: content.decode("latin-1").encode("utf-16"),
    "latin-1": lambda content: b"caf\xe9," + content,
    "header alone": lambda content: content.split(b"\n")[0] + b"\n",
    "nan": lambda content: content.replace(b"0", b"nan", 3),
    "semicolons": lambda content: content.replace(b",", b";"),
    "zeros": lambda content: bytes(len(content)),
}
GONE = ("gone", "folder", "pipe")
"""What else may stand where a file stood."""
NEVER_RIGHT = ("empty", "noise", "gzip", "html", "folder", "pipe")
"""Damage after which no file of a database can be whole; what is cut or changed by a letter may be."""
SHARE = 1 if os.environ.get("ABAWBENCH_SWEEP") == "all" else 7


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Small copies of every database, each of which a test damages and mends."""
    cache, own = tmp_path_factory.mktemp("cache"), tmp_path_factory.mktemp("own")
    whole = ensure(cache, PRESET, 0)
    found = {name: whole / name for name in ("aff-wild2", "c-expr-db", "hume-vidmimic2", "bah")}
    found |= {name: ensure(cache, PRESET, 0, None, name) / name for name in FURTHER}
    found |= {name: own / name for name in ("crema-d", "ravdess", "facial-expressions", "manifest")}
    for name in ("crema-d", "ravdess/Actor_16", "ravdess/Actor_01", "facial-expressions/images",
                 "facial-expressions/data", "manifest"):  # fmt: skip
        (own / name).mkdir(parents=True)
    write_crema_d.write(found["crema-d"])
    face = min(found["aff-wild2"].rglob("*.jpg"))
    film = min(path for path in found["bah"].rglob("*.mp4") if path.is_file())
    sound = min(found["crema-d"].rglob("*.wav"))
    for actor in ("01", "16"):
        shutil.copy(film, own / f"ravdess/Actor_{actor}/01-01-05-01-02-01-{actor}.mp4")
        shutil.copy(sound, own / f"ravdess/Actor_{actor}/03-01-03-01-01-01-{actor}.wav")
    people = [next(name for n in range(99) if split_of(name := f"P_{n}x") == split) for split in ("train", "val")]
    for name in people:
        shutil.copy(face, own / f"facial-expressions/images/{name}_0001.jpg")
    legend = "user.id,image,emotion\n" + "".join(f"me,{name}_0001.jpg,anger\n" for name in people)
    (own / "facial-expressions/data/legend.csv").write_text(legend)
    shutil.copy(face, own / "manifest/face.jpg")
    shutil.copy(film, own / "manifest/film.mp4")
    rows = ["track,frame,image,video,split,valence,arousal"]
    rows += [f"{t},{f},face.jpg,,{s},0.{f},-0.{f}" for t, s in (("a", "train"), ("b", "val")) for f in (1, 2, 3)]
    rows += [f"c,{f},,film.mp4,val,0.{f},0.1" for f in (1, 2)]
    (own / "manifest/manifest.csv").write_text("\n".join(rows) + "\n")
    return found


def file_of(root: Path, pattern: str) -> Path:
    """The first file of a kind."""
    return min(path for path in root.glob(pattern) if path.is_file())


@contextmanager
def damaged(path: Path, how: str) -> Iterator[None]:
    """Damage a file, and put it back."""
    content = path.read_bytes()
    try:
        if how in WHAT:
            path.write_bytes(WHAT[how](content))
        else:
            path.unlink()
            if how == "folder":
                path.mkdir()
            if how == "pipe":
                os.mkfifo(path)
        yield
    finally:
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
        path.write_bytes(content)


def commands(name: str, root: Path, out: Path) -> list[list[str]]:
    data, task = f"{name}={root}", TASKS[name]
    machine = ["--latency-seconds", "0", "--in-process", "--device", "cpu", "--quiet", "--out", str(out)]
    return [
        ["data", "verify", name, str(root), "--jobs", "1", "--quiet", "--label", task],
        ["score", str(out / "predictions.txt"), "--task", task, "--data", data, "--missing", "nearest"],
        ["run", "--model", "constant", "--task", task, "--data", data, *machine],
    ]


def call(arguments: list[str]) -> tuple[int, str]:
    """Return the exit status of a command and what it says; anything but its own errors passes through."""
    try:
        result = CliRunner().invoke(cli.group, arguments, standalone_mode=False, catch_exceptions=False)
    except (click.ClickException, AbawbenchError) as error:
        said = error.format_message() if isinstance(error, click.ClickException) else str(error)
        assert len(said.splitlines()) <= 3, said
        return int(error.exit_code), said
    return int(result.return_value or 0), result.output


def found_in(name: str, root: Path, out: Path, pattern: str, how: str) -> Iterator[str]:
    """Yield what is wrong with the answers of the commands to a copy of which one file is damaged."""
    file = file_of(root, pattern)
    (out / "predictions.txt").write_text("track,frame,class\nx,0,0\n")
    with damaged(file, how):
        for arguments in commands(name, root, out):
            what = f"{name} {file.name} {how}: {arguments[0]}"
            try:
                status, said = call(arguments)
            except Exception as error:
                yield f"{what}: {type(error).__name__}: {error}"[:300]
                continue
            if status not in (0, 1, 2, 3) or "Traceback" in said:
                yield f"{what}: status {status}: {said[:200]}"
            named = any(part in said for part in (file.name, file.stem, file.parent.name))
            if arguments[0] == "data" and how in NEVER_RIGHT and not named:
                yield f"{what}: does not name the file: {said[-300:]}"


def chosen(name: str) -> list[tuple[str, str]]:
    """The kinds of files and the damages that are tried on a database."""
    every = [(pattern, how) for pattern in KINDS[name] for how in (*WHAT, *GONE)]
    first = list(KINDS).index(name)
    return [one for place, one in enumerate(every) if (place + first) % SHARE == 0]


def test_every_damage_and_every_kind_of_file_is_tried() -> None:
    assert {how for name in KINDS for _, how in chosen(name)} == {*WHAT, *GONE}
    assert all({pattern for pattern, _ in chosen(name)} == set(KINDS[name]) for name in KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_every_command_answers_on_damaged_copies(name: str, copies: dict[str, Path], tmp_path: Path) -> None:
    *_, run = commands(name, copies[name], tmp_path)
    assert call(run)[0] == 0, "the copy is not whole before it is damaged"
    wrong = [said for one in chosen(name) for said in found_in(name, copies[name], tmp_path, *one)]
    assert wrong == []
