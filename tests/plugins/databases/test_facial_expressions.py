"""The open stills: who is in which split, which rows count, and what is said of those that do not."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from abawbench.contracts import DataError
from abawbench_plugins.databases.facial_expressions import CLASSES, FacialExpressions, open_database, split_of
from tests.plugins.databases.conftest import Disk, jpeg

REAL = Path(os.environ.get("ABAWBENCH_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"), "facial-expressions")

Write = Callable[..., FacialExpressions]


def someone(split: str, number: int = 0) -> str:
    """The name of a person of a split."""
    return [name for n in range(500) if split_of(name := f"Person_{n}x") == split][number]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a legend of rows (image, emotion) with all images but those in ``without``, and open it."""

    def written(*rows: tuple[str, str], without: tuple[str, ...] = (), contempt: str = "left-out") -> FacialExpressions:
        disk = Disk(tmp_path)
        disk.put("data/legend.csv", "user.id,image,emotion\n" + "".join(f"me,{i},{e}\n" for i, e in rows))
        for image in {image for image, _ in rows} - set(without):
            disk.put(f"images/{image}", jpeg(size=16))
        return open_database([tmp_path], contempt)

    return written


def test_every_photograph_is_a_track_of_one_frame(write: Write) -> None:
    him, her = someone("train"), someone("train", 1)
    rows = ((f"{him}_0001.jpg", "ANGER"), (f"{him}_0002.jpg", "happiness"), (f"{her}_0001.jpg", "neutral"))
    tracks = write(*rows).tracks("expr", "train")
    assert {one.track.id: CLASSES[int(one.known.values[0])] for one in tracks} == {
        f"{him}_0001.jpg": "Anger",
        f"{him}_0002.jpg": "Happiness",
        f"{her}_0001.jpg": "Neutral",
    }
    assert {one.track.subject for one in tracks} == {him, her}
    images, mask = tracks[0].track.frames(np.array([0]))
    assert (images.shape, mask.tolist()) == ((1, 16, 16, 3), [True])


def test_people_never_cross_splits_and_half_is_the_test_set() -> None:
    names = [f"person {n}" for n in range(4000)]
    shares = [sum(split_of(name) == split for name in names) / len(names) for split in ("test", "train", "val")]
    np.testing.assert_allclose(shares, [0.5, 0.35, 0.15], atol=0.03)


def test_contempt_is_not_annotated_unless_it_stands_for_other(write: Write) -> None:
    row = (f"{someone('val')}_0001.jpg", "contempt")
    left_out, other = write(row), write(row, contempt="other")
    assert left_out.lacks("expr") == ("Other",)
    assert other.lacks("expr") == ()
    assert not left_out.tracks("expr", "val")[0].known.mask.any()
    assert other.tracks("expr", "val")[0].known.values.tolist() == [7]
    assert all("contempt" in str(database.problems.items) for database in (left_out, other))


def test_an_image_named_twice_counts_once_or_not_at_all(write: Write) -> None:
    one, two = f"{someone('val')}_0001.jpg", f"{someone('val')}_0002.jpg"
    database = write((one, "fear"), (one, "FEAR"), (two, "fear"), (two, "anger"))
    found = {t.track.id: t.known for t in database.tracks("expr", "val")}
    assert (found[one].values.tolist(), found[one].mask.tolist(), found[two].mask.tolist()) == ([3], [True], [False])
    assert [problem.line for problem in database.problems.items] == [3, 5]


def test_a_row_that_cannot_be_used_is_named_and_skipped(write: Write) -> None:
    kept = f"{someone('train')}_0001.jpg"
    database = write((kept, "fear"), ("a_1.jpg", "bored"), ("../b_1.jpg", "fear"), without=("../b_1.jpg",))
    assert len(database.tracks("expr", "train")) == 1
    assert [problem.line for problem in database.problems.items] == [3, 4]


def test_missing_photographs_are_counted_and_masked(write: Write) -> None:
    there, lost = f"{someone('train')}_0001.jpg", f"{someone('train')}_0002.jpg"
    database = write((there, "fear"), (lost, "fear"), without=(lost,))
    masks = {one.track.id: one.track.frame_mask().tolist() for one in database.tracks("expr", "train")}
    assert masks == {there: [True], lost: [False]}
    assert "1 of the train images" in str(database.problems.items[0])


def test_a_folder_without_a_legend_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no data/legend\.csv; clone"):
        open_database([tmp_path])


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="the photographs are not here")
def test_the_real_copy_has_the_known_numbers() -> None:
    database = open_database([REAL])
    counts = {(c.split, c.what): c.number for c in database.inspect().counts}
    known = [e for e in database.expected() if e.split in ("train", "val")]
    assert len(known) == 18
    assert {(e.split, e.what): counts[e.split, e.what] for e in known} == {(e.split, e.what): e.number for e in known}
