"""Images that are read ahead: the same for any number of workers, and nothing that a worker met is lost."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from abawbench.contracts import Clip, Track
from abawbench.harness.data.clips import ClipIndex, cut_clips
from abawbench.harness.data.frames import CachedImages, ImageRules, LiveImages, Where, embed_images
from abawbench.harness.data.inputs import Inputs
from abawbench.harness.data.loader import count_workers
from abawbench.nn import freeze
from abawbench.progress import Progress
from abawbench.system.cache import cache_folder
from abawbench_plugins.databases.aff_wild2 import AffWild2, open_database

CPU = torch.device("cpu")
CLIP = Clip(length=4, stride=4, size=16)
FOLDER = "8th_ABAW_Annotations/VA_Estimation_Challenge/Train_Set"


@pytest.fixture
def database(tmp_path: Path) -> AffWild2:
    """Three tracks of noise, one of them larger; an image is broken and one is missing."""
    random = np.random.default_rng(0)
    for name, side in (("a", 16), ("b", 24), ("c", 16)):
        (tmp_path / FOLDER).mkdir(parents=True, exist_ok=True)
        (tmp_path / FOLDER / f"{name}.txt").write_text("valence,arousal\n" + "0,0\n" * 9)
        (tmp_path / "cropped_aligned" / name).mkdir(parents=True)
        for number in range(1, 10):
            image = random.integers(0, 256, (side, side, 3), dtype=np.uint8)
            cv2.imwrite(str(tmp_path / "cropped_aligned" / name / f"{number:05d}.jpg"), image)
    (tmp_path / "cropped_aligned/b/00003.jpg").write_bytes(b"broken")
    (tmp_path / "cropped_aligned/c/00005.jpg").unlink()
    return open_database([tmp_path])


def tracks_of(database: AffWild2) -> list[Track]:
    return [one.track for one in database.tracks("va", "train")]


def batches(tracks: Sequence[Track], workers: int) -> tuple[Inputs, list[list[ClipIndex]]]:
    images = LiveImages(tracks, ImageRules(CLIP))
    clips = [clip for number, track in enumerate(tracks) for clip in cut_clips(number, track.n_frames, CLIP)]
    chosen = [clips[i::4] for i in range(4)]  # of several tracks each
    return Inputs(tracks, {"frames": images}, images.log, workers), chosen


def read(tracks: Sequence[Track], workers: int) -> Iterator[tuple[Tensor, Tensor]]:
    inputs, chosen = batches(tracks, workers)
    for _, units, index in inputs.batches(chosen, CPU):
        yield units["frames"][0], index["frames"]


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_read_what_one_process_reads(database: AffWild2, workers: int) -> None:
    tracks = tracks_of(database)
    for (images, index), (others, same) in zip(read(tracks, 0), read(tracks, workers), strict=True):
        assert torch.equal(images, others)
        assert torch.equal(index, same)


def test_an_image_is_the_same_in_whatever_company(database: AffWild2) -> None:
    tracks = tracks_of(database)
    images = LiveImages(tracks, ImageRules(CLIP))
    pairs = np.array([[0, 3], [1, 2], [1, 7], [2, 0]])
    together = images.gather(pairs)[0]
    assert together.shape == (4, 3, 16, 16)
    for place, pair in enumerate(pairs):
        assert torch.equal(images.gather(pair[None])[0][0], together[place])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_image_is_counted_once_whoever_reads_it(database: AffWild2, workers: int) -> None:
    inputs, chosen = batches(tracks_of(database), workers)
    for _ in range(2):
        assert len(list(inputs.batches(chosen, CPU))) == len(chosen)
    assert inputs.log.broken == ["cropped_aligned/b/00003.jpg"]
    assert [p.file for p in database.problems.items if "not a readable" in p.what] == ["cropped_aligned/b/00003.jpg"]


@pytest.mark.parametrize("workers", [1, 2])
def test_features_are_the_same_for_any_number_of_workers(
    database: AffWild2, workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracks, found = tracks_of(database), []
    torch.manual_seed(0)
    embed = freeze(nn.Conv2d(3, 4, 3, stride=2))
    for count in (0, workers):
        monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path / f"cache{count}"))
        assert not (cache_folder() / "features").exists()
        steps = embed_images(embed, tracks, ImageRules(CLIP), Where(CPU, Progress(), count))
        assert isinstance(steps, CachedImages)
        assert len(steps.log.broken) == 1
        pairs = [(n, row) for n in range(3) for row in range(steps.images[n].count)]
        found.append(steps.gather(np.array(pairs))[0])
    assert torch.equal(*found)


def test_few_images_are_read_without_a_worker() -> None:
    assert count_workers(None, 100) == 0
    assert count_workers(None, 1_000_000) >= 1
    assert count_workers(3, 100) == 3


@pytest.mark.parametrize("workers", [0, 2])
def test_the_log_says_how_many_processes_read(database: AffWild2, workers: int) -> None:
    inputs, chosen = batches(tracks_of(database), workers)
    assert len(list(inputs.batches(chosen, CPU))) == len(chosen)
    assert inputs.log.workers == workers
