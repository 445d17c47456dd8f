"""The tasks of other editions: none is in ``all``, each as its edition defines it."""

import numpy as np
import pytest

from abawbench.contracts import Labels, Task
from abawbench.harness.request.jobs import task_names
from abawbench.plugins import Plugins
from abawbench_plugins.models.mnv4_tam.network import build_network
from abawbench_plugins.tasks import eri, mtl

NAMES = ["ah-video", "mtl", "eri", "vd"]


PLUGINS = Plugins(third_party=False)


def build(name: str) -> Task:
    task: Task = PLUGINS.get("task", name).build()
    return task


@pytest.mark.parametrize("name", NAMES)
def test_the_declaration_builds_the_task_of_its_name_and_all_leaves_it_out(name: str) -> None:
    assert build(name).name == name
    assert name not in task_names(PLUGINS, ["all"])


def test_levels_editions_and_metrics_are_those_of_the_protocols() -> None:
    found = {name: (task.level, task.edition, task.metric) for name in NAMES for task in [build(name)]}
    assert found == {
        "ah-video": ("track", 10, "macro-f1-ap"),
        "mtl": ("frame", 11, "sum-of-parts"),
        "eri": ("track", 5, "pearson"),
        "vd": ("frame", 10, "macro-f1"),
    }


def test_1_means_present_and_violent() -> None:
    assert build("ah-video").outputs[1] == "present"
    assert build("vd").outputs[1] == "violent"


def test_reactions_are_the_seven_of_the_challenge() -> None:
    assert ",".join(build("eri").outputs) == "Adoration,Amusement,Anxiety,Disgust,Empathic-Pain,Fear,Surprise"


def test_mtl_has_2_and_8_and_12_outputs_and_15_columns() -> None:
    task = mtl.task()
    assert len(task.outputs) == 22 == len(set(task.outputs))
    assert [(at.start, at.stop) for at in task.part_outputs] == [(0, 2), (2, 10), (10, 22)]
    assert [(at.start, at.stop) for at in task.part_columns] == [(0, 2), (2, 3), (3, 15)]


def test_mtl_decides_a_row_as_the_submission_has_it() -> None:
    scores = np.zeros((1, 22))
    scores[0, :2] = 0.25, -0.5
    scores[0, 2 + 4] = 0.9
    scores[0, 10:] = np.arange(12) % 2
    assert mtl.task().decide(scores).tolist() == [[0.25, -0.5, 4, *(i % 2 for i in range(12))]]


def test_mtl_gives_each_part_its_labels_in_the_shape_of_its_kind() -> None:
    task = mtl.task()
    labels = Labels(np.tile(np.arange(15.0), (4, 1)), np.array([[1, 0, 1]] * 4, dtype=bool))
    va, expr, au = (task.part_labels(labels, i) for i in range(3))
    assert va.values[0].tolist() == [0, 1]
    assert expr.values.tolist() == [2, 2, 2, 2]
    assert au.values.shape == (4, 12)
    assert [part.mask.all() for part in (va, expr, au)] == [True, False, True]
    assert Labels(labels.values, labels.mask & False).annotated.tolist() == [False] * 4


def test_mnv4_tam_gives_all_outputs_of_mtl_at_once() -> None:
    import torch

    network = build_network(len(mtl.task().outputs), size=32).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 8, 3, 32, 32)).shape == (1, 22)


def test_by_another_assumption_reactions_are_scored_by_ccc() -> None:
    assert eri.task(eri_metric="ccc").metric == "ccc"
