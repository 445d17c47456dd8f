"""A packed copy: one file for each folder of images, and everything else the same."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import abawbench
from abawbench.contracts.errors import DataError, UsageError
from abawbench.harness.data.verify import Status, VerifyRequest, verify
from abawbench.records import store
from abawbench_plugins.databases import aff_wild2, bah, dvd, hume_vidmimic2
from abawbench_plugins.databases._database import FolderDatabase

VA = "8th_ABAW_Annotations/VA_Estimation_Challenge/Train_Set"


def quiet(done: int, total: int, what: str) -> None:
    """Hear nothing."""


@pytest.fixture
def root(disk: Any) -> Path:
    """Two tracks of different names and sizes; an image is broken and one is missing, and a stray file lies about."""
    random = np.random.default_rng(0)
    for name, form in (("a", "{:05d}.jpg"), ("b.mp4", "frame_det_00_{:06d}.jpg")):
        disk.put(f"{VA}/{name}.txt", "valence,arousal\n" + "0,0\n" * 600)
        for number in range(1, 560, 2 if name == "a" else 50):
            pixels = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            disk.put(f"cropped_aligned/{name}/{form.format(number)}", cv2.imencode(".jpg", pixels)[1].tobytes())
    disk.put("cropped_aligned/a/00003.jpg", b"broken")
    disk.put("cropped_aligned/a/notes.txt", b"read me")
    root: Path = disk.root
    return root


def test_a_packed_copy_gives_the_same_frames_bit_by_bit(root: Path, tmp_path: Path) -> None:
    original = aff_wild2.open_database([root])
    assert original.pack(tmp_path / "packed", quiet) == 280 + 1 + 12
    packed = aff_wild2.open_database([tmp_path / "packed"])
    assert sorted(p.name for p in (tmp_path / "packed/cropped_aligned").iterdir()) == ["a.arrow", "b.mp4.arrow"]
    assert packed.fingerprint() == original.fingerprint()
    for one, other in zip(original.tracks("va", "train"), packed.tracks("va", "train"), strict=True):
        every = np.arange(one.track.n_frames)
        for left, right in zip(one.track.frames(every), other.track.frames(every), strict=True):
            np.testing.assert_array_equal(left, right)
        assert other.track.frame_files() == one.track.frame_files()
        assert other.track.identify_frames() == one.track.identify_frames()
    assert packed.problems.items == original.problems.items


def test_a_packed_copy_verifies_like_the_original(root: Path, tmp_path: Path) -> None:
    database = aff_wild2.open_database([root])
    database.pack(tmp_path / "packed", quiet)
    found = [
        verify(aff_wild2.open_database([place]), VerifyRequest(jobs=1, labels=["va"], splits=["train"]))
        for place in (root, tmp_path / "packed")
    ]
    assert found[0].lines == found[1].lines
    original, packed = ([(Path(p.file).name, p.what) for p in one.problems if "video" not in p.what] for one in found)
    assert packed == original
    assert len(original) >= 3
    assert found[0].files == found[1].files
    assert found[1].status is Status.INCOMPLETE


@pytest.mark.parametrize("left", [0, 100, -1])
def test_a_truncated_pack_names_its_track(root: Path, tmp_path: Path, left: int) -> None:
    aff_wild2.open_database([root]).pack(tmp_path / "packed", quiet)
    path = tmp_path / "packed/cropped_aligned/a.arrow"
    path.write_bytes(path.read_bytes()[:left])
    one = aff_wild2.open_database([tmp_path / "packed"]).tracks("va", "train")[0]
    with pytest.raises(DataError, match=r"a\.arrow: the pack of track a is truncated"):
        one.track.frame_mask()


def test_packing_over_something_is_refused_and_leaves_nothing(root: Path, tmp_path: Path) -> None:
    (tmp_path / "packed").mkdir()
    with pytest.raises(UsageError, match="is there already"):
        aff_wild2.open_database([root]).pack(tmp_path / "packed", quiet)

    def stop(done: int, total: int, what: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        aff_wild2.open_database([root]).pack(tmp_path / "other", stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["packed", "root"]


def same_images(original: FolderDatabase, packed: FolderDatabase, label: str) -> None:
    for one, other in zip(original.tracks(label, "train"), packed.tracks(label, "train"), strict=True):
        assert one.track.frame_mask().any()
        assert other.track.frame_files() == one.track.frame_files()


def test_hume_is_read_from_packs(disk: Any, tmp_path: Path) -> None:
    disk.put(
        "train_split.csv", "Filename,Admiration,Amusement,Determination,Empathic Pain,Excitement,Joy\n00001" + ",0" * 6
    )
    disk.images("face_images/00001", "1.jpg", "2.jpg", "10.jpg")
    original = hume_vidmimic2.open_database([disk.root])
    original.pack(tmp_path / "packed", quiet)
    same_images(original, hume_vidmimic2.open_database([tmp_path / "packed"]), "emi")


def test_packs_of_bah_and_dvd_give_the_same_frames(disk: Any, tmp_path: Path) -> None:
    package, video = "ABAW-8th-BAH-train-data", "82557/Visite 1/82557_Question_1.mp4"
    disk.put(f"{package}/default-split/train.txt", f"{video},1,well, I want to\n")
    rows = "\n".join(f'  - ["{video}/frame-{number}.jpg", 1]' for number in range(9))
    disk.put(f"{package}/annotation.yml", f'"{video}":\n  global_ah: 1\n  frame_annotation:\n{rows}\n')
    disk.put("Training/annotations/a b.csv", "Frame_Number,Label\n" + "".join(f"{i},0\n" for i in range(1, 9)))
    for number in (1, 2, 5, 8):
        disk.put(f"{package}/cropped-aligned-faces/{video}/frame-{number}.jpg", disk.jpeg(20 * number, 0, 0))
        disk.put(f"Training/images/a b/{number:05d}.jpg", disk.jpeg(0, 20 * number, 0))
    for number, (open_it, label) in enumerate(((bah.open_database, "ah"), (dvd.open_database, "vd"))):
        out = tmp_path / f"packed{number}"
        original = open_it([disk.root])
        original.pack(out, quiet)
        assert not list(out.rglob("*.jpg"))
        one, other = (database.tracks(label, "train")[0].track for database in (original, open_it([out])))
        every = np.arange(one.n_frames)
        assert one.frame_mask().sum() == 4
        for left, right in zip(one.frames(every), other.frames(every), strict=True):
            np.testing.assert_array_equal(left, right)
        assert other.identify_frames() == one.identify_frames()


@pytest.mark.slow
def test_a_run_on_a_pack_with_workers_has_the_bits_of_a_run_on_the_tree(root: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    for name, number in (("Train_Set/a", 120), ("Train_Set/b.mp4", 120), ("Validation_Set/c", 40)):
        file = root / Path(VA).parent / f"{name}.txt"
        file.parent.mkdir(exist_ok=True)
        values = random.uniform(-1, 1, (number, 2)).round(2).tolist()
        file.write_text("valence,arousal\n" + "".join(f"{v},{a}\n" for v, a in values))
    (root / "cropped_aligned/c").mkdir()
    for number in range(1, 38):
        pixels = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        cv2.imwrite(str(root / f"cropped_aligned/c/{number:05d}.jpg"), pixels)
    aff_wild2.open_database([root]).pack(tmp_path / "packed", quiet)
    found = []
    for place, workers in ((root, 0), (root, 2), (tmp_path / "packed", 2)):
        out = tmp_path / f"{place.name}{workers}"
        (record,) = abawbench.run(
            "mnv4-tam-1",
            "va",
            {"aff-wild2": place},
            settings={"size": 32, "epochs": 1, "freeze": "none"},
            weights="none",
            machine=abawbench.Machine(device="cpu", workers=workers, latency_seconds=0),
            out=out,
        )
        assert record.status == "ok", record.reason
        assert record.process.workers == workers
        ((folder, _),) = store.find(out)
        scores = store.read_run_predictions(folder).scores
        found.append((record.job, record.score.value, record.trained.sha256, scores["c"].tobytes()))
    assert found[1] == found[0]
    assert found[2] == found[0]
