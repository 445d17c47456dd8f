"""The record of a run: everything needed to believe it and to repeat it, as one JSON file.

The published schema is ``abawbench/records/schema.json``. Numbers that do not exist (NaN, infinity, not measured) are
null, never ``NaN``; units stand in the field names. ``database.roots`` alone holds paths of the machine that ran.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from abawbench.contracts.errors import JobError
from abawbench.contracts.model import Weights
from abawbench.contracts.task import Level
from abawbench.plugins import FIRST_PARTY, Plugin
from abawbench.records.cost import Cost as Cost
from abawbench.records.cost import Latency as Latency
from abawbench.records.cost import RelativeTime as RelativeTime
from abawbench.records.cost import Throughput as Throughput
from abawbench.records.ensemble import EnsembleRecord
from abawbench.records.fields import Count, Number, RecordPart, Settings
from abawbench.records.parity import Parity
from abawbench.records.scores import Floor, Score
from abawbench.system.text import plain

SCHEMA_VERSION = 2
"""Raised whenever a reader of the old schema could misunderstand a record."""
MAX_PROBLEMS = 50
"""Problems a record spells out; the rest are only counted."""

Status = Literal["ok", "failed", "skipped", "unsupported"]


class WeightsRecord(RecordPart):
    """Where the network's parameters came from before training."""

    source: str
    """As asked for: ``imagenet``, ``affectnet=FILE``, ``synthetic``, ``none``."""
    file: str | None = Field(default=None, pattern=r"^[^/\\]+$")
    """The file's name without its folder."""
    sha256: str | None = None
    licence: str | None = None
    trained_on: tuple[str, ...] = ()
    against_the_rules: tuple[str, ...] = ()
    """What they have seen that an entry to the task's challenge may not: other labels of the scored database."""
    parts: tuple["WeightsRecord", ...] = ()
    """Those of each network, where the model is made of several."""

    @classmethod
    def of(cls, weights: Weights, against_the_rules: tuple[str, ...] = ()) -> Self:
        """Return the record of resolved weights, without the folders of this machine."""
        kind, equals, file = weights.source.partition("=")
        return cls(
            source=f"{kind}{equals}{_file_name(file)}",
            file=_file_name(weights.path) if weights.path else None,
            sha256=weights.sha256,
            licence=weights.licence,
            trained_on=weights.trained_on,
            against_the_rules=against_the_rules,
            parts=tuple(cls.of(part) for part in weights.parts),
        )


def _file_name(path: str) -> str:
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]


class PluginRecord(RecordPart):
    """One plugin that took part."""

    kind: str
    """``model``, ``task``, ``metric``, ``database`` or ``runtime``."""
    name: str
    distribution: str
    version: str
    digest: str
    """SHA-256 over the declaration, every file of the plugin's distribution, and every file or version of what its
    modules import."""
    imports: dict[str, str] = Field(default_factory=dict)
    """Distribution -> version of what its modules import."""
    not_known: tuple[str, ...] = ()
    """What else it may depend on that no digest covers, in words."""


class Blamed(RecordPart):
    """The plugin whose code a failed job ended in."""

    kind: str
    name: str
    distribution: str
    version: str

    @classmethod
    def of(cls, plugin: Plugin) -> Self:
        """Return what the record says of a plugin."""
        return cls(kind=plugin.kind, name=plugin.name, distribution=plugin.distribution, version=plugin.version)


class DatabaseRecord(RecordPart):
    """The data of the run."""

    name: str
    layout: str | None = None
    """The official layout the files had, for example ``aff-wild2``."""
    synthetic: bool
    fingerprint: str
    """SHA-256 over the annotation files."""
    split: str | None
    """The split that was scored: ``val``, or ``train+val`` of a cross-validation; null for a refit."""
    tracks_sha256: str | None = None
    """SHA-256 over the sorted ids of the scored tracks, each followed by a line feed."""
    lacks: tuple[str, ...] = ()
    """Outputs of the task that the database has no labels of: they are left out of the official mean."""
    roots: tuple[str, ...] = ()
    """Where its files lay, as absolute paths of the machine that ran; the folders' names alone in a stored baseline."""
    preset: str | None = None
    """Size of a synthetic database."""
    seed: int | None = None
    """Of a synthetic database."""


