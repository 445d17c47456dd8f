"""The six tasks against the protocol of ABAW8."""

import importlib
import subprocess
import sys

import pytest

from abawbench.contracts import Task, TaskDeclaration

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


def declaration(name: str) -> TaskDeclaration:
    (declared,) = importlib.import_module(f"abawbench_plugins.tasks.{name}").abawbench_tasks()
    return declared


def build(name: str) -> Task:
    module, function = declaration(name).build.split(":")
    return getattr(importlib.import_module(module), function)()


@pytest.mark.parametrize("name", NAMES)
def test_the_declaration_builds_the_task_of_its_name(name: str) -> None:
    declared, task = declaration(name), build(name)
    assert (declared.name, declared.summary) == (task.name, task.summary) == (name, declared.summary)
    assert declared.in_all
    assert task.edition == 8


@pytest.mark.parametrize("name", list(HEADERS))
def test_outputs_are_spelled_and_ordered_as_in_the_official_header(name: str) -> None:
    assert ",".join(build(name).outputs) == HEADERS[name]


@pytest.mark.parametrize("name", NAMES)
def test_the_official_metric_can_be_built_for_the_task(name: str) -> None:
    modules = ("concordance", "pearson", "f1")
    declared = [
        metric
        for module in modules
        for metric in importlib.import_module(f"abawbench_plugins.metrics.{module}").abawbench_metrics()
    ]
    (metric,) = [metric for metric in declared if metric.name == build(name).metric]
    assert metric.name == METRICS[name]
    module, builder = metric.build.split(":")
    assert getattr(importlib.import_module(module), builder)(build(name)).size > len(build(name).outputs)


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
