"""Is the out-of-fold value of an ensemble of stored runs what people give whom nobody has seen?

The subjects on whom the runs were scored are cut in halves, again and again: combinations are fitted to one half and
asked about the other. With --fresh the other set is another split instead, which each member predicts: the synthetic
test set, of which the labels lie aside.

    python tests/simulations/unseen.py runs --task expr --method greedy --times 50
    python tests/simulations/unseen.py runs --task expr --method greedy --fresh test
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from ensembles import judge, stretch

from abawbench.api import sources_of
from abawbench.harness.combine.methods import METHODS, Examples
from abawbench.harness.request.assumptions import count_frames
from abawbench.harness.request.databases import Databases
from abawbench.harness.stored.load import StoredRun, find_runs
from abawbench.harness.stored.scored import annotated, load_scored
from abawbench.harness.stored.submit import SubmitRequest, predict_tracks
from abawbench.plugins import default_plugins
from abawbench.progress import Progress


def load(runs: list[StoredRun], databases: Databases) -> Examples:
    """Return what the runs say of the tracks that they were scored on."""
    members = [load_scored(one, databases) for one in runs]
    first = members[0]
    assert all([t.track.id for t in one.tracks] == [t.track.id for t in first.tracks] for one in members)
    scores = [np.stack([one.scores[i] for one in members]).astype(np.float64) for i in annotated(first)]
    tracks = [first.tracks[i] for i in annotated(first)]
    return Examples(scores, [one.known for one in tracks], [one.track.subject for one in tracks])


def predict(runs: list[StoredRun], databases: Databases, split: str) -> Examples:
    """Return what the runs say of another split, which has labels."""
    task = runs[0].task
    _, database = databases.under(runs[0].protocol.assumptions).for_split(task, split)
    tracks = count_frames(database.tracks(task.label, split), task, runs[0].protocol.assumptions)
    tracks = [one for one in tracks if one.labels is not None and one.known.annotated.any()]
    bare = [one.track for one in tracks]
    said = [predict_tracks(one, bare, databases, SubmitRequest(split=split), Progress())[0] for one in runs]
    scores = [np.stack(own).astype(np.float64) for own in zip(*said, strict=True)]
    return Examples(scores, [one.known for one in tracks], [one.track.subject for one in tracks])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--task")
    parser.add_argument("--data", help="NAME=ROOT; default: the synthetic database of the runs")
    parser.add_argument("--method", action="append", choices=METHODS)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--fresh", metavar="SPLIT")
    given = parser.parse_args()
    plugins = default_plugins()
    runs = [one for folder in given.runs for one in find_runs(folder, plugins, given.task)]
    name, _, root = (given.data or "").partition("=")
    databases = Databases(plugins, sources_of(runs[0].record, {name: root} if name else None), Progress())
    seen = load(runs, databases)
    task, metric = runs[0].task, runs[0].metric
    other = predict(runs, databases, given.fresh) if given.fresh else None
    for method in given.method or ("mean", "weights", "ridge", "logistic", "greedy"):
        found = []
        if other is not None:
            found.append(judge(method, task, metric, seen, other))
            count = len(set(seen.groups)), len(set(other.groups))
        else:
            subjects = np.array(sorted(set(seen.groups)))
            count = len(subjects) // 2, len(subjects) - len(subjects) // 2
            for seed in range(given.times):
                half = set(np.random.default_rng(seed).permutation(subjects)[: len(subjects) // 2].tolist())
                inside = [i for i, one in enumerate(seen.groups) if one in half]
                outside = [i for i, one in enumerate(seen.groups) if one not in half]
                found.append(judge(method, task, metric, seen.pick(inside), seen.pick(outside)))
        print(
            json.dumps({"members": [f"{r.record.model} {r.record.seed}" for r in runs], **told(method, found, count)})
        )


def told(method: str, found: list[list[float]], count: tuple[int, int]) -> dict[str, Any]:
    """Return the means, how far they are from what the others gave, and how often the interval held that.

    So few others stray by themselves, for which the stretched interval allows and that over all people does not.
    """
    kept, low, high, inside, tested = np.array(found).T
    wide_low, wide_high = (stretch(kept, end, *count) for end in (low, high))
    return {
        "method": method,
        "times": len(found),
        "subjects": count[0],
        "unseen_subjects": count[1],
        "out_of_fold": round(kept.mean(), 4),
        "interval": [round(low.mean(), 4), round(high.mean(), 4)],
        "in_sample": round(inside.mean(), 4),
        "unseen": round(tested.mean(), 4),
        "out_of_fold_less_unseen": round((kept - tested).mean(), 4),
        "in_sample_less_unseen": round((inside - tested).mean(), 4),
        "interval_holds_unseen": round(float(np.mean((low <= tested) & (tested <= high))), 3),
        "stretched": [round(wide_low.mean(), 4), round(wide_high.mean(), 4)],
        "stretched_holds_unseen": round(float(np.mean((wide_low <= tested) & (tested <= wide_high))), 3),
    }


if __name__ == "__main__":
    main()