class ProtocolRecord(RecordPart):
    """How frames became decisions, and which tracks were fitted and scored."""

    no_face: str = "nearest"
    """What stood for a frame without an image: ``nearest``, ``interpolate``, ``black`` or ``zero``."""
    smoothing: str = "none"
    """Of scores before decisions, in frames: ``none``, ``box:<half width>`` or ``gaussian:<sigma>``."""
    thresholds: str = "fixed"
    """``fixed``, ``published`` with the model, or ``tuned`` on training subjects; the last two with
    ``threshold_values`` by output, one set for each fit."""
    threshold_values: tuple[dict[str, Number], ...] = ()
    tuned_on: str | None = None
    """On which tracks, where thresholds were tuned. Stored scores are stretched so that the task's own decides."""
    clip_length: Count | None = None
    """Frames the network saw at once; null for a model that sees whole tracks."""
    clip_stride: Count | None = None
    """Frames between clips; a frame in several clips has the mean of their outputs."""
    folds: Count = 0
    """Of a cross-validation over training and validation tracks together, grouped by subject; 0: official split."""
    refit: bool = False
    """Whether training and validation tracks were fitted together, with nothing left to score."""
    limit: Count = 0
    """Labelled tracks of each split that were used, the first ones; 0: all of them."""
    assumptions: dict[str, str] = Field(default_factory=dict)
    """Of uncertain facts, where another than the default took effect (docs/assumptions.md)."""

    @property
    def options(self) -> tuple[str, ...]:
        """Return the options that are not the official protocol's, as ``name=value``; the split names folds."""
        given = {"no_face": self.no_face, "smoothing": self.smoothing, "thresholds": self.thresholds}
        return tuple(f"{name}={v}" for name, v in given.items() if v != type(self).model_fields[name].default)


class MissingInput(RecordPart):
    """How many of the scored tracks lack an input of the model wholly, and how many of their frames lack it."""

    tracks: Count
    frames: Count


class Counts(RecordPart):
    """How much was scored, and what was wrong with it."""

    tracks: Count
    frames: Count
    annotated_frames: Count
    """Of every track of what was scored, those among them that could not be used."""
    coverage: Number = None
    """Annotated frames that have a prediction, divided by annotated frames."""
    frames_without_image: Count = 0
    """Frames without a usable image, filled by the rule ``protocol.no_face``."""
    missing_inputs: dict[str, MissingInput] = Field(default_factory=dict)
    """Input -> where it was missing and the model did without, for models with several inputs."""
    broken_images: Count = 0
    skipped_tracks: Count = 0
    lost_tracks: Count = 0
    """Those of the skipped tracks that belong to what was scored."""
    lost_frames: Count = 0
    """Annotated frames that went with them, as far as their files still tell."""
    caveats: tuple[str, ...] = ()
    """What to know of the value before it is quoted, in a few words each: a rate that was assumed, shared subjects."""
    problems: tuple[str, ...] = Field(default=(), max_length=MAX_PROBLEMS)
    problems_total: Count = 0

    @model_validator(mode="before")
    @classmethod
    def _cap_problems(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("problems"), list | tuple):
            return data
        problems = [str(problem) for problem in data["problems"]]
        return {"problems_total": len(problems), **data, "problems": problems[:MAX_PROBLEMS]}


class Seconds(RecordPart):
    """Wall time by phase, in seconds."""

    read: float = 0.0
    embed: float = 0.0
    fit: float = 0.0
    predict: float = 0.0
    score: float = 0.0
    cost: float = 0.0

    @property
    def total(self) -> float:
        """Return the sum over the phases."""
        return self.read + self.embed + self.fit + self.predict + self.score + self.cost


class Hardware(RecordPart):
    """The machine, in words that say nothing about whose it is."""

    cpu: str
    cores: Count
    threads: Count
    gpu: str | None = None
    memory_bytes: Count | None = None


class ProcessRecord(RecordPart):
    """The process of the job, as far as times and chance depend on it."""

    own: bool
    """Whether the job had a process of its own."""
    at_once: Count = 1
    """Jobs that ran at the same time; more than one disturb each other's times."""
    workers: Count = 0
    """Processes that read images ahead; no result depends on them."""
    waiting: str | None = None
    """How threads wait for each other: ``PASSIVE`` gives the core away, ``ACTIVE`` spins; null where nobody chose."""
    hash_seed: int | None = None
    """Of Python's ``hash()``; null where it differs from one process to the next."""


class Epoch(RecordPart):
    """One epoch of training."""

    epoch: Count
    fold: Count | None = None
    """Of a cross-validation, from 1."""
    loss: Number
    held_out: Number = None
    """The official value on held-out training tracks."""


