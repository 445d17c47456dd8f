"""Who plays in the synthetic database, and in what numbers."""

from collections import Counter

import numpy as np
import pytest
from sklearn.metrics import f1_score

from abawbench.contracts.errors import UsageError
from abawbench_plugins.databases.synthetic.labels import AU_THRESHOLD
from abawbench_plugins.databases.synthetic.plan import DATABASES, EXPRESSION_ODDS, Take, deal, plan, videos
from abawbench_plugins.databases.synthetic.presets import PRESETS, preset_named
from abawbench_plugins.databases.synthetic.prototypes import COMPOUNDS, EMOTIONS, EXPRESSIONS
from abawbench_plugins.databases.synthetic.take import act_of, labels_of


@pytest.fixture(scope="module")
def small() -> list[Take]:
    return plan(preset_named("small"), 0)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("seed", [0, 1, 7])
def test_nobody_is_in_two_splits_or_two_databases(preset: str, seed: int) -> None:
    people: dict[tuple[str, str], set[int]] = {}
    for take in plan(preset_named(preset), seed):
        people.setdefault((take.database, take.split), set()).add(take.person)
    assert len(people) == 2 * len(DATABASES)
    everybody = [person for group in people.values() for person in group]
    assert max(Counter(everybody).values()) == 1
    assert max(everybody) < 100_000


def test_two_people_in_one_video_are_two_people(small: list[Take]) -> None:
    pairs = [group for group in videos(small) if len(group) > 1]
    assert pairs
    for left, right in pairs:
        assert left.person != right.person
        assert (left.split, left.frames, left.rate) == (right.split, right.frames, right.rate)


def test_track_names_are_unique_within_a_database(small: list[Take]) -> None:
    assert len({(take.database, take.name) for take in small}) == len(small)


def test_another_seed_shows_other_people_and_other_acts(small: list[Take]) -> None:
    other = plan(preset_named("small"), 1)
    assert [take.person for take in other] != [take.person for take in small]
    assert [take.kinds for take in other] != [take.kinds for take in small]


def test_small_holds_about_ten_thousand_frames(small: list[Take]) -> None:
    assert 9_000 < sum(take.frames for take in small) < 11_500


@pytest.mark.parametrize("split", ["train", "val"])
def test_every_class_and_action_unit_occurs_in_both_splits_of_small(small: list[Take], split: str) -> None:
    seen: dict[str, list[np.ndarray]] = {}
    for take in small:
        if take.split == split:
            for task, values in labels_of(take, act_of(take)).items():
                seen.setdefault(task, []).append(values)
    assert set(np.concatenate(seen["expr"])) == set(range(len(EXPRESSIONS)))
    assert set(np.concatenate(seen["ce"])) == set(range(len(COMPOUNDS)))
    units = np.concatenate(seen["au"]).mean(axis=0)
    assert units.min() > 0.02
    assert units[10] == units.max(), "AU25 is the most frequent"
    assert max(units[[8, 9]]) < 0.15, "AU23 and AU24 are rare"
    emotions = np.stack(seen["emi"])
    assert (emotions.std(axis=0) > 0.1).all()
    assert (emotions == 0).mean() > 0.5, "mimicry labels are sparse"
    assert 0.22 < np.concatenate(seen["ah"]).mean() < 0.36


def test_classes_are_uneven_as_in_reality(small: list[Take]) -> None:
    shown = Counter(kind for take in small if take.database == "aff-wild2" for kind in take.kinds)
    assert shown["Neutral"] > 2 * shown["Fear"] > 0
    assert set(EMOTIONS) <= {kind for take in small for kind in take.kinds}


def test_dealing_keeps_the_odds_and_leaves_no_kind_out() -> None:
    dealt = Counter(deal(np.random.default_rng(3), EXPRESSION_ODDS, 100))
    assert sum(dealt.values()) == 100
    assert all(abs(dealt[kind] - odds) <= 1 for kind, odds in EXPRESSION_ODDS.items())
    assert len(Counter(deal(np.random.default_rng(3), EXPRESSION_ODDS, 8))) == 8


def test_an_unknown_preset_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(UsageError, match="tiny"):
        preset_named("huge")


def per_clip(curve: np.ndarray, length: int = 8) -> np.ndarray:
    clip = np.arange(len(curve)) // length
    return np.stack([curve[clip == i].mean(axis=0) for i in range(clip.max() + 1)])[clip]


def test_who_sees_the_true_intensities_scores_well_but_not_perfectly(small: list[Take]) -> None:
    """The ceiling for a model with one output per clip of eight frames: labels can be learned, and not to the end."""
    told, coded, felt, rated = [], [], [], []
    for take in small:
        if take.database == "aff-wild2" and take.split == "val" and {"au", "va"} <= set(take.tasks):
            act = act_of(take)
            values = labels_of(take, act)
            told.append(per_clip(act.au) > AU_THRESHOLD)
            coded.append(values["au"] == 1)
            felt.append(per_clip(np.stack([act.valence, act.arousal], axis=1)))
            rated.append(values["va"])
    units = f1_score(np.concatenate(coded), np.concatenate(told), average=None)
    assert 0.85 < units.mean() < 0.97
    assert units.min() > 0.6
    for x, y in zip(np.concatenate(felt).T, np.concatenate(rated).T, strict=True):
        assert 0.8 < np.corrcoef(x, y)[0, 1] < 0.98
