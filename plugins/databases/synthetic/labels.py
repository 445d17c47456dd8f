"""How annotators label a performance: what is labelled can be seen, and nobody labels it perfectly.

The knobs of difficulty stand at the top; everything else about labels follows from the trajectories.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from abawbench_plugins.databases.synthetic.performance import Array, Performance, drift
from abawbench_plugins.databases.synthetic.prototypes import COMPOUNDS, EMOTIONS, EXPRESSIONS, REACTIONS, VIOLENT

AU_THRESHOLD = 0.32
"""Intensity from which an action unit is coded as present."""
AU_SPREAD = 0.035
"""Spread of that threshold between tracks, per action unit."""
AU_WAVER = 0.04
"""Spread of that threshold within a track, slowly changing."""
EXPR_THRESHOLD = 0.30
"""Strength from which an expression is no longer called Neutral."""
EXPR_SPREAD = 0.05
EXPR_CONFUSION = 0.04
"""Share of episodes that annotators take for Other."""
VA_LAG = 2.0
"""Frames by which annotators who watch a playing video are late."""
VA_NOISE = 0.09
"""Spread of the slow error of a valence or arousal trace."""
VA_BIAS = 0.06
"""Spread between tracks of a trace's constant error."""
CE_CONFUSION = 0.05
"""Share of episodes whose compound annotators get wrong."""
EMI_ANNOTATORS = (6, 9)
"""Fewest and most people who rate a mimicked reaction; a label is the mean of so many votes."""
EMI_NOISE = 0.09
"""Spread of how intense an emotion appears to the group of raters."""
EMI_BLUR: dict[str, dict[str, float]] = {
    "Amusement": {"Joy": 0.35},
    "Joy": {"Amusement": 0.2},
    "Excitement": {"Joy": 0.15},
}
"""What else raters see in an emotion, as a share of its intensity."""
ERI_BLUR: dict[str, dict[str, float]] = {"Anxiety": {"Fear": 0.3}, "Fear": {"Anxiety": 0.35, "Surprise": 0.2}}
AH_THRESHOLD = 0.35
"""Strength from which hesitancy is noticed."""
AH_SPREAD = 0.06
AH_MISSED = 0.06
"""Share of hesitant stretches that nobody marks."""
VD_THRESHOLD = 0.30
"""Strength from which an act is called violent."""
VD_SPREAD = 0.05
MTL_MISSING = {"va": 0.1, "expr": 0.25, "au": 0.15}
"""Share of the static frames that are not annotated for a task; about a third of the real ones have all three."""


