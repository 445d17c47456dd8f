"""How much of everything a preset holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from abawbench.contracts.errors import UsageError


@dataclass(frozen=True)
class Amount:
    """Tracks of the train and val split, and the fewest and most frames of a track; test has as many as val."""

    train: int
    val: int
    frames: tuple[int, int]


def _further() -> dict[str, Amount]:
    return {
        "s-aff-wild2": Amount(6, 4, (60, 80)),
        "hume-reaction": Amount(10, 8, (8, 12)),
        "dvd": Amount(4, 4, (24, 32)),
        "bah-video": Amount(6, 6, (16, 16)),
    }


@dataclass(frozen=True)
class Preset:
    """The amounts for each database, and the processes that make them."""

    name: str
    aff_wild2: Amount
    c_expr_db: Amount
    hume_vidmimic2: Amount
    bah: Amount
    processes: int
    further: Mapping[str, Amount] = field(default_factory=_further)
    """The amounts for the databases that are generated one by one; by default tiny ones."""
    labels_only: bool = False
    """Whether it holds the annotations of Aff-Wild2 in official size and nothing else."""

    def amounts(self) -> Mapping[str, Amount]:
        """Return the amounts by database name."""
        return {
            "aff-wild2": self.aff_wild2,
            "c-expr-db": self.c_expr_db,
            "hume-vidmimic2": self.hume_vidmimic2,
            "bah": self.bah,
            **self.further,
        }


PRESETS: Mapping[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "tiny",
            aff_wild2=Amount(6, 4, (22, 26)),
            c_expr_db=Amount(4, 3, (20, 24)),
            hume_vidmimic2=Amount(10, 8, (8, 12)),
            bah=Amount(4, 4, (24, 24)),
            processes=1,
        ),
        Preset(
            "small",
            aff_wild2=Amount(44, 28, (40, 72)),
            c_expr_db=Amount(26, 22, (28, 40)),
            hume_vidmimic2=Amount(110, 80, (11, 15)),
            bah=Amount(28, 26, (40, 64)),
            processes=2,
            further={
                "s-aff-wild2": Amount(48, 32, (120, 200)),
                "hume-reaction": Amount(110, 80, (11, 15)),
                "dvd": Amount(28, 20, (40, 56)),
                "bah-video": Amount(60, 50, (24, 32)),
            },
        ),
    )
}
"""The presets by name; many short tracks rather than few long ones, because intervals resample tracks."""

_NOTHING = Amount(0, 0, (0, 0))
LABELS_ONLY = Preset("labels-only", _NOTHING, _NOTHING, _NOTHING, _NOTHING, processes=1, labels_only=True)
"""Annotations of official size: nothing can be trained on it, but reading and scoring at scale can be tried."""


def preset_named(name: str) -> Preset:
    """Return the preset of that name. Raises UsageError for any other, with the names there are."""
    known = {**PRESETS, LABELS_ONLY.name: LABELS_ONLY}
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"choose one of {', '.join(known)}"
        raise UsageError(f"there is no synthetic preset '{name}'; {hint}")
    return known[name]
