"""An ensemble of runs as a folder that runs without abawbench: the network of each member, and what makes them one."""

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from abawbench._version import __version__
from abawbench.contracts import Task, UsageError
from abawbench.harness.combine import apply
from abawbench.harness.combine.methods import read_combination
from abawbench.harness.data.whole import ONE_TENSOR
from abawbench.harness.learn.postprocessing import rescale_to_threshold
from abawbench.harness.learn.prediction import Scores
from abawbench.harness.measure.bench import compare_scores
from abawbench.harness.request.databases import Databases
from abawbench.harness.stored.export import (
    Exported,
    describe_export,
    new_folder,
    runtime_for,
    write_json,
    write_network,
)
from abawbench.harness.stored.export_example import ensemble_text
from abawbench.harness.stored.load import StoredRun
from abawbench.harness.stored.members import combine_members
from abawbench.progress import Progress


def export_ensemble(
    run: StoredRun,
    members: Sequence[StoredRun],
    databases: Databases,
    format: str,
    out: Path | None,
    progress: Progress,
) -> Exported:
    """Write the networks of an ensemble's members into a new folder, with what combines them; return what it is.

    Each member is a whole export in a folder of its own. The combination is the one fitted to all scored tracks, as
    ``submit`` applies it. Raises UsageError for members that take more than images, and as ``export`` does.
    """
    writer = runtime_for(run.plugins, format)
    with new_folder(run.record, format, out) as (folder, temporary):
        written = []
        for number, member in enumerate(members, start=1):
            own = temporary / f"member-{number}"
            own.mkdir()
            written.append(write_network(member, databases, writer, own, progress, f"{folder.name}/{own.name}"))
            if (model := written[-1].bench.learner.model).inputs != ONE_TENSOR:
                raise UsageError(
                    f"{member.folder}: takes {', '.join(sorted(model.inputs))}, and an ensemble is exported for images "
                    "alone; export its members one by one"
                )
        write_json(temporary / "ensemble.json", _about(run, members))
        (temporary / "combine.py").write_text(inspect.getsource(apply), encoding="utf-8")
        (temporary / "example.py").write_text(ensemble_text(run.task), encoding="utf-8")
    first = written[0]
    eager, found = (_combine(run, members, [getattr(one, by) for one in written]) for by in ("eager", "found"))
    return describe_export(run.record, folder, format, compare_scores(first.bench, first.runtime, eager, found))


def _combine(run: StoredRun, members: Sequence[StoredRun], scores: Sequence[list[Scores]]) -> list[Scores]:
    own = [
        [rescale_to_threshold(run.task, one, member.thresholds) for one in tracks]
        for member, tracks in zip(members, scores, strict=True)
    ]
    return combine_members(run, own)


def _about(run: StoredRun, members: Sequence[StoredRun]) -> dict[str, Any]:
    """Return what the example reads, and what the ensemble was worth."""
    told, task, score = run.record.ensemble, run.task, run.record.score
    assert told is not None
    worth = None if score is None else {"metric": score.metric, "value": score.value, "out_of_fold": told.folds > 0}
    return {
        "model": run.record.model,
        "task": task.name,
        "level": task.level,
        "outputs": list(task.outputs),
        "method": told.method,
        "parameters": read_combination(told.parameters, task).parameters(),
        "threshold": task.threshold if task.kind == "multilabel" else None,
        "thresholds": _in_order(task, told.parameters.get("thresholds")),
        "members": [
            {
                "folder": f"member-{number}",
                "model": one.record.model,
                "seed": one.record.seed,
                "thresholds": _in_order(task, one.thresholds),
            }
            for number, one in enumerate(members, start=1)
        ],
        "database": run.record.database.model_dump(mode="json"),
        "score": worth,
        "abawbench": __version__,
        "run": run.record.job,
    }


def _in_order(task: Task, thresholds: Any) -> list[float]:
    """Return the tuned threshold of each output, or none. Raises UsageError for a task of several parts."""
    if thresholds and task.parts:
        raise UsageError(f"an ensemble of '{task.name}' with tuned thresholds cannot be exported; tune none")
    return [float(thresholds[name]) for name in task.outputs] if thresholds else []
