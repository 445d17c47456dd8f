"""Assumptions: how facts that are not certain are taken, chosen by name; docs/assumptions.md lists them."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from abawbench.contracts import Assumption, LabelledTrack, Labels, Task, UsageError
from abawbench.plugins import KINDS, Plugin, Plugins

COUNTED = Assumption(
    name="counted-frames",
    values=("annotated", "with-image"),
    fact="every annotated frame counts, with a face image or not; teams often report on frames with an image alone",
    source="abaw-protocols, section 2.4 (what the server leaves out: INFERRED) and pitfall 17",
)
"""The only assumption that no plugin owns."""


def all_assumptions(plugins: Plugins) -> dict[str, Assumption]:
    """Return every assumption that can be chosen, by name; two plugins may share one."""
    declared = [
        assumption for kind in KINDS for plugin in plugins.all(kind) for assumption in plugin.declaration.assumptions
    ]
    return {assumption.name: assumption for assumption in (COUNTED, *declared)}


def check_assumptions(plugins: Plugins, given: Mapping[str, str]) -> dict[str, str]:
    """Return the chosen assumptions without defaults. Raises UsageError, with the choices, for an unknown one."""
    known = all_assumptions(plugins)
    for name, value in given.items():
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(sorted(known))}"
            raise UsageError(f"no assumption is called '{name}'; {hint}")
        if value not in known[name].values:
            raise UsageError(f"assumption {name}={value}: choose {' or '.join(known[name].values)}")
    return {name: value for name, value in given.items() if value != known[name].values[0]}


def parse_assumptions(items: Iterable[str]) -> dict[str, str]:
    """Return name -> value from ``NAME=VALUE`` items of the command line."""
    found = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not (name and equals and value):
            raise UsageError(f"--assume '{item}': write NAME=VALUE, for example --assume absent-class=left-out")
        found[name] = value
    return found


def select_assumptions(assumptions: Mapping[str, str], task: Task, took_part: Iterable[Plugin]) -> dict[str, str]:
    """Return the assumptions that mean something in a job: those of its plugins, and which frames count."""
    names = {assumption.name for plugin in took_part for assumption in plugin.declaration.assumptions}
    if task.level == "frame":
        names.add(COUNTED.name)
    return {name: value for name, value in assumptions.items() if name in names}


def count_frames(tracks: Iterable[LabelledTrack], task: Task, assumptions: Mapping[str, str]) -> list[LabelledTrack]:
    """Return the tracks with the labels of the frames that count; the others become frames without annotation."""
    if task.level == "track" or assumptions.get(COUNTED.name) != "with-image":
        return list(tracks)
    return [one if one.labels is None else LabelledTrack(one.track, _with_image(one)) for one in tracks]


def _with_image(one: LabelledTrack) -> Labels:
    image, known = one.track.frame_mask(), one.known
    return Labels(known.values, known.mask & (image if known.mask.ndim == 1 else image[:, None]))
