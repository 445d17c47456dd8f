"""A job with everything opened and nothing computed yet: names resolved, files listed, tracks split."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from abawbench.contracts import (
    Database,
    Entrant,
    LabelledTrack,
    Labels,
    Metric,
    Model,
    PluginError,
    Predictor,
    Recipe,
    Runtime,
    Task,
    Track,
    UsageError,
    Weights,
)
from abawbench.harness.data.feature_cache import limit as cache_limit
from abawbench.harness.data.inputs import identify_inputs, require_images, require_inputs
from abawbench.harness.data.whole import ONE_TENSOR
from abawbench.harness.request.assumptions import count_frames, select_assumptions
from abawbench.harness.request.databases import TRAIN, VALIDATION, Databases
from abawbench.harness.request.devices import device_named, processes
from abawbench.harness.request.jobs import EAGER, Job, runtime_plugin
from abawbench.harness.request.journal import READ, Journal
from abawbench.harness.request.protocol import Protocol
from abawbench.harness.request.rules import forbidden, layout_of
from abawbench.harness.request.settings import apply
from abawbench.harness.request.splits import Split, check_people, split_tracks, take_first
from abawbench.harness.score.scoring import count_dropped, tracks_digest
from abawbench.plugins import SCOPE, Plugin, Plugins
from abawbench.records.record import DatabaseRecord, PluginRecord
from abawbench.system.code import identify_files

KINDS = ("task", "model", "metric", "runtime", "database")
"""Of the plugins of every job, in the order of the record."""
_PACKAGE = Path(__file__).parents[2]
DECIDES = ("contracts", "statistics", "harness/request", "harness/data", "harness/learn", "harness/score")
"""Rooms whose code can change a result; with them go ``nn.py`` and ``losses.py``."""


@dataclass(kw_only=True)
class Prepared:
    """A job with everything opened."""

    job: Job
    task: Task
    metric: Metric
    model: Entrant
    weights: Weights
    runtime: Runtime
    database: Database
    took_part: dict[str, Plugin]
    """Kind -> plugin."""
    tracks: list[Track]
    """All that have labels: of the training split, then of the validation split."""
    protocol: Protocol
    """As it takes effect on the task."""
    splits: list[Split]
    """What is fitted and what is scored: once, or once for each fold."""
    journal: Journal
    place: dict[str, Any]
    """Where the database lies, or how it was made."""
    against_the_rules: tuple[str, ...] = ()
    """What the weights have seen that an entry to the task's challenge may not."""
    published: dict[str, float] = field(default_factory=dict)
    """Thresholds by output that the model's publication gives, where the protocol asks for them."""
    end_epoch: Callable[[int | None, Mapping[str, float]], None] = lambda fold, row: None
    """Is told of each epoch of training that is over, and of which fold."""

    @property
    def scored(self) -> list[LabelledTrack]:
        """The tracks that are predicted and scored."""
        return [one for split in self.splits for one in split.score]

    @property
    def lost(self) -> dict[str, int]:
        """The tracks of what is scored that could not be used, and the annotated frames (or tracks) that each had."""
        splits = (self.protocol.scored_split or "").split("+")
        there = [split for split in splits if split in self.database.splits(self.task.label)]
        return count_dropped(self.database, self.task, there)

    @cached_property
    def database_record(self) -> DatabaseRecord:
        """What the record says about the data."""
        return DatabaseRecord(
            name=self.database.name,
            layout=layout_of(self.task, self.database),
            synthetic=self.database.synthetic,
            fingerprint=self.database.fingerprint(),
            split=self.protocol.scored_split,
            tracks_sha256=tracks_digest(self.scored),
            **self.place,
            lacks=self.task.left_out,
        )

    @cached_property
    def plugin_records(self) -> tuple[PluginRecord, ...]:
        """What the record says of the plugins that took part."""
        return tuple(_plugin_record(self.took_part[kind]) for kind in KINDS)

    @property
    def settings_record(self) -> dict[str, Any]:
        """The recipe after overrides, with what else shaped the training."""
        chosen = asdict(self.model.settings)
        if isinstance(self.model, Predictor):
            chosen = {name: value for name, value in chosen.items() if name not in Recipe.__dataclass_fields__}
        chosen["precision"] = self.job.precision
        if processes() > 1:
            chosen["processes"] = processes()  # each takes a batch of its own at every step
        if self.job.control:
            chosen["control"] = self.job.control
        return chosen

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of everything that determines the result."""
        sources = (*(_PACKAGE / room for room in DECIDES), _PACKAGE / "nn.py", _PACKAGE / "losses.py")
        own = identify_files(sources, SCOPE)
        device = device_named(self.job.device)
        parts = [
            own.digest,
            own.imports,
            self.job.seed,
            torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
            cache_limit(),  # features that do not fit are computed anew, in full precision
            self.job.precision,
            processes(),
            self.job.runtime,
            self.job.control,
            asdict(self.protocol),
            asdict(self.task),
            asdict(self.model.settings),
            self.weights.source,
            self.weights.sha256,
            self.database.fingerprint(),
            [plugin.model_dump() for plugin in self.plugin_records],
        ]
        sha = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode())
        for track in self.tracks:
            files = [track.id, track.n_frames, track.identify_frames(), identify_inputs(self.model.inputs, track)]
            sha.update(json.dumps(files).encode())
        return sha.hexdigest()


def prepare(job: Job, plugins: Plugins, databases: Databases, journal: Journal) -> Prepared:
    """Resolve every name and open every file list. Raises UsageError, DataError or PluginError; computes nothing."""
    with journal.time_phase(READ):
        return _Preparation(job, plugins, databases, journal).finish()


class _Preparation:
    """Builds what took part, one plugin at work at a time, so that the one that fails is known."""

    def __init__(self, job: Job, plugins: Plugins, databases: Databases, journal: Journal) -> None:
        self.job, self.plugins, self.databases, self.journal = job, plugins, databases, journal
        self.took_part: dict[str, Plugin] = {}

    def at_work(self, plugin: Plugin) -> Plugin:
        self.took_part[plugin.kind] = plugin
        self.journal.enter(READ, plugin)
        return plugin

    def finish(self) -> Prepared:
        job, plugins = self.job, self.plugins
        model_plugin = plugins.get("model", job.model)
        task: Task = self.at_work(plugins.get("task", job.task)).build_under(job.protocol.assumptions)
        metric_plugin = plugins.get("metric", task.metric, self.took_part["task"].near)
        runtime: Runtime = self.at_work(runtime_plugin(plugins, job.runtime)).build()
        settings: Any = self.at_work(model_plugin).builder().Settings
        apply(settings, job.overrides, job.model)  # a wrong setting is told before a database is made
        protocol = job.protocol.for_task(task)
        database, train, validation = self.open_database(task, protocol)
        task = task.leave_out(database.lacks(task.label))
        metric: Metric = self.at_work(metric_plugin).build_under(job.protocol.assumptions, task)
        check_people(database, () if protocol.pooled else train, validation)
        self.at_work(model_plugin)
        protocol = replace(
            protocol, assumptions=select_assumptions(protocol.assumptions, task, self.took_part.values())
        )
        stand_ins = settings.on_synthetic if database.synthetic and job.weights is None else {}
        model: Entrant = model_plugin.build(apply(settings, job.overrides, job.model, stand_ins))
        self.refuse_runtime(model)
        protocol, published = protocol.of_model(model, task)
        weights = model.weights(job.weights, synthetic=database.synthetic)
        self.at_work(self.took_part["database"])
        require_inputs(
            model.inputs,
            [one.track for one in (*train, *validation)],
            f"model '{job.model}'",
            f"task '{job.task}' in '{database.name}'",
        )
        if model.inputs == ONE_TENSOR:
            for split, tracks in ((TRAIN, train), (VALIDATION, validation)):
                where = f"split '{split}' of task '{job.task}' in '{database.name}'"
                require_images([one.track for one in tracks], f"model '{job.model}'", where)
        train, validation = (count_frames(tracks, task, protocol.assumptions) for tracks in (train, validation))
        if job.control == "shuffled-labels":
            train = shuffle_labels(train, job.seed)
        return Prepared(
            job=job,
            task=task,
            metric=metric,
            model=model,
            weights=weights,
            runtime=runtime,
            database=database,
            took_part=self.took_part,
            tracks=[one.track for one in (*train, *validation) if one.labels is not None],
            protocol=protocol,
            published=published,
            splits=split_tracks(protocol, train, validation),
            journal=self.journal,
            place=self.databases.describe(self.database_name),
            against_the_rules=forbidden(task, database, weights, model_plugin),
        )

    def open_database(
        self, task: Task, protocol: Protocol
    ) -> tuple[Database, list[LabelledTrack], list[LabelledTrack]]:
        """Return the database of the task with its training and its validation tracks, either of which may be empty."""
        self.journal.enter(READ)
        name, database = self.databases.for_task(task, pooled=protocol.pooled)
        self.database_name = name
        self.at_work(self.databases.plugin(name))
        report = self.databases.progress.report
        there = [split for split in (TRAIN, VALIDATION) if split in database.splits(task.label)]
        read: dict[str, list[LabelledTrack]] = {}
        for split in there:
            report(len(read), len(there), "splits read")
            read[split] = take_first(database.tracks(task.label, split), protocol.limit)
        report(len(there), len(there), "splits read")
        train, validation = (read.get(split, []) for split in (TRAIN, VALIDATION))
        for one in (*train, *validation):
            if type(one.track).labels is not Track.labels:
                raise PluginError(
                    f"database '{name}' gives tracks that know their labels; give them beside the track, as a "
                    "LabelledTrack"
                )
        database.list_images([one.track for one in (*train, *validation)], report)
        return database, train, validation

    def refuse_runtime(self, model: Entrant) -> None:
        """Raise UsageError where the runtime that is asked for would have nothing to do."""
        if self.job.runtime == EAGER:
            return
        if self.job.protocol.refit:
            raise UsageError(
                f"a refit scores no track on which runtime '{self.job.runtime}' could be compared with eager "
                "execution; leave out --runtime"
            )
        if not isinstance(model, Model):
            raise UsageError(
                f"model '{self.job.model}' has no network that runtime '{self.job.runtime}' could execute; leave out "
                "--runtime"
            )


def shuffle_labels(tracks: Sequence[LabelledTrack], seed: int) -> list[LabelledTrack]:
    """Return every track with the labels of another, repeated or cut to its own length: nothing is left to learn."""
    known = [n for n, one in enumerate(tracks) if one.labels is not None]
    order = np.random.default_rng(seed).permutation(len(known))
    found = list(tracks)
    # one cycle through a random order: nobody keeps their own
    for place, donor in zip(order, np.roll(order, 1), strict=True):
        own, other = tracks[known[place]], tracks[known[donor]].known
        at = np.arange(len(own.known.mask)) % len(other.mask)
        found[known[place]] = LabelledTrack(own.track, Labels(other.values[at], other.mask[at]))
    return found


def _plugin_record(plugin: Plugin) -> PluginRecord:
    code = plugin.code()
    return PluginRecord(
        kind=plugin.kind,
        name=plugin.name,
        distribution=plugin.distribution,
        version=plugin.version,
        digest=code.digest,
        imports=code.imports,
        not_known=code.not_known,
    )
