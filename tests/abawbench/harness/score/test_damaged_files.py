"""A database with damaged files: the run completes, names them, and the record counts what was missing."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import abawbench
from abawbench.records.record import Record
from abawbench_plugins.databases.synthetic.generate import ensure
from abawbench_plugins.databases.synthetic.presets import preset_named

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure(tmp_path_factory.mktemp("cache"), preset_named("tiny"), 0)


@pytest.fixture
def root(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole / "aff-wild2", tmp_path / "aff-wild2")
    return tmp_path / "aff-wild2"


@pytest.fixture
def run(toys, tmp_path: Path, root: Path):
    def call() -> Record:
        (record,) = abawbench.run(
            "toy",
            "expr",
            {"aff-wild2": root},
            settings={"epochs": 1},
            machine=abawbench.Machine(device="cpu", latency_seconds=0),
            out=tmp_path / "runs",
            plugins=toys,
        )
        return record

    return call


def annotations(root: Path, split: str) -> list[Path]:
    return sorted(root.glob(f"*Annotations/EXPR*/{split}/*.txt"))


def images(root: Path, file: Path) -> list[Path]:
    return sorted(root.glob(f"cropped_aligned*/{file.stem}/*.jpg"))


def test_a_whole_database_has_no_problems(run) -> None:
    assert run().counts.problems_total == 0


def test_missing_images_are_filled_and_counted_and_every_frame_is_predicted(run, root: Path) -> None:
    before = run()
    random = np.random.default_rng(0)
    scored = [path for file in annotations(root, "Validation_Set") for path in images(root, file)]
    gone = random.choice(len(scored), len(scored) // 3, replace=False)
    for index in gone:
        scored[index].unlink()
    after = run()
    assert after.status == "ok"
    rows = {file.stem: len(file.read_text().split()) - 1 for file in annotations(root, "Validation_Set")}
    beyond = sum(int(scored[i].stem) > rows[scored[i].parent.name] for i in gone)
    assert after.counts.frames_without_image == before.counts.frames_without_image + len(gone) - beyond
    assert after.counts.frames == before.counts.frames == sum(rows.values())
    assert after.counts.annotated_frames == before.counts.annotated_frames
    assert after.job != before.job


def test_a_truncated_image_is_counted_as_broken_and_named(run, root: Path) -> None:
    victim = images(root, annotations(root, "Validation_Set")[0])[5]
    victim.write_bytes(victim.read_bytes()[:-200])
    record = run()
    assert record.counts.broken_images == 1
    assert any(victim.relative_to(root).as_posix() in problem for problem in record.counts.problems)


def test_an_annotation_cut_in_the_middle_of_a_line_costs_its_track_and_is_named(run, root: Path) -> None:
    before = run()
    victim = annotations(root, "Validation_Set")[0]
    victim.write_text(victim.read_text()[:-3] + "4,")
    after = run()
    assert after.status == "ok"
    rows = victim.read_text().split("\n")[1:]
    lost = sum(row != "-1" for row in rows if row)
    assert after.counts.tracks == before.counts.tracks - 1
    assert (after.counts.skipped_tracks, after.counts.lost_tracks, after.counts.lost_frames) == (1, 1, lost)
    assert before.counts.annotated_frames - 2 <= after.counts.annotated_frames <= before.counts.annotated_frames
    assert after.counts.coverage == pytest.approx(1 - lost / after.counts.annotated_frames)
    assert "lost=1 tracks" in after.marks
    assert any(victim.name in problem for problem in after.counts.problems)


def test_a_text_file_among_the_tracks_is_named_and_changes_nothing(run, root: Path) -> None:
    before = run()
    (annotations(root, "Train_Set")[0].parent / "notes.txt").write_text("remember to check these\n")
    (next(root.glob("cropped_aligned*")) / "list.txt").write_text("a list\n")
    after = run()
    assert after.score == before.score
    assert any("notes.txt" in problem for problem in after.counts.problems)
    assert any("list.txt" in problem for problem in after.counts.problems)


def test_a_database_without_annotations_is_refused_in_one_sentence(run, root: Path) -> None:
    for file in annotations(root, "Train_Set") + annotations(root, "Validation_Set"):
        file.write_text("nonsense\n")
    record = run()
    assert record.status == "failed"
    assert "EXPR" in record.reason
    assert (record.phase, record.blamed.kind, record.blamed.name) == ("read", "database", "aff-wild2")
