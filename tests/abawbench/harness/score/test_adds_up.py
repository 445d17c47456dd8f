"""Tracks that several workers predicted and summed up are scored to the bits of one process."""

import multiprocessing
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abawbench.contracts import Labels, Metric, Task
from abawbench.harness.score.scoring import statistics_of
from abawbench.plugins import default_plugins
from abawbench.records.track_statistics import TrackStatistics, read_statistics, write_statistics
from abawbench.statistics.bootstrap import intervals

TASKS = ("va", "expr", "au")
LENGTHS = (40, 400, 30, 93, 250, 64, 33, 1200)
NAMES = [f"track-{number}" for number in range(len(LENGTHS))]
SUBJECTS = ["a", "b", "c", "d", "e", "f", "g", "a"]


def world(name: str) -> tuple[Task, Metric, list[np.ndarray], list[Labels]]:
    """Scores and labels of tracks of a task, drawn at random."""
    plugins, random = default_plugins(), np.random.default_rng(0)
    task = plugins.get("task", name).build()
    metric = plugins.get("metric", task.metric).build_under({}, task)
    outputs, scores, labels = len(task.outputs), [], []
    for frames in LENGTHS:
        scores.append(random.normal(size=(frames, outputs)).clip(-0.99, 0.99))
        if name == "expr":
            values = random.integers(0, outputs, frames)
        elif name == "au":
            values = random.integers(0, 2, (frames, outputs))
        else:
            values = random.uniform(-1, 1, (frames, outputs))
        labels.append(Labels(values, random.random(frames) < 0.9))
    return task, metric, scores, labels


def work(name: str, chosen: Sequence[int], path: Path) -> Path:
    """Sum up some tracks, as a worker does, and leave them in a file."""
    task, metric, scores, labels = world(name)
    rows = statistics_of(
        metric, task, [NAMES[n] for n in chosen], [scores[n] for n in chosen], [labels[n] for n in chosen]
    )
    write_statistics(path, TrackStatistics(tuple(NAMES[n] for n in chosen), tuple(SUBJECTS[n] for n in chosen), rows))
    return path


def join(files: Sequence[Path]) -> np.ndarray:
    """Put the tracks of several files into the order of the split, which is that of the sum."""
    parts = [read_statistics(file) for file in files]
    found = TrackStatistics(
        tuple(name for part in parts for name in part.tracks),
        tuple(name for part in parts for name in part.subjects),
        np.concatenate([part.values for part in parts]),
    )
    return found.in_order_of(NAMES)


def require_equal(name: str, values: np.ndarray) -> None:
    """Fail unless value, parts and intervals have the bits of one process."""
    task, metric, scores, labels = world(name)
    whole = statistics_of(metric, task, NAMES, scores, labels)
    np.testing.assert_array_equal(values, whole)
    assert metric.value(values.sum(axis=0)) == metric.value(whole.sum(axis=0))
    assert metric.parts(values.sum(axis=0)) == metric.parts(whole.sum(axis=0))
    wanted, given_ = (intervals(metric, rows, groups=SUBJECTS, method="widened") for rows in (whole, values))
    assert wanted == given_


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
@settings(max_examples=6)
@given(order=st.permutations(range(len(LENGTHS))), cuts=st.sets(st.integers(1, len(LENGTHS) - 1), max_size=3))
def test_tracks_in_any_parts_add_up_to_the_same_bits(
    name: str, order: list[int], cuts: set[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    ends = [0, *sorted(cuts), len(order)]
    parts = [order[a:b] for a, b in pairwise(ends)]
    files = [work(name, part, folder / f"{n}.parquet") for n, part in enumerate(parts)]
    require_equal(name, join(files))


def test_tracks_of_two_processes_add_up_to_the_same_bits(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    files = [tmp_path / "0.parquet", tmp_path / "1.parquet"]
    parts = ([6, 0, 3], [7, 1, 2, 5, 4])
    two = [
        context.Process(target=work, args=("va", part, file), daemon=True)
        for part, file in zip(parts, files, strict=True)
    ]
    for one in two:
        one.start()
    for one in two:
        one.join(60)
        assert one.exitcode == 0
    require_equal("va", join(files))
