"""Is the out-of-fold value of an ensemble what a test set gives, and how much too high is the in-sample one?

Members, tracks and a test set are drawn anew each time; weights and thresholds are fitted. The interval is one of the
value over all people of this kind, which a test set of many comes close to. A test set of few strays by itself: that it
holds only with its ends ``stretch``ed.

    python tests/simulations/ensembles.py --times 500
    python tests/simulations/ensembles.py --times 500 --method mean --fixed    # nothing is fitted
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


def judge(method: Any, task: Task, metric: Metric, seen: Examples, *tests: Examples, tuned: bool = True) -> list[float]:
    """Return out of fold, its interval's ends, in sample and on each test set; ``tuned``: thresholds are."""

    def fit(examples: Examples) -> Any:
        combination = fit_combination(method, task, metric, examples)
        own = [combination.apply(one).astype(np.float32) for one in examples.scores]
        thresholds = tune_thresholds(metric, task, own, examples.labels) if tuned and task.kind == "multilabel" else {}
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
    ends = interval(metric.value, kept, groups=seen.groups, method="widened")
    inside = metric.value(rows(seen, [whole(one) for one in seen.scores]).sum(axis=0))
    tested = [metric.value(rows(test, [whole(one) for one in test.scores]).sum(axis=0)) for test in tests]
    return [float(x) for x in (metric.value(kept.sum(axis=0)), ends.low, ends.high, inside, *tested)]


def stretch(value: Any, end: Any, seen: int, test: int) -> Any:
    """Return the end of an interval over ``seen`` subjects, for the value of a test set of so many: both stray."""
    return value + (end - value) * (1 + seen / test) ** 0.5


def simulate(given: argparse.Namespace) -> NDArray[np.float64]:
    """Return per time: out of fold, its ends, in sample, on a large test set and on a small one; [times, 6]."""
    plugins = Plugins()
    task = plugins.get("task", "au").build()
    task = type(task)(**{**vars(task), "outputs": task.outputs[:UNITS]})
    metric = plugins.get("metric", task.metric).build(task)
    random = np.random.default_rng(given.seed)
    found = []
    for _ in range(given.times):
        seen, *tests = (draw(random, many, given.members) for many in (given.subjects, given.test, given.subjects))
        found.append(judge(given.method, task, metric, seen, *tests, tuned=not given.fixed))
    return np.array(found, dtype=np.float64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=500)
    parser.add_argument("--subjects", type=int, default=30)
    parser.add_argument("--test", type=int, default=2000, help="subjects of the large test set")
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--method", default="greedy")
    parser.add_argument("--fixed", action="store_true", help="tune no thresholds")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    kept, low, high, inside, tested, few = simulate(given).T
    error = (inside - tested).std() / given.times**0.5
    wide = [stretch(kept, end, given.subjects, given.subjects) for end in (low, high)]
    print(f"{given.method}, {given.times} times, {given.subjects} subjects, {given.members} members")
    print(f"out of fold less test: {np.mean(kept - tested):+.4f}")
    for count, others, ends in (
        (given.test, tested, (low, high)),
        (given.subjects, few, (low, high)),
        (given.subjects, few, wide),
    ):
        held, how = np.mean((ends[0] <= others) & (others <= ends[1])), "stretched" if ends is wide else "its"
        print(f"the value of {count} others lies in {how} interval in {held:.1%}")
    print(f"in sample less test:   {np.mean(inside - tested):+.4f} (standard error {error:.4f})")
    print(f"in sample less out of fold is above 0 in {np.mean(inside > kept):.1%}")


if __name__ == "__main__":
    main()