def action_units(act: Performance, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return presence of the twelve action units, 0 or 1 [T, 12]: intensity over a wavering threshold."""
    n, units = act.au.shape
    waver = np.stack([drift(rng, n, 12, AU_WAVER) for _ in range(units)], axis=1)
    present: NDArray[np.bool_] = act.au > AU_THRESHOLD + rng.normal(0, AU_SPREAD, units) + waver
    return present.astype(np.int64)


def expression(act: Performance, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the expression of every frame, 0 to 7 [T]: the strongest episode, Neutral where none is strong."""
    kinds = [EXPRESSIONS.index(episode.kind) for episode in act.episodes]
    other = EXPRESSIONS.index("Other")
    named = np.array([other if kind and rng.random() < EXPR_CONFUSION else kind for kind in kinds])
    threshold = EXPR_THRESHOLD + rng.normal(0, EXPR_SPREAD)
    return np.where(act.strength.max(axis=1) > threshold, named[act.strength.argmax(axis=1)], 0)


def valence_arousal(act: Performance, rng: np.random.Generator) -> Array:
    """Return valence and arousal, float64 [T, 2] in [-1, 1]: late, smoothed, and a little off."""
    traces = []
    for felt in (act.valence, act.arousal):
        wrong = rng.normal(0, VA_BIAS) + drift(rng, len(act), 15, VA_NOISE)
        traces.append(np.clip(_late(felt) + wrong, -1, 1))
    return np.stack(traces, axis=1)


def _late(felt: Array) -> Array:
    """A first-order lag of VA_LAG frames."""
    out = np.empty_like(felt)
    level = felt[0]
    for t, value in enumerate(felt):
        level += (value - level) / VA_LAG
        out[t] = level
    return out


def compound(act: Performance, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the compound expression of every frame, 0 to 6 [T]: the strongest episode."""
    kinds = [COMPOUNDS.index(episode.kind) for episode in act.episodes]
    named = np.array([rng.integers(len(COMPOUNDS)) if rng.random() < CE_CONFUSION else kind for kind in kinds])
    return np.asarray(named[act.strength.argmax(axis=1)])


def mimicry(act: Performance, rng: np.random.Generator) -> Array:
    """Return the six emotion intensities of a whole reaction, float64 [6] in [0, 1], each a fraction of the raters."""
    return _rate_reaction(act, rng, EMOTIONS, EMI_BLUR)


def reaction(act: Performance, rng: np.random.Generator) -> Array:
    """Return the seven intensities of a whole reaction to a video, float64 [7] in [0, 1], as ``mimicry`` does."""
    return _rate_reaction(act, rng, REACTIONS, ERI_BLUR)


def _rate_reaction(
    act: Performance, rng: np.random.Generator, emotions: Sequence[str], blur: Mapping[str, Mapping[str, float]]
) -> Array:
    seen = np.zeros(len(emotions))
    for episode, strength in zip(act.episodes, act.strength.T, strict=True):
        if episode.kind not in emotions:
            continue
        amount = strength.mean() * len(act) / max(episode.stop - episode.start, len(act) / 2)
        for kind, share in {episode.kind: 1.0, **blur.get(episode.kind, {})}.items():
            at = emotions.index(kind)
            seen[at] = max(seen[at], amount * share)
    raters = rng.integers(EMI_ANNOTATORS[0], EMI_ANNOTATORS[1] + 1)
    perceived = np.where(seen > 0.08, seen + rng.normal(0, EMI_NOISE, len(emotions)), rng.random(len(emotions)) < 0.03)
    votes = np.where(seen > 0.08, np.rint(perceived * raters), perceived)
    return np.clip(votes, 0, raters) / raters


def hesitancy(act: Performance, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return 1 in the frames [T] in which ambivalence or hesitancy is noticed, else 0."""
    missed = np.array([rng.random() < AH_MISSED for _ in act.episodes])
    hesitant = np.array([episode.kind == "Hesitant" for episode in act.episodes])
    noticed = act.strength[:, hesitant & ~missed].max(axis=1, initial=0.0)
    marked: NDArray[np.bool_] = noticed > AH_THRESHOLD + rng.normal(0, AH_SPREAD)
    return marked.astype(np.int64)


def hesitation(act: Performance, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return 1 if ambivalence or hesitancy is noticed anywhere in the video, else 0, [1]."""
    return np.asarray(hesitancy(act, rng).max(keepdims=True))


def violence(act: Performance, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return 1 in the frames [T] that show violence, else 0."""
    violent = np.array([episode.kind == VIOLENT for episode in act.episodes])
    shown = act.strength[:, violent].max(axis=1, initial=0.0)
    marked: NDArray[np.bool_] = shown > VD_THRESHOLD + rng.normal(0, VD_SPREAD)
    return marked.astype(np.int64)


def multitask(act: Performance, rng: np.random.Generator) -> Array:
    """Return valence, arousal, expression and action units, float64 [T, 15], with the ignore codes of s-Aff-Wild2."""
    parts = {
        "va": valence_arousal(act, rng),
        "expr": expression(act, rng)[:, None].astype(np.float64),
        "au": action_units(act, rng).astype(np.float64),
    }
    for task, values in parts.items():
        values[rng.random(len(act)) < MTL_MISSING[task]] = -5 if task == "va" else -1
    return np.concatenate(list(parts.values()), axis=1)