class NamedFile(RecordPart):
    """A file beside the record."""

    file: str = Field(pattern=r"^[^/\\]+$")
    sha256: str


class Record(RecordPart):
    """One run: one model on one task on one database with one seed."""

    schema_version: int = Field(default=SCHEMA_VERSION, ge=SCHEMA_VERSION, le=SCHEMA_VERSION)
    abawbench: str
    """The version of abawbench that ran."""
    job: str = Field(min_length=8)
    """Digest of everything that determines the result; equal jobs give equal results."""
    status: Status = "ok"
    reason: str | None = None
    """Why the run gave no result, where it gave none."""
    phase: str | None = None
    """The phase in which it ended without one."""
    blamed: Blamed | None = None
    """The plugin whose fault that was, where it was one's."""
    started: AwareDatetime
    finished: AwareDatetime

    model: str
    task: str
    edition: int
    level: Level
    database: DatabaseRecord
    seed: int
    settings: Settings = Field(default_factory=dict)
    """The recipe after overrides."""
    protocol: ProtocolRecord | None = None
    weights: WeightsRecord | None = None
    plugins: tuple[PluginRecord, ...] = ()

    score: Score | None = None
    floor: Floor | None = None
    counts: Counts | None = None
    ensemble: EnsembleRecord | None = None
    """How stored runs were combined, where this is not a model but several; null otherwise."""
    cost: Cost | None = None
    parity: Parity | None = None
    """The runtime that was timed beside eager execution, which made the scores; null where that was timed itself."""
    training: tuple[Epoch, ...] = ()
    predictions: NamedFile | None = None
    """Parquet: the scores of every frame."""
    statistics: NamedFile | None = None
    """Parquet: the additive statistics of every scored track, from which runs are compared."""
    trained: NamedFile | None = None
    """Safetensors: the parameters after training, without those of a frozen ``embed``."""
    seconds: Seconds = Seconds()
    hardware: Hardware | None = None
    process: ProcessRecord | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    """Library -> version, ``python`` among them."""
    seal: str | None = None
    """SHA-256 over all other fields, as ``seal_of`` makes it: tells an edited record. Null in older ones."""

    @model_validator(mode="after")
    def _say_what_happened(self) -> Self:
        if self.status == "ok" and self.score is None:
            raise ValueError("a run that is ok has a score")
        if self.status != "ok" and not self.reason:
            raise ValueError(f"a run that is {self.status} says why in its reason")
        return self

    @property
    def marks(self) -> tuple[str, ...]:
        """Return what keeps the value from being ranked; such results are shown and marked.

        ``limit=...`` for a part of the tracks, ``weights=none`` for a network, or a part of it, that started
        from no weights, ``size=...`` for one smaller than the published, ``control=...`` for a run that checks
        the harness, ``trained on ...`` for weights that have seen what an entry to the challenge may not,
        ``lost=...`` where scored data could not be used, ``<name>=<value>`` for an uncertain fact that was not
        taken as by default, ``NAME changes ...`` for a runtime that moves the metric, ``direction=not declared`` for
        a metric that does not say whether more or less of it is better.
        """
        control = self.settings.get("control")
        size = self.settings.get("size")
        sources = {one.source for one in (self.weights, *self.weights.parts)} if self.weights else set()
        forbidden = self.weights.against_the_rules if self.weights else ()
        limit = self.protocol.limit if self.protocol else 0
        return (
            *([f"limit={limit}"] if limit else []),
            *(["weights=none"] if "none" in sources else []),
            *([f"size={size}"] if isinstance(size, str) and size != "full" else []),
            *([f"control={control}"] if control else []),
            *(f"trained on {seen}" for seen in forbidden),
            *([f"lost={self.counts.lost_tracks} tracks"] if self.counts and self.counts.lost_tracks else []),
            *(f"{name}={value}" for name, value in (self.protocol.assumptions if self.protocol else {}).items()),
            *([self.parity.mark] if self.parity and not self.parity.kept else []),
            *(["direction=not declared"] if self.score and not self.score.direction_declared else []),
        )

    @property
    def entry(self) -> tuple[str, ...]:
        """Return what ran, apart from its seed: the model, protocol options and marks. Equal ones are one system."""
        return (self.model, *(self.protocol.options if self.protocol else ()), *self.marks)

    def describe(self, *, seeds: bool = False, width: int | None = None) -> str:
        """Return ``entry`` in words, with the seed where asked; ``width`` cuts the model's name and nothing else."""
        model, *more = self.entry
        return " ".join([plain(model, width), *([f"seed {self.seed}"] if seeds else []), *more])

    @property
    def trouble(self) -> str:
        """Return which job this is and why it gave no result, in one sentence."""
        return f"{self.model} on {self.task}, seed {self.seed}: {self.status}: {self.reason}"

    @property
    def macs_per_frame(self) -> float | None:
        """Return the MACs of one frame by flop_counter, or by another counter where that one gave none.

        None where the counters differ by more than named operators account for: neither is to be believed then. A lower
        bound where ``macs_missed`` names operators.
        """
        counts = self.cost.macs_per_frame if self.cost and self.cost.macs_explained else {}
        return counts.get("flop_counter") or next((value for value in counts.values() if value is not None), None)

    @property
    def macs_missed(self) -> tuple[str, ...]:
        """Return the operators by which ``macs_per_frame`` is known to be short; such a result has no rank by MACs."""
        return self.cost.macs_missed if self.cost else ()

    @property
    def scored_part(self) -> str:
        """Return what of the database was scored, in words."""
        if self.protocol is not None and self.protocol.refit:
            return "nothing (fitted on train+val)"
        folds = self.protocol.folds if self.protocol else 0
        return f"{self.database.split}, {folds} folds by subject" if folds else str(self.database.split)

    @property
    def scored_on(self) -> str:
        """Return the database and what of it was scored, in words."""
        return f"{self.database.name} {self.scored_part}"

    def near(self, kind: str) -> tuple[str, ...]:
        """Return the distributions where names of a kind in this record are looked for first: the run's, then ours."""
        return (*(plugin.distribution for plugin in self.plugins if plugin.kind == kind), FIRST_PARTY)

    def without_paths(self) -> Self:
        """Return the record as it is shared: of the folders of the machine that ran, their names alone."""
        roots = tuple(_file_name(root) for root in self.database.roots)
        update: dict[str, Any] = {"database": self.database.model_copy(update={"roots": roots})}
        if self.counts:
            told = tuple(_without_roots(text, self.database.roots) for text in self.counts.problems)
            update["counts"] = self.counts.model_copy(update={"problems": told})
        return self.model_copy(update=update)

    def sealed(self) -> Self:
        """Return the record with the seal that fits it."""
        return self.model_copy(update={"seal": seal_of(self.model_dump(mode="json"))})

    def to_json(self) -> str:
        """Return the record as indented JSON that holds no NaN, ending in a newline."""
        return json.dumps(self.model_dump(mode="json"), indent=2, allow_nan=False, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Return the record that JSON text holds. Raises pydantic's ValidationError when it does not hold one."""
        return cls.model_validate_json(text)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of a record, as published in ``schema.json``."""
        return cls.model_json_schema(mode="serialization")


def _without_roots(text: str, roots: Sequence[str]) -> str:
    """Return a problem as it is shared: files as they lie in the database's folder, that folder by its name."""
    for root in sorted(roots, key=len, reverse=True):
        if PurePath(root).is_absolute() and (name := _file_name(root)):
            text = text.replace(f"{root.rstrip('/')}/", "").replace(root, name)
    return text


def seal_of(fields: Mapping[str, Any]) -> str:
    """Return the SHA-256 over the fields of a record as JSON has them, its seal aside.

    It is taken over what the file says and not over what this version reads into it, so that a field that is new here
    breaks no seal. Whoever edits a record can make a new one: it finds what was done by hand or by accident.
    """
    told = {name: value for name, value in fields.items() if name != "seal"}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


class Records(list[Record]):
    """The records of a run, one per job, in order."""

    def raise_for_status(self) -> Self:
        """Return the records. Raises JobError, with every reason, when a job is not ok."""
        if reasons := [record.trouble for record in self if record.status != "ok"]:
            raise JobError(f"{len(reasons)} of {len(self)} jobs gave no result: {'; '.join(reasons)}")
        return self


def all_synthetic(records: Sequence[Record]) -> bool:
    """Return whether the results are synthetic. Raises ValueError when synthetic and real ones are mixed.

    A run without a score mixes with either: it may have failed before its database was opened.
    """
    scored = [record for record in records if record.score]
    kinds = {record.database.synthetic for record in scored or records}
    if len(kinds) > 1:
        raise ValueError("synthetic and real results never share a table; split the records by database.synthetic")
    return kinds == {True}
