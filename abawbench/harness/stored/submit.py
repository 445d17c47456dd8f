"""The official file of a test set: predicted by a stored run, in the rows and order of the template."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import Database, DataError, Decided, Submission, Template, Track, UsageError
from abawbench.harness.learn.learner import NetworkLearner
from abawbench.harness.learn.postprocessing import rescale_to_threshold
from abawbench.harness.learn.prediction import Scores
from abawbench.harness.request.databases import Databases
from abawbench.harness.score.frame_index import FrameIndex
from abawbench.harness.score.official import official_form, write_checked
from abawbench.harness.stored.load import StoredRun
from abawbench.harness.stored.members import combine_members, members_of
from abawbench.harness.stored.parts import Asked, Spread, predict_in_parts
from abawbench.progress import Progress
from abawbench.system.repeatable import make_repeatable

SHOWN = 10
"""Unknown frames that a message names."""


@dataclass(frozen=True)
class Submitted:
    """The file that was written."""

    file: str
    sha256: str
    task: str
    edition: int
    model: str
    seed: int
    database: str
    synthetic: bool
    split: str
    rows: int
    tracks: int
    frames_without_image: int
    """Frames of the split without a usable image, predicted from another."""


@dataclass(frozen=True, kw_only=True)
class SubmitRequest:
    """What is predicted, and in whose rows."""

    split: str = "test"
    template: Path | None = None
    """The official template; the database's own unless given."""
    device: str = "auto"
    members: tuple[Path, ...] = ()
    """Where the members of an ensemble lie: run folders, or folders of runs."""
    spread: Spread | None = None
    """Who computes the outputs of networks, part by part; None for this process."""


def submit(run: StoredRun, out: Path, databases: Databases, wanted: SubmitRequest, progress: Progress) -> Submitted:
    """Write the official prediction file of a split and return what it holds.

    Names, their order and the header come from the template: the one given, else the database's own. Only a split that
    has no official template, such as ``val``, is written in the order of the database. The file is read back before it
    takes its place under ``out``; one that would lack a row is not written. Facts that are not certain are taken as
    in the run, unless its ``assumptions`` choose otherwise.
    """
    task = run.task
    form = official_form(task)
    _, database = databases.under(run.protocol.assumptions).for_split(task, wanted.split)
    tracks = [one.track for one in database.tracks(task.label, wanted.split)]
    index = FrameIndex(task, tracks, form)
    template = _template(form, index, database, wanted, out)
    at = index.find([form.canonical(name) for name in template.names])
    _refuse_partial(wanted.template, template, at, database)
    scores, filled = predict_tracks(run, tracks, databases, wanted, progress)
    chosen = np.concatenate(scores)[at]
    if not np.isfinite(chosen).all():
        raise DataError(f"{run.folder}: the model predicts NaN or infinity for '{task.name}'; nothing was written")
    predicted = Decided(task.decide(chosen), chosen.astype(np.float64))
    digest = write_checked(form, out, template, predicted)
    return Submitted(
        file=out.name,
        sha256=digest,
        task=task.name,
        edition=task.edition,
        model=run.record.model,
        seed=run.record.seed,
        database=database.name,
        synthetic=database.synthetic,
        split=wanted.split,
        rows=len(template.names),
        tracks=len(tracks),
        frames_without_image=filled,
    )


def _template(form: Submission, index: FrameIndex, database: Database, wanted: SubmitRequest, out: Path) -> Template:
    label, split = form.task.label, wanted.split
    path = wanted.template or (database.template(label) if split == "test" else None)
    if path is not None:
        if out.exists() and out.samefile(path):
            raise UsageError(f"--out {out} is the template itself; choose another name")
        return form.template(path)
    if split == "test":
        raise UsageError(
            f"database '{database.name}' has no template for task '{form.task.name}'; give --template FILE"
        )
    return Template(index.names, None if form.header is None else ",".join(form.header))


def _refuse_partial(given: Path | None, wanted: Template, at: NDArray[np.int64], database: Database) -> None:
    unknown = np.flatnonzero(at < 0)
    if unknown.size:
        shown = ", ".join(wanted.names[row] for row in unknown[:SHOWN])
        more = f" and {unknown.size - SHOWN} more" if unknown.size > SHOWN else ""
        raise DataError(
            f"{given or 'the template'}: {unknown.size} of its {len(at)} rows are not in database '{database.name}': "
            f"{shown}{more}; a partial file is not written, unpack what is missing"
        )
    if len(np.unique(at)) < len(at):
        raise DataError(f"{given or 'the template'}: two of its rows name the same frame; take the official one")


def predict_tracks(
    run: StoredRun, tracks: Sequence[Track], databases: Databases, wanted: SubmitRequest, progress: Progress
) -> tuple[list[Scores], int]:
    """Return the scores of each track, and the number of frames that show another's image.

    A predictor, such as a floor, is fitted again to the tracks of its run; an ensemble asks each of its members.
    """
    if run.record.ensemble is not None:
        found = [predict_tracks(one, tracks, databases, wanted, progress) for one in members_of(run, wanted.members)]
        return combine_members(run, [scores for scores, _ in found]), max(filled for _, filled in found)
    learner = run.fitted_learner(databases, wanted.device)
    with make_repeatable(run.record.seed):
        if wanted.spread is not None and isinstance(learner, NetworkLearner):
            asked = Asked(
                run=run.folder.absolute(),
                weights=run.weights,
                assumptions=run.assumptions,
                sources=wanted.spread.sources,
                split=wanted.split,
                device=wanted.device,
            )
            inputs, scores = predict_in_parts(run, learner, tracks, asked, wanted.spread, progress)
        else:
            inputs = learner.embed(tracks, progress)
            scores = learner.predict(inputs, tracks, progress)
    rescaled = [rescale_to_threshold(run.task, one, run.thresholds) for one in scores]
    return rescaled, sum(inputs.images_of(track).filled for track in tracks)
