"""A finished run, to be used again: its protocol, its task, and its network with the weights it was left with."""

from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from safetensors.torch import load
from torch import nn

from abawbench.contracts import DataError, Entrant, Metric, Model, Predictor, Task, UsageError
from abawbench.harness.data.inputs import no_inputs
from abawbench.harness.learn.learner import Learner, NetworkLearner, Setting, TrackLearner
from abawbench.harness.request.assumptions import count_frames
from abawbench.harness.request.databases import TRAIN, VALIDATION, Databases
from abawbench.harness.request.devices import accelerator_on
from abawbench.harness.request.protocol import OFFICIAL, Protocol, protocol_of
from abawbench.harness.request.settings import apply
from abawbench.harness.request.splits import split_tracks
from abawbench.nn import frozen_prefixes
from abawbench.plugins import Plugin, Plugins
from abawbench.records import store
from abawbench.records.record import Record
from abawbench.system.files import sha256
from abawbench.system.repeatable import make_repeatable


@dataclass(frozen=True)
class StoredRun:
    """A finished run. ``weights`` says where those that it started from lie, when they came from a file."""

    folder: Path
    record: Record
    plugins: Plugins
    weights: str | None = None
    assumptions: dict[str, str] = field(default_factory=dict)
    """Of uncertain facts, where they are to be taken otherwise than in the run."""

    @cached_property
    def protocol(self) -> Protocol:
        """The protocol of the run."""
        said = self.record.protocol
        if said is None:
            return OFFICIAL
        given = {one.name: getattr(said, one.name) for one in fields(Protocol)}
        return protocol_of({**given, "assumptions": {**said.assumptions, **self.assumptions}})

    @property
    def thresholds(self) -> dict[str, float]:
        """The tuned thresholds by output, empty where they are fixed."""
        said = self.record.protocol
        tuned = said.threshold_values[0] if said and said.threshold_values else {}
        return {name: value for name, value in tuned.items() if value is not None}

    @cached_property
    def _task_plugin(self) -> Plugin:
        return self.plugins.get("task", self.record.task, self.record.near("task"))

    @cached_property
    def task(self) -> Task:
        """The task, under the assumptions of the run."""
        task: Task = self._task_plugin.build_under(self.protocol.assumptions)
        return task.leave_out(self.record.database.lacks)

    @cached_property
    def metric(self) -> Metric:
        """The metric, under the assumptions of the run."""
        plugin = self.plugins.get("metric", self.task.metric, self._task_plugin.near)
        metric: Metric = plugin.build_under(self.protocol.assumptions, self.task)
        return metric

    def learner(self, device: str = "auto") -> NetworkLearner:
        """Return the run's network as it was left. Raises UsageError and DataError as ``load_trained`` does."""
        with make_repeatable(self.record.seed):
            model, network = load_trained(self.folder, self.record, self.plugins, self.task, self.weights)
        return NetworkLearner(model, network, self._setting(device))

    def fitted_learner(self, databases: Databases, device: str = "auto") -> Learner:
        """Return the run's network as it was left; a predictor, which keeps nothing, fitted again as in the run.

        Raises UsageError and DataError as ``load_trained`` does, and DataError for a predictor whose training labels
        are others.
        """
        model = _build(self.record, self.plugins)
        if not isinstance(model, Predictor):
            return self.learner(device)
        if self.protocol.folds:
            raise DataError(f"{self.folder}: a cross-validated run keeps nothing to predict with; run without --folds")
        _, database = databases.under(self.protocol.assumptions).for_task(self.task, pooled=self.protocol.pooled)
        if database.fingerprint() != self.record.database.fingerprint:
            raise DataError(f"{self.folder}: '{database.name}' has other annotations now; give the --data of the run")
        there = database.splits(self.task.label)
        train, validation = (
            count_frames(database.tracks(self.task.label, split), self.task, self.protocol.assumptions)
            if split in there
            else []
            for split in (TRAIN, VALIDATION)
        )
        learner = TrackLearner(model, self._setting(device))
        (split,) = split_tracks(self.protocol, train, validation)
        with make_repeatable(self.record.seed):
            learner.fit(no_inputs([]), split.fit, self.record.seed, databases.progress)
        return learner

    def _setting(self, device: str) -> Setting:
        accelerator = accelerator_on(device, "no")
        return Setting(task=self.task, metric=self.metric, protocol=self.protocol, accelerator=accelerator)


