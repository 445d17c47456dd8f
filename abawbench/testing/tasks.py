"""What a task keeps: names, shapes, a loss that trains it, a metric that scores it, a file form that survives."""

import pickle
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import SkipTest

import numpy as np

from abawbench.contracts import Decided, Submission, Task, Template
from abawbench.testing.checks import Subject, expect
from abawbench.testing.probes import draw, labels_like, seed_inside

ACTIVATIONS = {
    "multiclass": ("softmax",),
    "multilabel": ("sigmoid",),
    "regression": ("tanh", "sigmoid", "identity"),
    "multitask": ("parts",),
}


def task_of(subject: Subject) -> Task:
    """Return the task. Raises Breach when the builder gives something else."""
    task = subject.build()
    expect(isinstance(task, Task), "a builder that returns an abawbench.contracts.Task", type(task))
    return task  # type: ignore[no-any-return]


def check_consistency(subject: Subject) -> None:
    """Name, level, kind, outputs and activation fit together."""
    task = task_of(subject)
    expect(task.name == subject.plugin.name, f"the name of the declaration, '{subject.plugin.name}'", repr(task.name))
    expect(task.level in ("frame", "track"), "level 'frame' or 'track'", repr(task.level))
    expect(task.kind in ACTIVATIONS, f"a kind of {', '.join(ACTIVATIONS)}", repr(task.kind))
    least = 2 if task.kind == "multiclass" else 1
    expect(len(task.outputs) >= least, f"at least {least} outputs of a {task.kind} task", task.outputs)
    expect(task.parts or len(set(task.outputs)) == len(task.outputs), "outputs of different names", task.outputs)
    allowed = ACTIVATIONS[task.kind]
    expect(task.activation in allowed, f"activation {' or '.join(allowed)} of a {task.kind} task", task.activation)
    expect(task == task_of(subject), "the same task each time it is built", "another")


def check_decisions(subject: Subject) -> None:
    """Scores [N, K] lead to decisions in the shape of the task's kind, and in its range."""
    task = task_of(subject)
    frames = draw(task, 30)
    wanted = labels_like(task, 30, 0).shape
    expect(frames.prediction.shape == wanted, f"decisions {list(wanted)}", list(frames.prediction.shape))
    if task.kind == "regression" and task.ranges:
        low, high = task.ranges
        expect(low < high, "a range from a smaller to a larger value", task.ranges)
        reach = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0), "identity": (-np.inf, np.inf)}[task.activation]
        expect(reach[0] <= low and high <= reach[1], f"a range that {task.activation} can reach", task.ranges)


def check_metric(subject: Subject) -> None:
    """Its metric is installed and takes it."""
    task = task_of(subject)
    metric = subject.plugins.get("metric", task.metric, subject.plugin.near).build(task)
    truth = draw(task, 200, masked=0.0)
    value = float(metric.value(metric.statistics(truth.target.astype(truth.prediction.dtype), *truth[2:])))
    expect(np.isfinite(value), f"a finite {task.metric} of the truth", value)


def check_loss(subject: Subject) -> None:
    """Its loss is a finite scalar with a gradient, over annotated rows alone."""
    task = task_of(subject)
    for one in task.parts or (task,):
        _check_loss(one)


def _check_loss(task: Task) -> None:
    import torch

    module, _, name = task.loss.partition(":")
    loss = getattr(import_module(module), name)
    frames = draw(task, 40)
    target, mask = torch.from_numpy(frames.target), torch.from_numpy(frames.mask)
    target = target.long() if task.kind == "multiclass" else target.float()
    with seed_inside(0):
        logits = torch.randn(40, len(task.outputs))
        leaf = logits.clone().requires_grad_()
        found = loss(leaf, target, mask, task)
        expect(found.ndim == 0 and torch.isfinite(found), "a loss that is a finite scalar", found.detach())
        found.backward()
        gradient = leaf.grad
        expect(
            gradient is not None and torch.isfinite(gradient).all() and gradient[mask].abs().sum() > 0,
            "a finite gradient that is not zero",
            gradient,
        )
        expect(gradient is not None and not gradient[~mask].any(), "no gradient where nothing is annotated", gradient)
        nothing = loss(logits.clone().requires_grad_(), target, torch.zeros(40, dtype=torch.bool), task)
        expect(float(nothing.detach()) == 0, "a loss of 0 where no row is annotated", float(nothing.detach()))


def check_submission(subject: Subject) -> None:
    """What its submission form writes, it reads back."""
    task = task_of(subject)
    if task.submission is None:
        raise SkipTest("it has no submission form")
    module, _, name = task.submission.partition(":")
    form = getattr(import_module(module), name)(task)
    expect(isinstance(form, Submission), "a form that is an abawbench.contracts.Submission", type(form))
    decisions = draw(task, 12).prediction
    names = [f"video/{i + 1:05d}.jpg" if task.level == "frame" else f"video{i + 1}" for i in range(12)]
    header = None if form.header is None else ",".join(form.header)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "predictions.txt"
        form.write(path, Template(names, header), Decided(decisions))
        sheet = form.read(path)
    came = np.asarray(sheet.predicted.decisions, dtype=np.float64).reshape(decisions.shape)
    expect(
        len(sheet.names) == 12 and np.allclose(came, decisions, atol=1e-6),
        "the decisions that were written to come back from the file",
        "others",
    )


def check_pickling(subject: Subject) -> None:
    """It can be sent to another process."""
    task = task_of(subject)
    expect(pickle.loads(pickle.dumps(task)) == task, "the same task after pickling", "another")


CHECKS = (
    ("consistent", "name, level, kind, outputs and activation fit together", check_consistency),
    ("decisions", "scores lead to decisions in the shape of its kind", check_decisions),
    ("metric", "its metric is installed and takes it", check_metric),
    ("loss", "its loss trains annotated rows and no other", check_loss),
    ("submission", "its submission form reads what it writes", check_submission),
    ("pickle", "it can be sent to another process", check_pickling),
)
