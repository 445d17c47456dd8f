"""Clips on the bench: those that ranges are taken from, and those that are timed."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from abawbench.contracts import Example, Runtime
from abawbench.harness.measure.bench import TIMED_CLIPS, Bench


class Ranges(Runtime):
    """Eager execution that keeps the clips it could take ranges from."""

    calibrates = True

    def compile(self, module: nn.Module, example: Example, calibration: Sequence[Example] = ()) -> Any:
        self.seen = [clips for (clips,) in calibration]
        return module.eval()


def distinct(clips: Sequence[Tensor]) -> int:
    return len({one.numpy().tobytes() for one in clips})


@pytest.mark.parametrize(("batch", "groups"), [(1, 32), (4, 8), (32, 1), (5, 6), (64, 1), (100, 1)])
def test_ranges_come_from_whole_batches_of_training_clips(
    batch: int, groups: int, make_bench: Callable[..., Bench]
) -> None:
    bench, runtime = make_bench(), Ranges()
    bench.compile(runtime, bench.example(batch))
    assert [len(clips) for clips in runtime.seen] == [batch] * groups
    assert distinct(torch.cat(runtime.seen)) >= 3  # a colour each


def test_timed_clips_are_spread_over_the_scored_split(make_bench: Callable[..., Bench], toy_database) -> None:
    found = make_bench().scored_clips()
    assert found is not None
    assert found.answers is None
    clips = sum(-(-one.track.n_frames // 5) for one in toy_database.tracks("colour", "val"))
    assert len(found.examples) == min(TIMED_CLIPS, clips)
    assert {x.shape for (x,) in found.examples} == {(1, 5, 3, 16, 16)}
    assert distinct([x for (x,) in found.examples]) >= 3


def test_a_network_is_compiled_once_for_a_batch_and_threads(make_bench: Callable[..., Bench]) -> None:
    bench, made = make_bench(), []

    class Once(Ranges):
        def compile(self, module: nn.Module, example: Example, calibration: Sequence[Example] = ()) -> Any:
            made.append(len(example[0]))
            return super().compile(module, example, calibration)

    runtime = Once()
    for batch in (1, 4, 1, 4):
        bench.compile(runtime, bench.example(batch))
    assert made == [1, 4]
