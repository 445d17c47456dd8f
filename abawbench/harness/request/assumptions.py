"""Readings: how facts that are not certain are taken, chosen by name; docs/choices.md lists them."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from abawbench.contracts import Labels, Reading, Task, Track, UsageError
from abawbench.plugins import KINDS, Plugin, Plugins

COUNTED = Reading(
    name="counted-frames",
    values=("annotated", "with-image"),
    fact="every annotated frame counts, with a face image or not; teams often report on frames with an image alone",
    source="abaw-protocols, section 2.4 (what the server leaves out: INFERRED) and pitfall 17",
)
"""The only reading that no plugin owns."""


def all_readings(plugins: Plugins) -> dict[str, Reading]:
    """Return every reading that can be chosen, by name; two plugins may share one."""
    declared = [reading for kind in KINDS for plugin in plugins.all(kind) for reading in plugin.declaration.readings]
    return {reading.name: reading for reading in (COUNTED, *declared)}


def checked_readings(plugins: Plugins, given: Mapping[str, str]) -> dict[str, str]:
    """Return the chosen readings without defaults. Raises UsageError for an unknown name or value, with the choices."""
    known = all_readings(plugins)
    for name, value in given.items():
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(sorted(known))}"
            raise UsageError(f"no reading is called '{name}'; {hint}")
        if value not in known[name].values:
            raise UsageError(f"reading {name}={value}: choose {' or '.join(known[name].values)}")
    return {name: value for name, value in given.items() if value != known[name].values[0]}


def parse_readings(items: Iterable[str]) -> dict[str, str]:
    """Return name -> value from ``NAME=VALUE`` items of the command line."""
    found = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not (name and equals and value):
            raise UsageError(f"--reading '{item}': write NAME=VALUE, for example --reading absent-class=left-out")
        found[name] = value
    return found


def in_effect(readings: Mapping[str, str], task: Task, took_part: Iterable[Plugin]) -> dict[str, str]:
    """Return the readings that mean something in a job: those of its plugins, and which frames count."""
    names = {reading.name for plugin in took_part for reading in plugin.declaration.readings}
    if task.level == "frame":
        names.add(COUNTED.name)
    return {name: value for name, value in readings.items() if name in names}


def counted(labels: Labels | None, track: Track, task: Task, readings: Mapping[str, str]) -> Labels | None:
    """Return the labels of a track with the frames that count; the others become frames without annotation."""
    if labels is None or task.level == "track" or readings.get(COUNTED.name) != "with-image":
        return labels
    image = track.frame_mask()
    return Labels(labels.values, labels.mask & (image if labels.mask.ndim == 1 else image[:, None]))