def find_run(
    folder: Path,
    plugins: Plugins,
    task: str | None = None,
    weights: str | None = None,
    assumptions: dict[str, str] | None = None,
) -> StoredRun:
    """Return the run in a folder, or the only one of a task below it. Raises UsageError when there is not just one."""
    alone = (folder / store.RESULT).is_file()
    found = [(folder, store.read(folder))] if alone else store.find(folder)
    chosen = [(path, r) for path, r in found if r.status == "ok" and task in (None, r.task)]
    if len(chosen) == 1:
        return StoredRun(*chosen[0], plugins, weights, assumptions or {})
    kind = f"run of task '{task}'" if task else "run"
    if not chosen:
        raise UsageError(f"{folder}: no finished {kind} here")
    names = ", ".join(path.relative_to(folder).as_posix() for path, _ in chosen[:5])
    raise UsageError(f"{folder}: {len(chosen)} runs here; name one of them, for example {names}")


def find_runs(folder: Path, plugins: Plugins, task: str | None = None) -> list[StoredRun]:
    """Return the run in a folder, or every finished one of a task below it. Raises UsageError when there is none."""
    if (folder / store.RESULT).is_file():
        return [find_run(folder, plugins, task)]
    found = [(path, r) for path, r in store.find(folder) if r.status == "ok" and task in (None, r.task)]
    if not found:
        kind = f"run of task '{task}'" if task else "run"
        raise UsageError(f"{folder}: no finished {kind} here")
    if len({record.task for _, record in found}) > 1:
        raise UsageError(f"{folder}: runs of {', '.join(sorted({r.task for _, r in found}))}; say which with --task")
    return [StoredRun(path, record, plugins) for path, record in found]


def load_trained(
    folder: Path, record: Record, plugins: Plugins, task: Task, weights: str | None = None
) -> tuple[Model, nn.Module]:
    """Return the model of a run and its network with the trained weights; the caller has seeded torch as the run did.

    A frozen ``embed`` is not stored: the model builds it from the weights it started from, and ``weights`` says where
    they lie when they came from a file. Raises DataError when a file is missing or not the run's, UsageError when the
    weights to start from are others and for a model without a network.
    """
    model = _build(record, plugins)
    if not isinstance(model, Model):
        raise UsageError(f"{folder}: model '{record.model}' has no network, so there is none to export or predict with")
    state = _state(folder, record)
    started = record.weights
    source = model.weights(weights or (started.source if started else None), synthetic=record.database.synthetic)
    if started is not None and source.sha256 != started.sha256:
        raise UsageError(
            f"{folder}: the run started from other weights '{started.source}' ({_short(started.sha256)}) than "
            f"'{source.source}' ({_short(source.sha256)}) is now; give --weights with the same file"
        )
    network = model.network(task, source)
    frozen = frozen_prefixes(network)
    try:
        missing, unexpected = network.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise DataError(f"{folder}: its weights do not fit model '{record.model}': {_first(error)}") from error
    lost = [name for name in missing if not name.startswith(frozen)]
    if lost or unexpected:
        names = ", ".join([*lost, *unexpected][:5])
        raise DataError(f"{folder}: its weights do not fit model '{record.model}', which changed since: {names}")
    return model, network


def _build(record: Record, plugins: Plugins) -> Entrant:
    """Return the model of a run with the settings of its record."""
    if record.ensemble is not None:
        raise UsageError(f"'{record.model}' is an ensemble of runs; name one of its members")
    plugin = plugins.get("model", record.model, record.near("model"))
    settings: Any = plugin.builder().Settings
    known = {field.name for field in fields(settings)}
    chosen = {name: value for name, value in record.settings.items() if name in known}
    model: Entrant = plugin.build(apply(settings, chosen, record.model))
    return model


def _state(folder: Path, record: Record) -> dict[str, Any]:
    if record.trained is None and record.protocol is not None and record.protocol.folds:
        raise DataError(f"{folder}: a cross-validated run keeps no weights; run without --folds")
    if record.trained is None:
        raise DataError(f"{folder}: the run kept no weights, so it cannot predict; run it again")
    path = folder / record.trained.file
    if not path.is_file():
        raise DataError(f"{path}: named in the record but missing; run it again")
    if sha256(path) != record.trained.sha256:
        raise DataError(f"{path}: changed since the record was written; run it again")
    return load(path.read_bytes())


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "no digest"


def _first(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
