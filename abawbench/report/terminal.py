"""Tables that fit a terminal: the columns that matter most, the others folded below; colour; bars."""

from collections.abc import Mapping, Sequence

from abawbench.records.record import Record
from abawbench.report.table import CAVEATS, COVERAGE, SETTINGS, stack_heading, table_columns, table_notes, value_heading
from abawbench.system.text import NONE, number, plain, wrap

GAP = 2
"""Blanks between columns."""
BAR = 40
"""Characters of the longest bar."""
P50, PERCENTILES = "p50 ms", "p50/p90/p99 ms"
MOST_ROWS = 8
"""Rows of which each has a line below the table for what found no place in it."""
LEGEND = """\
value [interval]   the official metric over all annotated frames, and its interval from resampling tracks
floor              what the best constant prediction scores; a value there has learned nothing
coverage (filled)  annotated frames that have a prediction, and frames without a face that a rule filled
caveats            what the value must not be quoted without; only where there is something
params             parameters of the network, trained and frozen
MACs/frame         multiply-accumulates of a clip divided by its frames
p50/p90/p99 ms     time of one clip at batch 1; a percentile stands there when enough samples earn it
frames/s           at the best batch
peak MB            memory for one clip
time s             of the whole job
"""
"""What the columns mean."""
_FIRST = ("model", "task")
_THEN = (
    SETTINGS,
    "floor",
    CAVEATS,
    P50,
    "MACs/frame",
    "metric",
    COVERAGE,
    "params",
    "on",
    "frames/s",
    "peak MB",
    "time s",
)
"""The order in which columns find a place, the identity and the value aside."""
_RED, _YELLOW, _PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[0m"
_LEFT = {"model", SETTINGS, "task", "on", "metric", CAVEATS}


def fitted_table(records: Sequence[Record], width: int, *, wide: bool = False, colour: bool = False) -> str:
    """Return the table of a run in lines of at most ``width`` characters, and below it what found no place there.

    ``wide`` shows every column, whatever the width. Colour marks values at or below their floor and jobs without a
    result (red), and results that are not ranked and times that are noisy or invalid (yellow). Raises ValueError
    when synthetic and real records are mixed.
    """
    if not records:
        return "no results"
    title, columns = table_columns(records)
    every = columns | {P50: _medians(records)}
    shown = list(columns) if wide else _choose(every, value_heading(records), width)
    marks: list[str] = []
    if "model" in shown and "MACs/frame" not in shown:
        every["model"], marks = _number_marks(records)
        shown = _choose(every, value_heading(records), width)
    told = [name for name in columns if name not in shown and not (name == PERCENTILES and P50 in shown)]
    lines = [*wrap(" · ".join(title), width), "", *_body(every, shown, records, colour=colour)]
    below = marks + (_fold(every, told, records) if told else [])
    notes = table_notes(records)
    for block in (below, notes):
        lines += [""] * bool(block) + [line for text in block for line in wrap(text, width)]
    return "\n".join(lines)


def parts_text(records: Sequence[Record], width: int) -> str:
    """Return a bar for each class, unit or dimension of each result, as wide as its value, for a terminal."""
    blocks = []
    for record in records:
        parts = record.score.parts if record.score else {}
        if not parts:
            continue
        name_width = min(max(map(len, parts)), max(width - 40, 8))
        room = max(min(BAR, width - name_width - 26), 4)
        longest = max((abs(part.value) for part in parts.values() if part.value is not None), default=1.0) or 1.0
        lines = [plain(f"{record.task} ({record.describe()})", width)]
        for name, part in parts.items():
            ends = part.interval
            known = ends is not None and ends.low is not None and ends.high is not None
            between = f"[{ends.low:.3f}, {ends.high:.3f}]" if known and ends else ""
            value = NONE if part.value is None else f"{part.value:.3f}"
            bar = _bar(part.value, max(longest, 1.0), room)
            lines.append(f"{plain(name, name_width):<{name_width}} {value:>6} {between:<16} {bar}".rstrip()[:width])
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _bar(value: float | None, longest: float, room: int) -> str:
    """Return a bar in eighths of a character; of a negative value one of shade."""
    if value is None:
        return ""
    eighths = round(8 * room * abs(value) / longest)
    if value < 0:
        return "░" * max(eighths // 8, 1)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def _medians(records: Sequence[Record]) -> list[str]:
    latencies = [record.cost.latency if record.cost else None for record in records]
    return [number(one.p50_ms) if one else NONE for one in latencies]


def _choose(columns: Mapping[str, Sequence[str]], value: str, width: int) -> list[str]:
    """Return the headings that fit, in the order of the table: identity and value first, then as ``_THEN`` says."""
    chosen = [name for name in (*_FIRST, value) if name in columns]
    used = sum(_width(name, columns[name]) for name in chosen) + GAP * (len(chosen) - 1)
    for name in _THEN:
        if name in columns and used + GAP + _width(name, columns[name]) <= width:
            chosen.append(name)
            used += GAP + _width(name, columns[name])
    more = _width(PERCENTILES, columns[PERCENTILES]) - _width(P50, columns[P50])
    if P50 in chosen and used + more <= width:
        chosen[chosen.index(P50)] = PERCENTILES
    order = [*columns]
    order.insert(order.index(PERCENTILES), order.pop(order.index(P50)))
    return [name for name in order if name in chosen]


def _width(heading: str, cells: Sequence[str]) -> int:
    return max(*map(len, stack_heading(heading).split("\n")), *map(len, cells))


def _body(
    columns: Mapping[str, Sequence[str]], shown: Sequence[str], records: Sequence[Record], *, colour: bool
) -> list[str]:
    """Return the heading, a rule and the rows, every column as wide as its widest line."""
    widths = {name: _width(name, columns[name]) for name in shown}
    stacked = {name: stack_heading(name).split("\n") for name in shown}
    height = max(map(len, stacked.values()))
    heads = [[""] * (height - len(stacked[name])) + stacked[name] for name in shown]
    lines = [_line(words, shown, widths) for words in zip(*heads, strict=True)]
    lines.append((" " * GAP).join("-" * widths[name] for name in shown))
    value = value_heading(records)
    for place, record in enumerate(records):
        cells = [columns[name][place] for name in shown]
        lines.append(_line(cells, shown, widths, _paint(value, record) if colour else {}))
    return lines


def _line(
    cells: Sequence[str], shown: Sequence[str], widths: Mapping[str, int], paint: Mapping[str, str] | None = None
) -> str:
    padded = []
    for cell, name in zip(cells, shown, strict=True):
        text = f"{paint[name]}{cell}{_PLAIN}" if paint and name in paint else cell
        blanks = " " * (widths[name] - len(cell))
        padded.append(text + blanks if name in _LEFT else blanks + text)
    return (" " * GAP).join(padded).rstrip()


def _paint(value: str, record: Record) -> dict[str, str]:
    """Return heading -> colour: a value red at the floor or without a result, yellow unranked; times not to quote."""
    paint = {}
    if record.status != "ok" or _is_at_floor(record):
        paint[value] = _RED
    elif record.marks:
        paint[value] = _YELLOW
    latency = record.cost.latency if record.cost else None
    if latency is not None and latency.state != "valid":
        paint |= {P50: _YELLOW, PERCENTILES: _YELLOW}
    return paint


def _is_at_floor(record: Record) -> bool:
    score, floor = record.score, record.floor
    if score is None or not score.direction_declared or score.merit is None or floor is None or floor.value is None:
        return False
    return score.merit <= (floor.value if score.higher_is_better else -floor.value)


def _number_marks(records: Sequence[Record]) -> tuple[list[str], list[str]]:
    """Return short names, with a number for the options and marks of each, and what the numbers stand for."""
    numbers: dict[str, int] = {}
    seeds = len({record.seed for record in records}) > 1
    names = []
    for record in records:
        more = plain(" ".join(record.entry[1:]))
        number = f" *{numbers.setdefault(more, len(numbers) + 1)}" if more else ""
        names.append(plain(record.model, 14) + number + (f" seed {record.seed}" if seeds else ""))
    return names, [f"*{number}: {more}" for more, number in numbers.items()]


def _fold(columns: Mapping[str, Sequence[str]], told: Sequence[str], records: Sequence[Record]) -> list[str]:
    """Return what found no place: what all rows share, then one line a row, or of many rows only the headings."""
    shared = [name for name in told if len(set(columns[name])) == 1]
    own = [name for name in told if name not in shared]
    lines = [", ".join(f"{name} {columns[name][0]}" for name in shared)] if shared else []
    if own and len(records) > MOST_ROWS:
        return [*lines, f"not shown: {', '.join(own)}; --wide shows every column"]
    for place, record in enumerate(records if own else []):
        who = columns["model"][place] + " " if "model" in columns else ""
        lines.append(f"{who}{plain(record.task)}: " + ", ".join(f"{name} {columns[name][place]}" for name in own))
    return [*lines, "--wide shows every column"]
