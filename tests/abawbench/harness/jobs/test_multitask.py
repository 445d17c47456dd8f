"""Several tasks at once: each learns from, and is scored on, the frames annotated for it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import abawbench
from abawbench import losses
from abawbench.contracts import Clip, Labels, Recipe
from abawbench.harness.data.clips import ClipLabels, cut_clips
from abawbench.harness.learn.recipe import flat_loss, loss_of

pytestmark = pytest.mark.slow

CLIP = Clip(length=4, stride=4, size=8)


@pytest.fixture
def mtl(toys: Any) -> Any:
    return toys.get("task", "mtl").build()


def labels() -> Labels:
    """Five frames, the expression annotated in the first two and the action units in the third; codes elsewhere."""
    values = np.full((5, 15), np.nan)
    values[:2, 2] = 3
    values[2, 3:] = 1
    mask = np.zeros((5, 3), dtype=bool)
    mask[:2, 1] = mask[2, 2] = True
    return Labels(values, mask)


def batch(task: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """The targets and masks of the clips of one track."""
    known = ClipLabels({0: labels()}, task)
    clips = cut_clips(0, 5, CLIP)
    assert len(cut_clips(0, 5, CLIP, known.annotated)) == 1
    targets, masks = zip(*(known.of(clip) for clip in clips), strict=True)
    return torch.from_numpy(np.stack(targets)), torch.from_numpy(np.stack(masks))


def test_every_part_has_its_own_mask_and_padding_is_in_none(mtl: Any) -> None:
    target, mask = batch(mtl)
    assert mask.shape == (2, 4, 3)
    assert mask.any(dim=1).tolist() == [[False, True, True], [False, False, False]]
    assert torch.isfinite(target).all()
    assert target[0, :, 2].tolist() == [3, 3, 0, 0]
    assert target[0, :, 3].tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize("per_frame", [False, True])
def test_the_loss_is_the_sum_of_the_losses_of_the_parts(mtl: Any, per_frame: bool) -> None:
    target, mask = batch(mtl)
    logits = torch.randn((2, 4, 22) if per_frame else (2, 22), generator=torch.Generator().manual_seed(0))
    options = {"gamma": 1.0}
    recipe = Recipe(loss_options={"multilabel": options})
    found = flat_loss(loss_of(mtl, recipe), logits, target, mask, mtl)
    rows = logits if per_frame else logits[:, None].expand(-1, 4, -1)
    _, expr, au = mtl.parts
    two = losses.focal_cross_entropy(rows[0, :2, 2:10], torch.tensor([3, 3]), torch.ones(2, dtype=bool), expr)
    one = losses.focal_sigmoid(rows[0, 2:3, 10:], torch.ones(1, 12), torch.ones(1, dtype=bool), au, **options)
    torch.testing.assert_close(found, two + one)


def test_a_recipe_may_replace_the_loss_as_a_whole(mtl: Any) -> None:
    logits = torch.zeros(3, 22)
    whole = loss_of(mtl, Recipe(loss={"mtl": "abawbench.losses:binary_cross_entropy"}))
    assert whole(logits, torch.zeros(3, 22), torch.ones(3, dtype=bool)) == pytest.approx(np.log(2))


def test_scores_are_activated_part_by_part(mtl: Any) -> None:
    scores = losses.scores_of(torch.full((1, 22), 2.0), mtl)[0]
    assert scores[:2].tolist() == pytest.approx([np.tanh(2)] * 2)
    assert scores[2:10].tolist() == pytest.approx([1 / 8] * 8)
    assert scores[10:].tolist() == pytest.approx([1 / (1 + np.exp(-2))] * 12)


@pytest.mark.parametrize("name", ["ah-video", "mtl", "eri", "vd"])
def test_every_further_task_runs_end_to_end(name: str, toys: Any, tmp_path: Path) -> None:
    (record,) = abawbench.run(
        model="toy",
        task=name,
        data=abawbench.Sources({"synthetic": ()}, "tiny"),
        settings={"epochs": 2, "lr": 0.01},
        out=tmp_path / "runs",
        plugins=toys,
        machine=abawbench.Machine(device="cpu", latency_seconds=0),
    )
    assert record.status == "ok", record.reason
    assert np.isfinite(record.score.value)
    assert np.isfinite(record.floor.value)
    assert all("are assumed" in problem for problem in record.counts.problems)
    assert 0 < record.counts.annotated_frames <= record.counts.frames
    made = [path.name for path in (tmp_path / "cache/synthetic").iterdir()]
    assert len(made) == 1
    assert made[0].endswith(toys.get("task", name).build().database)
    if name == "ah-video":
        assert record.score.parts["ap"].value > 0
    if name == "mtl":
        assert record.score.value == pytest.approx(sum(record.score.parts[p].value for p in ("va", "expr", "au")))
