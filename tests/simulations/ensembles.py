"""Is the out-of-fold value of an ensemble what a test set gives, and how much too high is the in-sample one?

Members, tracks and a large test set are drawn anew each time; weights and thresholds are fitted.

    python tests/simulations/ensembles.py --times 500
"""

import argparse
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import Labels, Metric, Task
from abawbench.harness.combine.methods import Examples, fit_combination
from abawbench.harness.learn.postprocessing import rescale_to_threshold, tune_thresholds
from abawbench.harness.request.splits import assign_folds
from abawbench.harness.score.scoring import statistics_of
from abawbench.plugins import Plugins
from abawbench.statistics.bootstrap import interval

UNITS = 4
"""Outputs of the binary task that is simulated."""


def draw(random: np.random.Generator, subjects: int, members: int) -> Examples:
    """Return tracks of subjects: labels come and go, and all members stumble over the same subjects."""
    scores, labels, groups = [], [], []
    for subject in range(subjects):
        hard = random.normal(0, 0.6, UNITS)
        n = int(random.integers(20, 80))
        truth = np.repeat(random.random((n // 10 + 1, UNITS)) < 0.3, 10, axis=0)[:n].astype(np.int64)
        shared = random.normal(0, 0.5, truth.shape)
        given = [
            2 * truth - 1 + hard + shared + (0.6 + 0.2 * m) * random.normal(size=truth.shape) for m in range(members)
        ]
        scores.append(1 / (1 + np.exp(-np.stack(given))))
        labels.append(Labels(truth, np.ones(n, dtype=np.bool_)))
        groups.append(f"s{subject}")
    return Examples(scores, labels, groups)


def judge(method: Any, task: Task, metric: Metric, seen: Examples, test: Examples) -> list[float]:
    """Return out of fold, its interval's ends, in sample, on the test set, of a combination with tuned thresholds."""

    def fit(examples: Examples) -> Any:
        combination = fit_combination(method, task, metric, examples)
        own = [combination.apply(one).astype(np.float32) for one in examples.scores]
        thresholds = tune_thresholds(metric, task, own, examples.labels) if task.kind == "multilabel" else {}
        return lambda x: rescale_to_threshold(task, combination.apply(x).astype(np.float32), thresholds)

    def rows(examples: Examples, scores: Any) -> NDArray[np.float64]:
        return statistics_of(metric, task, examples.groups, scores, examples.labels)

    whole = fit(seen)
    fold = assign_folds(seen.groups, [len(one.mask) for one in seen.labels], 5)
    unseen: list[Any] = [None] * len(seen.groups)
    for k in range(5):
        own = fit(seen.pick(np.flatnonzero(fold != k).tolist()))
        for i in np.flatnonzero(fold == k):
            unseen[i] = own(seen.scores[i])
    kept = rows(seen, unseen)
    ends = interval(metric.value, kept, groups=seen.groups, replicates=1000, method="widened")
    inside = metric.value(rows(seen, [whole(one) for one in seen.scores]).sum(axis=0))
    tested = metric.value(rows(test, [whole(one) for one in test.scores]).sum(axis=0))
    return [float(x) for x in (metric.value(kept.sum(axis=0)), ends.low, ends.high, inside, tested)]


def simulate(times: int, subjects: int, members: int, method: Any, seed: int = 0) -> NDArray[np.float64]:
    """Return per time: out of fold, its interval's ends, in sample, on the test set; [times, 5]."""
    plugins = Plugins()
    task = plugins.get("task", "au").build()
    task = type(task)(**{**vars(task), "outputs": task.outputs[:UNITS]})
    metric = plugins.get("metric", task.metric).build(task)
    random = np.random.default_rng(seed)
    found = [
        judge(method, task, metric, draw(random, subjects, members), draw(random, 200, members)) for _ in range(times)
    ]
    return np.array(found, dtype=np.float64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=500)
    parser.add_argument("--subjects", type=int, default=30)
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--method", default="greedy")
    given = parser.parse_args()
    found = simulate(given.times, given.subjects, given.members, given.method)
    kept, low, high, inside, tested = found.T
    error = (inside - tested).std() / len(found) ** 0.5
    print(f"{given.method}, {given.times} times, {given.subjects} subjects, {given.members} members")
    covered = np.mean((low <= tested) & (tested <= high))
    print(f"out of fold less test: {np.mean(kept - tested):+.4f}; test inside its interval: {covered:.1%}")
    print(f"in sample less test:   {np.mean(inside - tested):+.4f} (standard error {error:.4f})")
    print(f"in sample less out of fold is above 0 in {np.mean(inside > kept):.1%}")


if __name__ == "__main__":
    main()
