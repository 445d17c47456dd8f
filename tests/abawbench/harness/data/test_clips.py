from dataclasses import replace

import numpy as np
import torch

from abawbench.contracts import Clip, Labels
from abawbench.harness.data.clips import ClipBatches, annotated, clips_of, distinct
from abawbench.harness.data.features import Features, Reading
from abawbench.harness.data.images import track_images
from abawbench.harness.learn.training import flat_loss

CLIP = Clip(length=4, stride=4, size=8)


class Numbered(Features):
    """Features that say which image they are."""

    def gather(self, pairs):
        return (torch.from_numpy(pairs[:, 0] * 100 + pairs[:, 1]),)


def source(*exists: list[bool]) -> Numbered:
    return Numbered([track_images(np.array(mask)) for mask in exists], Reading())


def test_a_clip_never_jumps_over_frames_without_image() -> None:
    features = source([True, False, False, True, True, True])
    (first, last) = clips_of([0], features, CLIP)
    assert first.frames.tolist() == [0, 1, 2, 3]
    pairs, index = distinct([first], features)
    assert features.gather(pairs)[0][index].tolist() == [[0, 0, 1, 1]]
    assert last.frames.tolist() == [4, 5, 5, 5]
    assert last.real.tolist() == [True, True, False, False]


def test_images_that_clips_share_are_given_once() -> None:
    features = source([True] * 6, [True] * 3)
    pairs, index = distinct(clips_of([0, 1], features, CLIP), features)
    assert len(pairs) == 9
    shown = features.gather(pairs)[0][torch.from_numpy(index)]
    assert shown.tolist() == [[0, 1, 2, 3], [4, 5, 5, 5], [100, 101, 102, 102]]


def test_padding_and_ignore_codes_are_masked(toys) -> None:
    task = toys.get("task", "colour").build()
    features = source([True] * 6)
    labels = [Labels(np.array([0, 1, -1, 2, 0, 1]), np.array([1, 1, 0, 1, 1, 1], dtype=bool))]
    batch = ClipBatches(features, labels, task)(clips_of([0], features, CLIP))
    assert batch["mask"].tolist() == [[True, True, False, True], [True, True, False, False]]
    assert batch["target"].tolist() == [[0, 1, 0, 2], [0, 1, 0, 0]]


def test_clips_without_any_label_are_not_learned_from(toys) -> None:
    task = toys.get("task", "colour").build()
    features = source([True] * 8)
    labels = [Labels(np.zeros(8, dtype=int), np.arange(8) >= 4)]
    assert [c.frames[0] for c in annotated(clips_of([0], features, CLIP), labels, task)] == [4]


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
