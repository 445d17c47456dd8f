"""The leaderboards: what others published, and what abawbench measured, in one generated Markdown page."""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from statistics import mean, stdev
from typing import TypeVar

from abawbench.compare.every_pair import Pairs
from abawbench.compare.sides import Run
from abawbench.compare.ties import Separate, compare_neighbours, count_all_apart
from abawbench.compare.verify import Verified, verify
from abawbench.contracts.model import FROM_NOTHING, NOTHING, Recipe
from abawbench.plugins import Plugins, default_plugins
from abawbench.records.published import PUBLISHED, Published, load
from abawbench.records.record import Record
from abawbench.records.scores import Score
from abawbench.records.store import read
from abawbench.report.table import (
    CAVEATS,
    COVERAGE,
    SYNTHETIC,
    caveat_text,
    cost_columns,
    cost_notes,
    coverage_text,
    differing_settings,
    lacking_text,
    lost_text,
    value_text,
)
from abawbench.statistics.ranking import share_ranks
from abawbench.system.files import replace_file
from abawbench.system.text import NONE, markdown

PAGE = "README.md"
DRAWN = "synthetic.md"
"""The page of what was measured on synthetic data."""
LONGEST = 300
"""Characters of what a system needs to be measured."""
TASKS = {
    "va": "Valence and arousal",
    "expr": "Expressions",
    "au": "Action units",
    "ce": "Compound expressions",
    "emi": "Emotional mimicry intensity",
    "ah": "Ambivalence/hesitancy",
    "mtl": "Multi-task learning",
    "vd": "Violence detection",
}
"""Headings of the published tables, in their order; other tasks follow under their names."""

_HEAD = """\
# Leaderboards

<!-- Generated from published.yaml and results/*.json. Do not edit, but run:
abawbench leaderboard --folder leaderboards --write -->

Measured results come from `results/*.json`, the records of runs. Published ones come from `published.yaml` and were
not measured here: `CONFIRMED` was read in the source itself or in two independent places, `SINGLE` in one place, often
about the source, and `INFERRED` is recalled or derived and wants checking before it is quoted. Rows of different
editions may rest on different data. Measured neighbours that the data cannot tell apart share a rank, marked `=`. Every
measured value is computed anew from the statistics beside its record; what does not fit is left out and named.
"""

_T = TypeVar("_T")
_K = TypeVar("_K")


def render(
    published: Sequence[Published],
    records: Sequence[Record],
    separated: Separate = count_all_apart,
    found: Verified | None = None,
) -> str:
    """Return the page: measured results, real apart from synthetic, then published ones, the best first.

    ``separated`` tells which neighbours differ; the others share a rank. Only runs with a value stand in it. Marked
    runs (no weights, controls) and those that ``found`` has no rank for stand below the others, without a rank.
    """
    found = found or Verified()
    scored = [record for record in records if record.status == "ok" and record.score and record.score.value is not None]
    real = [record for record in scored if not record.database.synthetic]
    synthetic = [record for record in scored if record.database.synthetic]
    parts = [_HEAD, "## Measured\n", *_measured_section(real, separated, found.unranked)]
    if synthetic:
        parts += [
            f"## Measured on synthetic data\n\n{SYNTHETIC}.\n",
            *_measured_section(synthetic, separated, found.unranked),
        ]
    if found.left_out:
        parts += ["## Left out\n", *(f"- {markdown(why)}" for _, why in found.left_out), ""]
    return "\n".join([*parts, "## Published\n", *_published_section(published)]).rstrip("\n") + "\n"


