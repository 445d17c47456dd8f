"""Reading valence-arousal annotations of official size (594 tracks, 2,993,081 rows) beside plain loops.

At the official size: at most 6 s cold, 0.5 s warm and 1 GB on two cores. Cold is a first reading, which parses every
file; warm is a later one by a database opened anew, with the parsed arrays in the cache folder. The loops are what a
script does, file by file, with pandas and with numpy; they check nothing that they read. A manifest of that size takes
less than 1 GB, too.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abawbench_plugins.databases.aff_wild2 import open_database
from abawbench_plugins.databases.synthetic import labels_only

SPLITS = ("train", "val", "test")
OLD = 1_700_000_000
# what a process starts with counts in ru_maxrss, and that is its parent's
HELD = "int(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0]) // 1024"
MANIFEST_PEAK = f"""
import sys
from pathlib import Path
from abawbench_plugins.databases.manifest import open_database
tracks = open_database([Path(sys.argv[1])]).tracks("va", "train")
print({HELD}, sum(one.track.n_frames for one in tracks))
"""
PEAK = f"""
import sys
from pathlib import Path
from abawbench_plugins.databases.aff_wild2 import open_database
database = open_database([Path(sys.argv[1])])
tracks = [database.tracks("va", split) for split in ("train", "val", "test")]
print({HELD})
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, share: float) -> Path:
    folder = tmp_path_factory.mktemp("labels")
    for name in labels_only.write(folder, seed=0, share=share):
        os.utime(folder / name, (OLD, OLD))
    return folder / "aff-wild2"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path))
    return tmp_path / "parsed"


def index(root: Path) -> dict[str, list[Any]]:
    database = open_database([root])
    return {split: list(database.tracks("va", split)) for split in SPLITS}


def with_pandas(path: Path) -> np.ndarray[Any, Any]:
    import pandas as pd

    return pd.read_csv(path).to_numpy(dtype=np.float64)


def with_numpy(path: Path) -> np.ndarray[Any, Any]:
    return np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)


def plain_loop(root: Path, read: Any) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, int]]:
    """What a script does: read one file after the other, then pass once over the template's lines."""
    labels = {path.stem: read(path) for path in root.glob("*/*/*/*.txt")}
    frames: dict[str, int] = {}
    for line in next(root.glob("*sample.txt")).read_text().splitlines()[1:]:
        name = line.split(",")[0].split("/")[0]
        frames[name] = frames.get(name, 0) + 1
    return labels, frames


def rows(found: dict[str, list[Any]]) -> int:
    return sum(one.track.n_frames for tracks in found.values() for one in tracks)


@pytest.mark.slow
def test_indexing_cold(benchmark: Any, root: Path, cache: Path, full: bool) -> None:
    found = benchmark.pedantic(
        index, args=(root,), setup=lambda: shutil.rmtree(cache, ignore_errors=True), rounds=3 if full else 1
    )
    done = subprocess.run([sys.executable, "-c", PEAK, str(root)], capture_output=True, text=True, check=True)
    benchmark.extra_info.update(rows=rows(found), peak_megabytes=int(done.stdout))
    assert {split: len(tracks) for split, tracks in found.items()} == labels_only.TRACKS
    if full:
        assert rows(found) == 2_993_081
        assert sum(int(one.known.mask.sum()) for one in found["val"]) == 382_021
        assert int(done.stdout) < 1000
        assert benchmark.stats is None or benchmark.stats.stats.min <= 6


def test_indexing_warm(benchmark: Any, root: Path, full: bool) -> None:
    cold = index(root)
    found = benchmark.pedantic(index, args=(root,), rounds=5 if full else 1)
    benchmark.extra_info.update(rows=rows(found))
    for split in ("train", "val"):
        for before, after in zip(cold[split], found[split], strict=True):
            np.testing.assert_array_equal(before.known.values, after.known.values)
    if full:
        assert benchmark.stats is None or benchmark.stats.stats.min <= 0.5


@pytest.mark.slow
@pytest.mark.parametrize("read", [with_pandas, with_numpy])
def test_a_plain_loop_reads_the_same(benchmark: Any, root: Path, full: bool, read: Any) -> None:
    labels, frames = benchmark.pedantic(plain_loop, args=(root, read), rounds=3 if full else 1)
    found = index(root)
    for one in [*found["train"], *found["val"]]:
        np.testing.assert_array_equal(one.known.values, labels[one.track.id])
    assert {one.track.id: one.track.n_frames for one in found["test"]} == frames


@pytest.mark.slow
def test_a_manifest_of_that_size_takes_less_than_a_gigabyte(
    benchmark: Any, tmp_path: Path, share: float, full: bool
) -> None:
    random = np.random.default_rng(0)
    rows = int(5039 * share) + 1
    image = tmp_path / "cropped_aligned/1-30-1280x720/00001.jpg"  # a manifest of which no image is there is refused
    image.parent.mkdir(parents=True)
    image.touch()
    with (tmp_path / "manifest.csv").open("w") as file:
        file.write("track,frame,image,split,subject,valence,arousal\n")
        for track in range(594):
            name = f"{track + 1}-30-1280x720"
            values = np.clip(np.cumsum(random.normal(0, 0.02, (rows, 2)), axis=0), -1, 1).round(3).tolist()
            file.writelines(
                f"{name},{i},cropped_aligned/{name}/{i:05d}.jpg,train,{name},{v},{a}\n"
                for i, (v, a) in enumerate(values, start=1)
            )

    def peak() -> list[int]:
        done = subprocess.run(
            [sys.executable, "-c", MANIFEST_PEAK, str(tmp_path)], capture_output=True, text=True, check=True
        )
        return [int(number) for number in done.stdout.split()]

    megabytes, indexed = benchmark.pedantic(peak, rounds=1)
    benchmark.extra_info.update(rows=indexed, peak_megabytes=megabytes)
    assert indexed == 594 * rows
    if full:
        assert megabytes < 1000
