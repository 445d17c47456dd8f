"""A run's network as a folder that runs without abawbench: model, preprocessing, parity and an example."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from abawbench._version import __version__
from abawbench.contracts import ModelDeclaration, Runtime, RuntimeDeclaration, Task, UsageError
from abawbench.harness.learn.prediction import Scores
from abawbench.harness.measure.bench import Bench, compare_scores
from abawbench.harness.request.databases import Databases
from abawbench.harness.stored.bench import bench_of_run
from abawbench.harness.stored.export_example import example_text, input_shapes
from abawbench.harness.stored.load import StoredRun
from abawbench.harness.stored.model_card import CARD, card_text, upload_command
from abawbench.losses import scores_of
from abawbench.plugins import Plugin, Plugins
from abawbench.progress import Progress
from abawbench.records.parity import Parity
from abawbench.records.record import Record


@dataclass(frozen=True)
class Exported:
    """The folder that was written."""

    folder: str
    format: str
    files: tuple[str, ...]
    model: str
    task: str
    database: str
    synthetic: bool
    parity: Parity
    upload: str
    """The command that uploads it to a hub."""


@dataclass(frozen=True)
class Written:
    """A network that was written, on its bench, with the scores of each track by eager execution and by the files."""

    bench: Bench
    runtime: Runtime
    eager: list[Scores]
    found: list[Scores]

    @property
    def parity(self) -> Parity:
        """How far the files are from eager execution."""
        return compare_scores(self.bench, self.runtime, self.eager, self.found)


def export(run: StoredRun, databases: Databases, format: str, out: Path | None, progress: Progress) -> Exported:
    """Write a run's network in a format to a new folder, ``<model>-<task>-<format>`` unless named; return what it is.

    The files themselves are run on the scored split and compared with eager execution. The folder appears whole or not
    at all. Raises UsageError for an unknown format and for a folder that is there, DataError for a run that kept no
    weights or was scored on other annotations.
    """
    writer = runtime_for(run.plugins, format)
    with new_folder(run.record, format, out) as (folder, temporary):
        written = write_network(run, databases, writer, temporary, progress, folder.name)
    return describe_export(run.record, folder, format, written.parity)


@contextmanager
def new_folder(record: Record, format: str, out: Path | None) -> Iterator[tuple[Path, Path]]:
    """Yield the folder that appears at the end, if nothing fails, and the one to write into until then."""
    out = out or Path(f"{record.model}-{record.task}-{format}")
    if out.exists() or out.is_symlink():
        raise UsageError(f"{out}: already there; choose another folder with --out, or delete it")
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        yield out, temporary
        temporary.chmod(0o755)
        temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_network(
    run: StoredRun, databases: Databases, writer: Plugin, folder: Path, progress: Progress, name: str
) -> Written:
    """Write a run's network with all that belongs to it into a folder, and run the files; ``name`` is for the card."""
    bench = bench_of_run(run, databases)
    learner = bench.learner
    declared, task = writer.declaration, learner.setting.task
    assert isinstance(declared, RuntimeDeclaration)
    runtime, format = writer.build(), declared.format
    scores = _Activated(learner.network, task).eval()
    bench = Bench(learner.like(scores, _without_activation(task)), bench.split)
    progress.note(f"write {format}")
    runtime.save(scores, bench.example(1), folder)
    progress.note("compare with eager execution")
    eager = bench.predict(bench.eager, progress)
    found = Written(bench, runtime, eager, bench.predict(_call_files(runtime, folder), progress))
    write_json(folder / "preprocessing.json", _describe_preprocessing(bench))
    write_json(folder / "model.json", _about(run, task, found.parity, format))
    licence = _declaration(run).licence
    (folder / CARD).write_text(card_text(run.record, task, licence, format, name), encoding="utf-8")
    (folder / "example.py").write_text(example_text(runtime, task, learner.model), encoding="utf-8")
    return found


