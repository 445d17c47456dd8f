"""Is a planted bias against some people of the synthetic database found, and is none found where none is?

Each time the labels and people of another synthetic validation split are drawn. A reader whose skill differs from
person to person answers every frame, once alike for everybody and once worse for one group.

    python tests/simulations/bias.py --times 1000
    python tests/simulations/bias.py --times 5000 --by age --bias 0
"""

import argparse
from collections import Counter
from dataclasses import dataclass

import numpy as np

from abawbench.contracts import Labels
from abawbench.harness.insight.groups import group_subjects
from abawbench.harness.score.scoring import statistics_of
from abawbench.plugins import Plugins
from abawbench.statistics.bootstrap import sum_by_group
from abawbench.statistics.groups import largest_gap
from abawbench_plugins.databases.synthetic.person import describe, person
from abawbench_plugins.databases.synthetic.plan import plan
from abawbench_plugins.databases.synthetic.presets import PRESETS
from abawbench_plugins.databases.synthetic.take import act_of, labels_of

LEAST = 5
"""Subjects from which on a group is shown, as ``abawbench groups`` has it."""
ATTRIBUTES = ("age", "skin", "hair", "glasses", "beard")

_PLUGINS = Plugins()
TASK = _PLUGINS.get("task", "expr").build()
METRIC = _PLUGINS.get("metric", TASK.metric).build(TASK)


@dataclass(frozen=True)
class Drawn:
    """The tracks of one validation split: their labels, subjects and traits."""

    labels: list[Labels]
    subjects: list[str]
    traits: list[dict[str, str | float]]


def draw(seed: int) -> Drawn:
    """Return the validation tracks of expressions of a small synthetic database."""
    takes = [one for one in plan(PRESETS["small"], seed, ("aff-wild2",)) if one.split == "val" and "expr" in one.tasks]
    labels = [labels_of(one, act_of(one))["expr"] for one in takes]
    return Drawn(
        [Labels(values, values >= 0) for values in labels],
        [str(one.person) for one in takes],
        [describe(person(one.person)) for one in takes],
    )


def p_value(drawn: Drawn, seed: int, by: str, bias: float, permutations: int) -> tuple[float, bool] | None:
    """Return the p-value of the largest gap and whether the damaged group is the low one; None without two groups."""
    random, subjects = np.random.default_rng([seed, 18]), drawn.subjects
    group = group_subjects([one[by] for one in drawn.traits], subjects)
    size = Counter(one for one in group.values() if one is not None)
    shown = sorted(name for name, many in size.items() if many >= LEAST)
    if len(shown) < 2:
        return None
    hurt = sorted(shown, key=lambda name: -size[name])[1]
    skill = {one: random.beta(12, 6) - bias * (group[one] == hurt) for one in sorted(group)}
    scores = []
    for labels, subject in zip(drawn.labels, subjects, strict=True):
        n = len(labels.values)
        right = np.repeat(random.random(n // 5 + 1) < max(skill[subject], 0.02), 5)[:n]
        said = np.where(right, labels.values, random.integers(0, len(TASK.outputs), n))
        scores.append(np.eye(len(TASK.outputs), dtype=np.float32)[np.maximum(said, 0)])
    rows = statistics_of(METRIC, TASK, subjects, scores, drawn.labels)
    kept = [i for i, one in enumerate(subjects) if group[one] in shown]
    names = sorted({subjects[i] for i in kept})
    units = sum_by_group(rows[kept], [subjects[i] for i in kept])
    member = np.array([shown.index(str(group[name])) for name in names], dtype=np.int64)
    # far from the seeds of the drawings: numpy's generators of [7, 0] and of 7 are the same one
    found = largest_gap(METRIC.value, units, member, permutations, seed + 10**6)
    return found.p_value, shown[found.low_group] == hurt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=1000)
    parser.add_argument("--bias", type=float, default=0.3)
    parser.add_argument("--by", action="append", choices=ATTRIBUTES)
    parser.add_argument("--permutations", type=int, default=199)
    parser.add_argument("--first", type=int, default=0, help="seed of the first database")
    given = parser.parse_args()
    found: dict[tuple[str, float], list[tuple[float, bool] | None]] = {}
    for seed in range(given.first, given.first + given.times):
        drawn = draw(seed)
        for by in given.by or ATTRIBUTES:
            for bias in sorted({0.0, given.bias}):
                found.setdefault((by, bias), []).append(p_value(drawn, seed, by, bias, given.permutations))
    for (by, bias), tried in found.items():
        told = [one for one in tried if one is not None]
        real = [right for p, right in told if p <= 0.05]
        print(
            f"{by}, bias {bias:g}: a gap is called real in {len(real)} of {len(told)} databases "
            f"({len(real) / max(len(told), 1):.1%})"
            + (f", of the damaged group in {sum(real)}" if bias else "")
            + f"; {given.times - len(told)} without two groups of {LEAST} subjects"
        )


if __name__ == "__main__":
    main()
