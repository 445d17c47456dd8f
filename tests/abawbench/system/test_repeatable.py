"""A process is left as it was, whatever a plugin changes in it; chance inside is the seed's."""

import random

import numpy as np
import torch

from abawbench.system.repeatable import make_repeatable


def draw() -> tuple[float, float, float]:
    return random.random(), float(np.random.random()), float(torch.rand(1))


def test_all_three_sources_of_chance_follow_the_seed() -> None:
    drawn = []
    for seed in (1, 1, 2):
        with make_repeatable(seed):
            drawn.append(draw())
    assert drawn[0] == drawn[1]
    assert not set(drawn[0]) & set(drawn[2])


def test_what_a_plugin_changes_does_not_reach_the_next_job() -> None:
    random.seed(5)
    wanted = random.Random(5).random()
    threads = torch.get_num_threads()
    with make_repeatable(0):
        torch.set_default_dtype(torch.float64)
        torch.set_num_threads(threads + 1)
        random.random()
    assert torch.get_default_dtype() == torch.float32
    assert torch.get_num_threads() == threads
    assert random.random() == wanted
