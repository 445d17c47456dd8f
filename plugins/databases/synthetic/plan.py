"""Who plays what: the list of all takes of a synthetic database, fixed by preset and seed before anything is made."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from abawbench_plugins.databases.synthetic.presets import Preset
from abawbench_plugins.databases.synthetic.prototypes import COMPOUNDS, EMOTIONS, EXPRESSIONS

DATABASES = ("aff-wild2", "c-expr-db", "hume-vidmimic2", "bah")
PEOPLE_PER_DATABASE = 25_000
"""Database number b has the people from b * 25,000 up to (b + 1) * 25,000, so no two databases share one."""

EXPRESSION_ODDS = dict(zip(EXPRESSIONS, (22, 8, 8, 8, 15, 10, 9, 20), strict=True))
"""About the square root of Aff-Wild2's class counts: as uneven as lets every class occur in a small val split."""
COMPOUND_ODDS = dict(zip(COMPOUNDS, (14, 25, 11, 11, 11, 10, 9), strict=True))
EMOTION_ODDS = dict(zip(EMOTIONS, (18, 13, 10, 6, 14, 12), strict=True))
BAH_ODDS = {"Hesitant": 30, "Neutral": 34, "Happiness": 12, "Sadness": 8, "Anger": 4, "Surprise": 4, "Other": 8}
STRETCH = {"aff-wild2": 23, "c-expr-db": 17, "bah": 20}
"""Frames an act takes on average."""
TASK_GAPS = {"va": 5, "expr": 3, "au": 1}
"""In every eleven Aff-Wild2 tracks of a split, the one that a task's list lacks."""


@dataclass(frozen=True)
class Take:
    """One track to be made.

    ``index`` counts the takes of a database and ``place`` those of its split; ``name`` is the official track name,
    ``video`` the raw video that shows it, ``side`` 0 or 1 where a video shows two people. ``frames`` counts video
    frames; label rows may be more or fewer. ``kinds`` are the acts. ``tasks`` are the labels it has.
    """

    database: str
    split: str
    index: int
    place: int
    name: str
    video: str
    side: int
    person: int
    frames: int
    rate: int
    kinds: tuple[str, ...]
    tasks: tuple[str, ...]
    seed: int

    def random(self, purpose: int) -> np.random.Generator:
        """Return the generator of this take for one purpose, whoever makes it and whenever."""
        return np.random.default_rng([self.seed, DATABASES.index(self.database), self.index, purpose])


def plan(preset: Preset, seed: int) -> list[Take]:
    """Return every take of a preset. Takes of one video stand side by side; no person is in two splits."""
    return [take for database in DATABASES for take in _database(database, preset, seed)]


def videos(takes: Sequence[Take]) -> list[tuple[Take, ...]]:
    """Return the takes grouped by the video that shows them."""
    groups: dict[tuple[str, str], list[Take]] = {}
    for take in takes:
        groups.setdefault((take.database, take.video), []).append(take)
    return [tuple(group) for group in groups.values()]


def deal(rng: np.random.Generator, odds: Mapping[str, float], n: int) -> list[str]:
    """Return n kinds in random order, each as often as its odds say, and at least once where n allows."""
    names = list(odds)
    exact = np.array([odds[name] for name in names]) / sum(odds.values()) * n
    counts = np.floor(exact).astype(int)
    if n >= len(names):
        counts = np.maximum(counts, 1)
    while counts.sum() < n:
        counts[np.argmax(exact - counts)] += 1
    while counts.sum() > n:
        counts[np.argmax(counts - exact)] -= 1
    return [names[i] for i in rng.permutation(np.repeat(np.arange(len(names)), counts))]


def _database(database: str, preset: Preset, seed: int) -> Iterator[Take]:
    number = DATABASES.index(database)
    rng = np.random.default_rng([seed, number])
    people = iter(number * PEOPLE_PER_DATABASE + rng.permutation(PEOPLE_PER_DATABASE))
    amount = preset.amounts()[database]
    index = 0
    for split, count in (("train", amount.train), ("val", amount.val)):
        lengths = [int(n) for n in rng.integers(amount.frames[0], amount.frames[1] + 1, count)]
        if database == "aff-wild2":
            lengths = [lengths[place - 1] if place % _PAIR_EVERY == 1 else n for place, n in enumerate(lengths)]
        acts = _acts(rng, database, lengths)
        person = 0
        for place, (frames, kinds) in enumerate(zip(lengths, acts, strict=True)):
            if database not in _REPEATED or place % _REPEATED[database] == 0:
                person = int(next(people))
            name, video, side, rate = _NAMES[database](index, place, person)
            yield Take(
                database,
                split,
                index,
                place,
                name,
                video,
                side,
                person,
                frames,
                rate,
                kinds,
                _tasks(database, place),
                seed,
            )
            index += 1


