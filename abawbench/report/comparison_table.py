"""A comparison as text: a table for the terminal, Markdown for a pull request, JSON for machines."""

import json
from collections.abc import Callable, Mapping, Sequence

from abawbench.compare.comparison import Comparison, Ratio, TaskComparison
from abawbench.compare.gate import Check
from abawbench.report.table import SYNTHETIC
from abawbench.system.text import NONE, markdown, number, plain, wrap

MARKS = {"pass": "✅", "fail": "❌", "unsure": "❓", "refused": "🚫"}


def comparison_text(
    comparison: Comparison, found: Sequence[Check] = (), *, fmt: str = "simple", width: int | None = None
) -> str:
    """Return the table, what was refused, and the gate's checks; ``fmt`` is ``simple`` or ``github`` (Markdown).

    In lines of at most ``width`` characters the table goes on below itself, and sentences are wrapped.
    """
    md = fmt == "github"
    escape = markdown if md else plain
    lines = [f"{'### ' if md else ''}{escape(comparison.b)} against {escape(comparison.a)}", ""]
    if any(task.synthetic for task in comparison.tasks):
        lines += [f"{SYNTHETIC}.", ""]
    if comparison.tasks:
        for columns in _fit(_columns(comparison.tasks, escape), None if md else width):
            lines += [_table(columns, fmt), ""]
        lines += [escape(line) if line else "" for line in _legend(comparison)]
    bullet = "- " if md else ""
    if not found:  # the gate's checks say it too
        lines += [f"{bullet}{escape(one.task)}: not compared: {escape(one.reason)}" for one in comparison.refused]
    lines += [f"{bullet}{escape(note)}" for note in (*_differing(comparison.tasks), *comparison.notes)]
    if found:
        lines += ["", *(f"{bullet}{MARKS[one.outcome]} {escape(one.what)}: {escape(one.words)}" for one in found)]
    if width is not None and not md:
        lines = [part for line in lines for part in (wrap(line, width) if "\n" not in line else [line])]
    return "\n".join(lines).rstrip("\n") + "\n"


def _table(columns: Mapping[str, Sequence[str]], fmt: str) -> str:
    from tabulate import tabulate

    align = ["left" if name in ("task", "metric") else "right" for name in columns]
    rows = list(zip(*columns.values(), strict=True))
    return tabulate(rows, headers=list(columns), tablefmt=fmt, disable_numparse=True, colalign=align)


def _fit(columns: Mapping[str, list[str]], width: int | None) -> list[dict[str, list[str]]]:
    """Return the columns in as many tables as it takes for none to be wider; each begins with the task."""
    tables: list[dict[str, list[str]]] = [{}]
    for name, cells in columns.items():
        wider = {**tables[-1], name: cells}
        if width is not None and len(tables[-1]) > 1 and len(_table(wider, "simple").split("\n")[1]) > width:
            wider = {"task": columns["task"], name: cells}
            tables.append(wider)
        tables[-1] = wider
    return tables


def comparison_json(comparison: Comparison, found: Sequence[Check] = (), status: int | None = None) -> str:
    """Return the comparison and the gate's checks as indented JSON; numbers that do not exist are null."""
    data = comparison.model_dump(mode="json")
    if status is not None:
        data["gate"] = {"exit_status": status, "checks": [vars(check) for check in found]}
    return json.dumps(data, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def comparison_rows(comparison: Comparison) -> list[dict[str, object]]:
    """Return one flat row a task, compared or refused; ``reason`` says why there is no difference."""
    told = "task edition metric database split synthetic a b seeds value_a value_b difference p_value p_holm"
    names = [*told.split(), "detectable", "tracks", "units", "reason"]
    rows: list[dict[str, object]] = []
    for task in comparison.tasks:
        row: dict[str, object] = {name: getattr(task, name) for name in names}
        row |= {"low": task.interval.low, "high": task.interval.high, "level": task.interval.level}
        rows.append(row | {f"{name}_ratio": one.ratio for name, one in task.cost.items()})
    return rows + [{"task": one.task, "reason": one.reason} for one in comparison.refused]


def _columns(tasks: Sequence[TaskComparison], escape: Callable[..., str]) -> dict[str, list[str]]:
    columns = {
        "task": [escape(task.task, 12) for task in tasks],
        "metric": [escape(task.metric, 12) for task in tasks],
        "A": [_value(task.value_a, task.seed_sd_a) for task in tasks],
        "B": [_value(task.value_b, task.seed_sd_b) for task in tasks],
        "B - A [interval]": [_difference(task) for task in tasks],
        "p": [_p(task.p_value) for task in tasks],
        "p, Holm": [_p(task.p_holm) for task in tasks],
        "detectable": [NONE if task.detectable is None else f"{task.detectable:.3f}" for task in tasks],
        "tracks": [str(task.tracks) for task in tasks],
    }
    for name, heading in (("parameters", "params"), ("macs", "MACs"), ("latency", "p50"), ("memory", "memory")):
        columns[f"{heading} B/A"] = [_ratio(task.cost[name]) for task in tasks]
    return columns


def _legend(comparison: Comparison) -> list[str]:
    level = comparison.tasks[0].interval.level
    lines = [
        f"{level:.0%} intervals of {comparison.replicates} paired resamples of tracks, those of one subject together; "
        "detectable: the smallest true difference that would have shown 4 times in 5."
    ]
    if any(task.seeds > 1 for task in comparison.tasks):
        lines.append("±: standard deviation between seeds, apart from the interval, which is over tracks.")
    lines += [
        f"{task.task}: {task.metric} is better when lower." for task in comparison.tasks if not task.higher_is_better
    ]
    lines += [
        f"{task.task}: {task.metric} does not declare whether more or less is better, so neither side is called better."
        for task in comparison.tasks
        if not task.direction_declared
    ]
    systems = dict.fromkeys((task.a, task.b) for task in comparison.tasks)
    lines += [f"A is {a}; B is {b}." for a, b in systems]
    why: dict[str, list[str]] = {}
    for task in comparison.tasks:
        if task.reason:
            why.setdefault(task.reason, []).append(task.task)
    reasons = [f"{', '.join(names)}: {reason}" for reason, names in why.items()]
    reasons += [
        f"{task.task}: no ratio of {name}: {cost.reason}"
        for task in comparison.tasks
        for name, cost in task.cost.items()
        if cost.reason
    ]
    return [*lines, *reasons, ""]


def _differing(tasks: Sequence[TaskComparison]) -> list[str]:
    """Return what A and B differ in, a line once however many tasks share it."""
    found: dict[str, list[str]] = {}
    for task in tasks:
        for line in task.differs:
            found.setdefault(line, []).append(task.task)
    return [
        f"A and B differ in {line}" if len(names) == len(tasks) else f"{', '.join(names)}: A and B differ in {line}"
        for line, names in found.items()
    ]


def _value(value: float | None, seeds: float | None) -> str:
    if value is None:
        return NONE
    return f"{value:.3f}" if seeds is None else f"{value:.3f} ±{seeds:.3f}"


def _difference(task: TaskComparison) -> str:
    low, high = task.interval.low, task.interval.high
    if task.difference is None:
        return NONE
    if low is None or high is None:
        return f"{task.difference:+.3f}"
    return f"{task.difference:+.3f} [{low:+.3f}, {high:+.3f}]"


def _p(value: float | None) -> str:
    if value is None:
        return NONE
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _ratio(cost: Ratio) -> str:
    return NONE if cost.ratio is None else f"×{number(cost.ratio)}"
