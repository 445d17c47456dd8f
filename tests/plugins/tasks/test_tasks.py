"""The six tasks against the protocol of ABAW8."""

import subprocess
import sys

import pytest

from abawbench.contracts import Metric, Task, UsageError
from abawbench.harness.request.jobs import task_names
from abawbench.plugins import Plugins

NAMES = ["va", "expr", "au", "ce", "emi", "ah"]
METRICS = {"va": "ccc", "expr": "macro-f1", "au": "macro-f1", "ce": "macro-f1", "emi": "pearson", "ah": "weighted-f1"}
HEADERS = {
    "va": "valence,arousal",
    "expr": "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other",
    "au": "AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26",
    "ce": "Fearfully_Surprised,Happily_Surprised,Sadly_Surprised,Disgustedly_Surprised,Angrily_Surprised,"
    "Sadly_Fearful,Sadly_Angry",
    "emi": "Admiration,Amusement,Determination,Empathic Pain,Excitement,Joy",
}


SUITES = {
    "abaw8": NAMES,
    "abaw10": ["va", "expr", "au", "vd", "emi", "ah-video"],
    "abaw11": ["mtl", "ah-video"],
}
PLUGINS = Plugins(third_party=False)


def build(name: str) -> Task:
    task: Task = PLUGINS.get("task", name).build()
    return task


@pytest.mark.parametrize("name", NAMES)
def test_the_declaration_builds_the_task_of_its_name(name: str) -> None:
    task = build(name)
    assert (task.name, task.edition) == (name, 8)
    assert name in task_names(PLUGINS, ["all"])


@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_stands_for_the_tasks_of_its_challenge(suite: str) -> None:
    assert task_names(PLUGINS, [suite]) == SUITES[suite]


def test_all_is_the_first_suite() -> None:
    assert task_names(PLUGINS, ["all"]) == task_names(PLUGINS, ["abaw8"])


def test_suites_and_tasks_may_be_named_together_and_each_task_comes_once() -> None:
    assert task_names(PLUGINS, ["ah", "abaw11", "abaw10"]) == ["ah", "mtl", "ah-video", "va", "expr", "au", "vd", "emi"]


def test_an_unknown_suite_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown task 'abaw9'"):
        task_names(PLUGINS, ["abaw9"])


@pytest.mark.parametrize("name", list(HEADERS))
def test_outputs_are_spelled_and_ordered_as_in_the_official_header(name: str) -> None:
    assert ",".join(build(name).outputs) == HEADERS[name]


@pytest.mark.parametrize("name", NAMES)
def test_the_official_metric_can_be_built_for_the_task(name: str) -> None:
    task = build(name)
    metric: Metric = PLUGINS.get("metric", task.metric).build(task)
    assert task.metric == metric.name == METRICS[name]
    assert metric.size > len(task.outputs)


@pytest.mark.parametrize("name", NAMES)
def test_the_activation_reaches_exactly_the_range_of_the_labels(name: str) -> None:
    task = build(name)
    expected = {("regression", (-1.0, 1.0)): "tanh", ("regression", (0.0, 1.0)): "sigmoid"}
    by_kind = {"multiclass": "softmax", "multilabel": "sigmoid"}
    assert task.activation == (expected.get((task.kind, task.ranges)) or by_kind[task.kind])


def test_only_emotional_mimicry_is_scored_per_track() -> None:
    assert [name for name in NAMES if build(name).level == "track"] == ["emi"]


def test_ambivalence_counts_1_as_present() -> None:
    assert build("ah").outputs.index("present") == 1


def test_task_metric_and_runtime_plugins_import_nothing_heavy() -> None:
    modules = [f"tasks.{name}" for name in NAMES] + ["metrics.concordance", "metrics.pearson", "metrics.f1"]
    code = f"import sys\nfor name in {[*modules, 'runtimes.eager']!r}: __import__('abawbench_plugins.' + name)\n"
    code += "print(*{'torch', 'timm', 'transformers', 'pandas', 'scipy', 'sklearn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
