"""Is a planted bias against some people of the synthetic database found, and is none found where none is?

Each time the labels and people of another synthetic validation split are drawn. A reader whose skill differs from
person to person answers every frame; in the second half of the times it is worse on one group.

    python tests/simulations/bias.py --times 1000
"""

import argparse
from collections import Counter

import numpy as np

from abawbench.contracts import Labels
from abawbench.harness.insight.groups import group_subjects
from abawbench.harness.score.scoring import statistics_of
from abawbench.plugins import Plugins
from abawbench.statistics.groups import largest_gap
from abawbench_plugins.databases.synthetic.person import describe, person
from abawbench_plugins.databases.synthetic.plan import Take, plan
from abawbench_plugins.databases.synthetic.presets import PRESETS
from abawbench_plugins.databases.synthetic.take import act_of, labels_of

LEAST = 5
"""Subjects from which on a group is shown, as ``abawbench groups`` has it."""


def draw(seed: int) -> list[tuple[Take, Labels]]:
    """Return the validation tracks of expressions of a small synthetic database."""
    takes = [one for one in plan(PRESETS["small"], seed, ("aff-wild2",)) if one.split == "val" and "expr" in one.tasks]
    found = []
    for take in takes:
        values = labels_of(take, act_of(take))["expr"]
        found.append((take, Labels(values, values >= 0)))
    return found


def p_value(seed: int, by: str, bias: float, least: int, permutations: int) -> tuple[float, bool] | None:
    """Return the p-value of the largest gap and whether the damaged group is the low one; None without two groups."""
    plugins = Plugins()
    task = plugins.get("task", "expr").build()
    metric = plugins.get("metric", task.metric).build(task)
    random, tracks = np.random.default_rng([seed, 18]), draw(seed)
    subjects = [str(take.person) for take, _ in tracks]
    group = group_subjects([describe(person(take.person))[by] for take, _ in tracks], subjects)
    size = Counter(one for one in group.values() if one is not None)
    shown = sorted(name for name, many in size.items() if many >= least)
    if len(shown) < 2:
        return None
    # the second largest: a group that is the exception, such as people who wear glasses
    hurt = sorted(shown, key=lambda name: -size[name])[1]
    skill = {one: random.beta(12, 6) - bias * (group[one] == hurt) for one in sorted(group)}
    scores = []
    for (_, labels), subject in zip(tracks, subjects, strict=True):
        n = len(labels.values)
        right = np.repeat(random.random(n // 5 + 1) < max(skill[subject], 0.02), 5)[:n]
        said = np.where(right, labels.values, random.integers(0, len(task.outputs), n))
        scores.append(np.eye(len(task.outputs), dtype=np.float32)[np.maximum(said, 0)])
    rows = statistics_of(metric, task, [take.name for take, _ in tracks], scores, [labels for _, labels in tracks])
    kept = [i for i, one in enumerate(subjects) if group[one] in shown]
    names = sorted({subjects[i] for i in kept})
    units = np.stack([sum(rows[i] for i in kept if subjects[i] == name) for name in names])
    member = np.array([shown.index(str(group[name])) for name in names], dtype=np.int64)
    found = largest_gap(metric.value, units, member, permutations, seed)
    return found.p_value, shown[found.low_group] == hurt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=1000)
    parser.add_argument("--by", default="glasses", choices=["age", "skin", "hair", "glasses", "beard"])
    parser.add_argument("--bias", type=float, default=0.3)
    parser.add_argument("--permutations", type=int, default=199)
    given = parser.parse_args()
    for bias in (0.0, given.bias):
        tried = [p_value(seed, given.by, bias, LEAST, given.permutations) for seed in range(given.times)]
        told = [one for one in tried if one is not None]
        found = [right for p, right in told if p <= 0.05]
        print(
            f"{given.by}, bias {bias:g}: a gap is called real in {len(found)} of {len(told)} databases "
            f"({len(found) / max(len(told), 1):.1%}), the damaged group named in {sum(found) if bias else 0}; "
            f"{given.times - len(told)} databases without two groups of {LEAST} subjects",
            flush=True,
        )


if __name__ == "__main__":
    main()
