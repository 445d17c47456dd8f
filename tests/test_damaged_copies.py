"""Commands on damaged copies of a database: an exit status that means it, no traceback, few lines."""

import gzip
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from abawbench import cli
from abawbench.contracts import AbawbenchError
from abawbench_plugins.databases.synthetic.generate import ensure
from abawbench_plugins.databases.synthetic.presets import preset_named

pytestmark = pytest.mark.slow

TASKS = {"aff-wild2": "expr"}
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


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The tiny databases."""
    whole = ensure(tmp_path_factory.mktemp("cache"), preset_named("tiny"), 0)
    return {name: whole / name for name in TASKS}


def files(name: str, root: Path) -> Iterator[Path]:
    """One file of each kind that the task needs: annotations of both splits, a list, an image, media."""
    patterns = {
        "aff-wild2": ("*Annotations/EXPR*/Train_Set/*.txt", "*Annotations/EXPR*/Validation_Set/*.txt",
                      "**/*Expr*test_set_sample.txt", "cropped_aligned*/*/*.jpg", "batch*/*.mp4"),
    }  # fmt: skip
    for pattern in patterns[name]:
        found = sorted(path for path in root.glob(pattern) if path.is_file())
        yield from found[:1]


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how in WHAT:
        path.write_bytes(WHAT[how](content))
        return
    path.unlink()
    if how == "folder":
        path.mkdir()
    if how == "pipe":
        os.mkfifo(path)


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


def found_in(name: str, copies: dict[str, Path], folder: Path, how: str) -> Iterator[str]:
    """Yield what is wrong with the answers of the commands to copies that are damaged in one way."""
    for place, original in enumerate(files(name, copies[name])):
        root = folder / f"{place}"
        shutil.copytree(copies[name], root / "data")
        damage(root / "data" / original.relative_to(copies[name]), how)
        (root / "out").mkdir()
        (root / "out" / "predictions.txt").write_text("track,frame,class\nx,0,0\n")
        for arguments in commands(name, root / "data", root / "out"):
            what = f"{name} {original.name} {how}: {arguments[0]}"
            try:
                status, said = call(arguments)
            except Exception as error:
                yield f"{what}: {type(error).__name__}: {error}"[:300]
                continue
            if status not in (0, 1, 2, 3) or "Traceback" in said:
                yield f"{what}: status {status}: {said[:200]}"
            named = original.name in said or original.stem in said or original.parent.name in said
            if arguments[0] == "data" and how in NEVER_RIGHT and not named:
                yield f"{what}: does not name the file: {said[-300:]}"
        shutil.rmtree(root)


@pytest.mark.parametrize("how", [*WHAT, *GONE])
@pytest.mark.parametrize("name", TASKS)
def test_every_command_answers_on_a_damaged_copy(name: str, how: str, copies: dict[str, Path], tmp_path: Path) -> None:
    assert list(found_in(name, copies, tmp_path, how)) == []