def describe_export(record: Record, folder: Path, format: str, parity: Parity) -> Exported:
    """Return what was written to a folder."""
    return Exported(
        folder=str(folder),
        format=format,
        files=tuple(sorted(path.name for path in folder.iterdir())),
        model=record.model,
        task=record.task,
        database=record.database.name,
        synthetic=record.database.synthetic,
        parity=parity,
        upload=upload_command(str(folder)),
    )


def formats(plugins: Plugins) -> dict[str, Plugin]:
    """Return format -> the runtime plugin that writes it."""
    found = [(p.declaration, p) for p in plugins.all("runtime")]
    return {d.format: p for d, p in found if isinstance(d, RuntimeDeclaration) and d.format}


def runtime_for(plugins: Plugins, format: str) -> Plugin:
    """Return the plugin of the runtime that writes a format. Raises UsageError for one that nobody writes."""
    known = formats(plugins)
    if format not in known:
        raise UsageError(f"unknown format '{format}'; known: {', '.join(sorted(known)) or 'none'}")
    return known[format]


class _Activated(nn.Module):
    """A network that gives scores instead of logits."""

    def __init__(self, network: nn.Module, task: Task) -> None:
        super().__init__()
        self.network = network
        self._task = task

    def forward(self, *example: Tensor) -> Tensor:
        return scores_of(self.network(*example), self._task)


def _without_activation(task: Task) -> Task:
    if task.parts:
        return replace(task, parts=tuple(_without_activation(part) for part in task.parts))
    return replace(task, activation="identity")


def _call_files(runtime: Runtime, folder: Path) -> Callable[..., Tensor]:
    """Return the callable that the example would use, out of the files in a folder."""
    network = runtime.load(folder)

    def call(*example: Tensor) -> Tensor:
        return torch.from_numpy(np.asarray(network([x.numpy() for x in example])))

    return call


def _describe_preprocessing(bench: Bench) -> dict[str, Any]:
    """Return how files become the inputs, in the order in which the network takes them."""
    model = bench.learner.model
    clip, rates = model.clip, [one.track.rate for one in bench.split.score]
    found: dict[str, Any] = {
        "inputs": input_shapes(model),
        "clip_length": clip.length,
        "clip_stride": clip.stride,
        "frame_rate": float(np.median(rates)),
        "last_clip": "repeats the last frame, which counts once",
    }
    if "frames" in model.inputs:
        # resized bilinearly, RGB, divided by 255, less the mean, over the std
        found |= {"colour": "RGB", "resize": "bilinear", "size": clip.size, "scale": 1 / 255}
        found |= {"mean": list(clip.mean), "std": list(clip.std)}
    if "audio" in model.inputs:
        samples = round(clip.length / float(np.median(rates)) * model.sound.rate)
        found["sound"] = {"rate": model.sound.rate, "samples": samples, "normalise": model.sound.normalise}
    return found


def _declaration(run: StoredRun) -> ModelDeclaration:
    declared = run.plugins.get("model", run.record.model, run.record.near("model")).declaration
    assert isinstance(declared, ModelDeclaration)
    return declared


def _about(run: StoredRun, task: Task, found: Parity, format: str) -> dict[str, Any]:
    """Return what the model is, what it gives, where its weights come from and how far it is from eager execution."""
    record = run.record
    return {
        "model": record.model,
        "licence": _declaration(run).licence,
        "format": format,
        "task": task.name,
        "edition": task.edition,
        "level": task.level,
        "outputs": list(task.outputs),
        "activation": {part.name: part.activation for part in task.parts} or task.activation,
        "activation_applied": True,
        "threshold": task.threshold if task.kind == "multilabel" else None,
        "weights": None if record.weights is None else record.weights.model_dump(mode="json"),
        "trained_sha256": None if record.trained is None else record.trained.sha256,
        "settings": record.settings,
        "protocol": None if record.protocol is None else record.protocol.model_dump(mode="json"),
        "database": record.database.model_dump(mode="json"),
        "score": None if record.score is None else {"metric": record.score.metric, "value": record.score.value},
        "parity": {
            **found.model_dump(mode="json"),
            "change": found.change,
            "kept": found.kept if found.compared else None,
        },
        "abawbench": __version__,
        "run": record.job,
    }


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write what a folder says of itself."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
