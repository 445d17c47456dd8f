from dataclasses import replace

import numpy as np
import torch

from abawbench.contracts import Clip, Labels
from abawbench.harness.data.clips import ClipLabels, cut_clips
from abawbench.harness.data.images import track_images
from abawbench.harness.data.steps import Steps
from abawbench.harness.learn.recipe import flat_loss

CLIP = Clip(length=4, stride=4, size=8)


class Numbered(Steps):
    """Images that say which they are."""

    def __init__(self, *exists: list[bool]) -> None:
        super().__init__([track_images(np.array(mask)).shows for mask in exists], ())

    def gather(self, pairs):
        return (torch.from_numpy(pairs[:, 0] * 100 + pairs[:, 1]),)


def shown(steps, clips):
    """Return the distinct images of clips, and which each frame shows."""
    (units,), index = steps.batch([(clip.track, steps.shows[clip.track][clip.frames]) for clip in clips])
    return units, units[index].tolist()


def test_a_clip_never_jumps_over_frames_without_image() -> None:
    (first, last) = cut_clips(0, 6, CLIP)
    assert first.frames.tolist() == [0, 1, 2, 3]
    assert shown(Numbered([True, False, False, True, True, True]), [first])[1] == [[0, 0, 1, 1]]
    assert last.frames.tolist() == [4, 5, 5, 5]
    assert last.real.tolist() == [True, True, False, False]


def test_images_that_clips_share_are_given_once() -> None:
    clips = [*cut_clips(0, 6, CLIP), *cut_clips(1, 3, CLIP)]
    units, frames = shown(Numbered([True] * 6, [True] * 3), clips)
    assert len(units) == 9
    assert frames == [[0, 1, 2, 3], [4, 5, 5, 5], [100, 101, 102, 102]]


def test_padding_and_ignore_codes_are_masked(toys) -> None:
    task = toys.get("task", "colour").build()
    labels = Labels(np.array([0, 1, -1, 2, 0, 1]), np.array([1, 1, 0, 1, 1, 1], dtype=bool))
    known = ClipLabels({3: labels}, task)
    targets, masks = zip(*(known.of(clip) for clip in cut_clips(3, 6, CLIP)), strict=True)
    assert np.stack(masks).tolist() == [[True, True, False, True], [True, True, False, False]]
    assert np.stack(targets).tolist() == [[0, 1, 0, 2], [0, 1, 0, 0]]


def test_clips_without_any_label_are_not_learned_from(toys) -> None:
    task = toys.get("task", "colour").build()
    known = ClipLabels({0: Labels(np.zeros(8, dtype=int), np.arange(8) >= 4)}, task)
    assert [clip.frames[0] for clip in cut_clips(0, 8, CLIP, known.annotated)] == [4]


def test_one_output_per_clip_counts_for_each_of_its_frames(toys) -> None:
    task = toys.get("task", "colour").build()
    seen = {}

    def criterion(logits, target, mask):
        seen.update(logits=logits, target=target, mask=mask)
        return logits.sum()

    logits = torch.tensor([[1.0, 2.0, 3.0]])
    target, mask = torch.tensor([[0, 1]]), torch.tensor([[True, False]])
    flat_loss(criterion, logits, target, mask, task)
    assert seen["logits"].tolist() == [[1, 2, 3], [1, 2, 3]]
    assert seen["target"].tolist() == [0, 1]
    flat_loss(criterion, logits, target, mask, replace(task, level="track"))
    assert seen["logits"].tolist() == [[1, 2, 3]]
    assert seen["mask"].tolist() == [True]