def write(folder: Path) -> Path:
    """Write the pages of a folder anew from ``published.yaml`` and ``results/*.json``; return that of real data."""
    for name, text in pages(folder).items():
        with replace_file(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return folder / PAGE


def pages(folder: Path) -> dict[str, str]:
    """Return what the pages in a folder should hold by file name: real results, and synthetic ones where there are."""
    plugins = default_plugins()
    found = verify(load_measured(folder), plugins)
    records = [run.record for run in found.runs]
    separated = compare_neighbours(found.runs, Pairs(found.runs, plugins))
    real = render(load(folder / PUBLISHED), [one for one in records if not one.database.synthetic], separated, found)
    synthetic = [one for one in records if one.database.synthetic and one.score and one.score.value is not None]
    if not synthetic:
        return {PAGE: real}
    link = f"Results on drawn faces stand on [a page of their own]({DRAWN}).\n\n## Published\n"
    tables = _measured_section(synthetic, separated, found.unranked)
    return {
        PAGE: real.replace("## Published\n", link, 1),
        DRAWN: "\n".join([_about_drawings(synthetic), *tables]).rstrip("\n") + "\n",
    }


def _about_drawings(records: Sequence[Record]) -> str:
    """Return the beginning of the page of synthetic results: what they are, and who has seen such drawings before."""
    seen = sorted({one.model for one in records if one.weights and one.weights.source == one.database.name})
    who = f"The weights of {', '.join(seen)} were trained on such drawings" if seen else "No weights saw such drawings"
    return f"# Measured on synthetic data\n\n{SYNTHETIC}. {who}; no other model saw any before its training here.\n"


def page_text(folder: Path, more: Sequence[Run] = (), plugins: Plugins | None = None) -> str:
    """Return what ``README.md`` in a folder should hold, with ``more`` runs among the measured ones.

    Neighbours are told apart by the statistics beside the records. Raises DataError when a source is unreadable.
    """
    return page_of(load(folder / PUBLISHED), load_measured(folder, more), plugins or default_plugins())


def page_of(published: Sequence[Published], runs: Sequence[Run], plugins: Plugins) -> str:
    """Return the page of some results, as ``page_text`` does."""
    found = verify(runs, plugins)
    separated = compare_neighbours(found.runs, Pairs(found.runs, plugins))
    return render(published, [run.record for run in found.runs], separated, found)


def load_measured(folder: Path, more: Sequence[Run] = ()) -> list[Run]:
    """Return the measured results in a folder, and then ``more`` runs. Raises DataError when one is unreadable."""
    return [*(Run(path, read(path)) for path in sorted((folder / "results").glob("*.json"))), *more]


def _measured_section(records: Sequence[Record], separated: Separate, unranked: Mapping[int, str]) -> list[str]:
    if not records:
        return ["None yet.\n"]
    parts = []
    groups = group_by(records, table_of)
    for (task, edition, scored_on, fingerprint), group in groups.items():
        metric = " and ".join(sorted({_metric(record.score) for record in group if record.score}))
        title = markdown(f"{task}, edition {edition}: {metric} on {scored_on}")
        parts += [
            f"### {title}\n",
            f"Annotations {markdown(str(fingerprint), 13)}\n",
            _measured_table(group, separated, unranked),
            *_notes(group, unranked),
            *_seeds(group),
        ]
    return parts


def _metric(score: Score) -> str:
    if not score.direction_declared:
        return f"{score.metric} (direction not declared)"
    return score.metric if score.higher_is_better else f"{score.metric} (lower is better)"


def _notes(records: Sequence[Record], unranked: Mapping[int, str]) -> list[str]:
    """Return why results above have no rank or lack labels, and which times and counts are not to be quoted."""
    why: dict[str, list[str]] = {}
    for record in records:
        if id(record) in unranked:
            why.setdefault(unranked[id(record)], []).append(record.describe())
    found = [f"no rank for {', '.join(names)}: {reason}" for reason, names in why.items()]
    found += [f"{record.describe()}: {lost}" for record in records if (lost := lost_text(record.counts))]
    lacking = {lacking_text(record.database, record.score.metric) for record in records if record.score} - {""}
    notes = [f"- {markdown(note)}" for note in (*found, *cost_notes(records))]
    notes = [*(f"- {markdown(note, LONGEST)}" for note in sorted(lacking)), *notes]
    return ["\n".join([*notes, ""])] if notes else []


def _seeds(records: Sequence[Record]) -> list[str]:
    """Return a line for each system that ran with several seeds: what training again changes, on the same tracks."""
    lines = []
    differing = dict(zip(map(id, records), differing_settings(records), strict=True))
    usual = {field.name: field.default for field in fields(Recipe) if field.default is not MISSING}

    def system(record: Record) -> tuple[object, ...]:
        # an older record holds no setting that came later, and was made with what is now its default
        return record.entry, json.dumps({**usual, **record.settings}, sort_keys=True)

    for group in group_by(records, system).values():
        values = [record.score.value for record in group if record.score and record.score.value is not None]
        if len({record.seed for record in group}) == len(values) > 1:
            told = differing[id(group[0])]
            name = group[0].describe() + (f" ({told})" if told else "")
            lines.append(
                f"{markdown(name, LONGEST)}, {len(values)} seeds: mean {mean(values):.3f}, "
                f"standard deviation between seeds {stdev(values):.3f}; the intervals above are over tracks.\n"
            )
    return lines


def _measured_table(records: Sequence[Record], separated: Separate, unranked: Collection[int]) -> str:
    ordered = order_results(records, unranked)
    floors = [record.floor.value if record.floor else None for record in ordered]
    caveats = [markdown(caveat_text(record.counts)) for record in ordered]
    columns = {
        "rank": rank_words(ordered, separated, unranked),
        "model": [markdown(record.describe(), 60) for record in ordered],
        **_settings_column(ordered),
        "pretrained on": [markdown(_pretrained_on(record), 60) for record in ordered],
        "seed": [str(record.seed) for record in ordered],
        "value [interval]": [value_text(record.score) for record in ordered],
        "floor": [NONE if floor is None else f"{floor:.3f}" for floor in floors],
        COVERAGE: [coverage_text(record.counts) for record in ordered],
        **({CAVEATS: caveats} if any(caveats) else {}),
        **cost_columns(ordered),
        "runtime": [markdown(_runtime(record), 40) for record in ordered],
    }
    return _table(columns)


def _settings_column(records: Sequence[Record]) -> dict[str, list[str]]:
    pairs = zip(differing_settings(records), records, strict=True)
    cells = [markdown(text or _own_settings(record), 160) for text, record in pairs]
    return {"settings": cells} if any(cells) else {}


def _own_settings(record: Record) -> str:
    """Return the settings of a model that has no others beside it: its own, and those of training it sets itself."""
    usual = {field.name: field.default for field in fields(Recipe)}
    own = {name: value for name, value in record.settings.items() if not isinstance(value, Mapping)}
    shown = [name for name in own if name not in ("precision", "control") and own[name] != usual.get(name)]
    return " ".join(f"{name}={own[name]}" for name in shown)


def _pretrained_on(record: Record) -> str:
    """Return what the weights had seen before the training, ``nothing`` for random ones, a dash without any."""
    if record.weights is None or record.weights.source == NOTHING:
        return NONE
    if record.weights.source == FROM_NOTHING:
        return "nothing"
    seen = [*record.weights.trained_on, *(name for part in record.weights.parts for name in part.trained_on)]
    return ", ".join(dict.fromkeys(seen)) or "not declared"


def order_results(records: Sequence[Record], unranked: Collection[int] = ()) -> list[Record]:
    """Return the results of one table, the best first; those without a rank stand below the others.

    These are the marked ones, and those whose ``id`` is among ``unranked``.
    """

    def place(record: Record) -> tuple[object, ...]:
        merit = record.score.merit if record.score else None
        return bool(record.marks) or id(record) in unranked, -(merit or 0.0), record.model, record.seed

    return sorted(records, key=place)


def rank_words(ordered: Sequence[Record], separated: Separate, unranked: Collection[int] = ()) -> list[str]:
    """Return the rank of each result that ``order_results`` gave: ``1``, ``2=`` where it is shared, a dash unranked."""
    ranked = [record for record in ordered if not record.marks and id(record) not in unranked]
    ranks = share_ranks(separated(ranked)) if ranked else []
    words = [f"{rank}=" if ranks.count(rank) > 1 else str(rank) for rank in ranks]
    return [*words, *[NONE] * (len(ordered) - len(ranked))]


def _runtime(record: Record) -> str:
    latency = record.cost.latency if record.cost else None
    return latency.where if latency else NONE


def _published_section(rows: Sequence[Published]) -> list[str]:
    parts: list[str] = []
    order = {task: place for place, task in enumerate(TASKS)}
    by_task = group_by(sorted(rows, key=lambda row: (order.get(row.task, len(order)), row.task)), lambda row: row.task)
    for task, of_task in by_task.items():
        parts.append(f"### {markdown(TASKS.get(task, task))}\n")
        tables = group_by(of_task, lambda row: (row.database, row.metric, row.split))
        for (database, metric, split), group in sorted(tables.items()):
            ordered = sorted(group, key=lambda row: (-row.value, row.edition, row.system))
            columns: dict[str, list[str]] = {
                "system": [markdown(row.system) for row in ordered],
                "plugin": [f"`{row.plugin}`" if row.plugin else "" for row in ordered],
                "edition": [str(row.edition) for row in ordered],
                "value": [f"{row.value:.4g}" for row in ordered],
                "confidence": [row.confidence for row in ordered],
                "source": [markdown(row.source) for row in ordered],
                "note": [markdown(row.note or "") for row in ordered],
                "to measure it": [markdown(row.needs or "", LONGEST) for row in ordered],
            }
            told = {name: cells for name, cells in columns.items() if any(cells) or name == "note"}
            parts += [f"#### {markdown(f'{metric} on {database}, {split}')}\n", _table(told)]
    return parts


def table_of(record: Record) -> tuple[str, int, str, str]:
    """Return what the results of one measured table share: task, edition, what was scored, and its annotations."""
    return record.task, record.edition, record.scored_on, record.database.fingerprint


def group_by(items: Iterable[_T], key: Callable[[_T], _K]) -> dict[_K, list[_T]]:
    """Return the items by key, keys and items in the order they came."""
    groups: dict[_K, list[_T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


def _table(columns: Mapping[str, Sequence[str]]) -> str:
    from tabulate import tabulate

    rows = list(zip(*columns.values(), strict=True))
    return tabulate(rows, headers=list(columns), tablefmt="github", disable_numparse=True) + "\n"
