"""The members of a stored ensemble: found again by the digests of their jobs, and combined as they were."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from abawbench.contracts import DataError, UsageError
from abawbench.harness.combine.methods import read_combination
from abawbench.harness.learn.postprocessing import rescale_to_threshold
from abawbench.harness.learn.prediction import Scores
from abawbench.harness.stored.load import StoredRun
from abawbench.records import store

USUAL = Path("runs")
"""Where members are looked for unless it is said, besides beside the ensemble."""


def members_of(run: StoredRun, folders: Sequence[Path] = ()) -> list[StoredRun]:
    """Return the members of an ensemble, in its order, from the folders or from where runs usually lie.

    Raises UsageError naming the first that is not there, DataError for one that changed since.
    """
    told = run.record.ensemble
    assert told is not None
    places = list(folders) or [run.folder.parent, *([USUAL] if USUAL.is_dir() else [])]
    found = {record.job: (path, record) for place in places for path, record in store.find(place)}
    members = []
    for one in told.members:
        if one.job not in found:
            raise UsageError(
                f"{run.folder}: its member {one.model}, seed {one.seed} (job {one.job[:8]}) is not below "
                f"{', '.join(map(str, places))}; say where with --members FOLDER"
            )
        path, record = found[one.job]
        if record.predictions is None or record.predictions.sha256 != one.predictions_sha256:
            raise DataError(f"{path}: made again since the ensemble, with other predictions; make the ensemble again")
        members.append(StoredRun(path, record, run.plugins, run.weights, run.assumptions))
    return members


def combine_members(run: StoredRun, scores: Sequence[Sequence[Scores]]) -> list[Scores]:
    """Return the scores of each track for those of each member, by what was fitted to all scored tracks."""
    told = run.record.ensemble
    assert told is not None
    combination = read_combination(told.parameters, run.task)
    thresholds: Any = told.parameters.get("thresholds") or {}
    found = []
    for own in zip(*scores, strict=True):
        combined = combination.apply(np.stack(own).astype(np.float64)).astype(np.float32)
        found.append(rescale_to_threshold(run.task, combined, thresholds))
    return found