_PAIR_EVERY = 16
"""Of so many Aff-Wild2 tracks of a split, the first two are two people in one video."""
_REPEATED = {"hume-vidmimic2": 2, "bah": 2}
"""Databases in which a person is seen more than once, and how often."""


def _acts(rng: np.random.Generator, database: str, lengths: Sequence[int]) -> list[tuple[str, ...]]:
    """The acts of every track of a split, dealt so that the split as a whole keeps the odds."""
    if database == "hume-vidmimic2":
        return [_reaction(rng, emotion) for emotion in deal(rng, EMOTION_ODDS, len(lengths))]
    odds = {"aff-wild2": EXPRESSION_ODDS, "c-expr-db": COMPOUND_ODDS, "bah": BAH_ODDS}[database]
    counts = [max(1, round(n / STRETCH[database])) for n in lengths]
    deck = iter(deal(rng, odds, sum(counts)))
    return [tuple(next(deck) for _ in range(count)) for count in counts]


def _reaction(rng: np.random.Generator, emotion: str) -> tuple[str, ...]:
    """A mimicked reaction: one emotion, before or after another, or after a pause."""
    second = rng.random()
    if second < 0.35:
        odds = np.array(list(EMOTION_ODDS.values())) / sum(EMOTION_ODDS.values())
        return (emotion, str(rng.choice(EMOTIONS, p=odds)))
    return ("Neutral", emotion) if second < 0.6 else (emotion,)


def _tasks(database: str, place: int) -> tuple[str, ...]:
    if database == "aff-wild2":
        return tuple(task for task, gap in TASK_GAPS.items() if place % 11 != gap)
    return {"c-expr-db": ("ce",), "hume-vidmimic2": ("emi",), "bah": ("ah",)}[database]


def _aff_wild2_name(index: int, place: int, person: int) -> tuple[str, str, int, int]:
    """Names as in the real listings: with rates, sizes and endings, and two people in some videos."""
    if place % _PAIR_EVERY in (0, 1):
        video = f"{index - place % _PAIR_EVERY + 1}-25-1920x1080"
        suffixes = ("", "_right") if index == place else ("_left", "_right")
        return video + suffixes[place % _PAIR_EVERY], video, place % _PAIR_EVERY, 25
    rate = (30, 15, 24, 25)[index % 4]
    name, rate = (
        (f"{index + 1}-{rate}-1920x1080", rate),
        (f"{index + 1}-{rate}-640x360", rate),
        (f"{index + 1}-30-1280x720-2", 30),
        (f"video{index + 1}_3", 30),
        (f"{451 + index}", 30),
        (f"{index + 1}-{rate}-1280x720", rate),
    )[place % 6]
    return name, name, 0, rate


def _c_expr_db_name(index: int, place: int, person: int) -> tuple[str, str, int, int]:
    return f"{index + 1:02d}", f"{index + 1:02d}", 0, 30


def _hume_name(index: int, place: int, person: int) -> tuple[str, str, int, int]:
    return f"{index:05d}", f"{index:05d}", 0, 6


def _bah_name(index: int, place: int, person: int) -> tuple[str, str, int, int]:
    """``<participant>/<visit>/<video>.mp4``: spaces in some visits and some names, a machine's name in others."""
    participant = f"{82_000 + index // 2}"
    visit = "Visite 1" if index // 2 % 2 else "Visite_1"
    question = f"Q{index % 7 + 1}"
    video = (
        f"{participant}_{question}_2024-08-22 14-46-{index % 60:02d}_Video.mp4",
        f"{participant}_{question}.mp4",
        f"{participant}_{question}-DESKTOP-7QK2.mp4",
    )[index % 3]
    name = f"{participant}/{visit}/{video}"
    return name, name, 0, 24


_NAMES = {
    "aff-wild2": _aff_wild2_name,
    "c-expr-db": _c_expr_db_name,
    "hume-vidmimic2": _hume_name,
    "bah": _bah_name,
}
