"""Labels, voice and words follow from what the synthetic person does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abawbench_plugins.databases.synthetic import labels
from abawbench_plugins.databases.synthetic.performance import Performance, drift, perform
from abawbench_plugins.databases.synthetic.prototypes import COLUMN, COMPOUNDS, EMOTIONS, EXPRESSIONS, MIMICKED, look_of
from abawbench_plugins.databases.synthetic.transcript import say
from abawbench_plugins.databases.synthetic.voice import RATE, Voice, speak, voice_of


def acts(kinds: list[str], n: int = 40, times: int = 12) -> list[Performance]:
    return [perform(np.random.default_rng(seed), kinds, n) for seed in range(times)]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(
    st.integers(0, 2**32 - 1), st.sampled_from([*EXPRESSIONS, *COMPOUNDS, *EMOTIONS, "Hesitant"]), st.integers(1, 60)
)
@settings(max_examples=40, deadline=None)
def test_trajectories_stay_in_range_and_are_smooth(seed: int, kind: str, n: int) -> None:
    act = perform(rng(seed), [kind, "Neutral"], n)
    assert act.au.shape == (n, 12)
    assert act.au.min() >= 0
    assert act.au.max() <= 1
    for curve in (act.valence, act.arousal, act.gaze, act.roll, act.yaw, act.pitch, act.dx, act.dy, act.light):
        assert curve.shape == (n,)
        assert np.abs(curve).max() <= 1
    quiet = np.delete(act.au, [COLUMN[23], COLUMN[24], COLUMN[25], COLUMN[26]], axis=1)
    assert np.abs(np.diff(quiet, axis=0)).max(initial=0) < 0.75


def test_a_random_curve_has_the_spread_it_was_asked_for() -> None:
    curve = drift(rng(), 20_000, 10, 0.3)
    assert curve.mean() == pytest.approx(0, abs=0.03)
    assert 0.2 < curve.std() < 0.32
    assert np.abs(np.diff(curve)).max() < 0.4


@pytest.mark.parametrize("kind", ["Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise"])
def test_an_expression_shows_its_action_units(kind: str) -> None:
    own = look_of(kind, rng()).units
    at_rest = np.mean([act.au.mean(axis=0) for act in acts(["Neutral"])], axis=0)
    shown = np.mean([act.au.mean(axis=0) for act in acts([kind])], axis=0)
    for number in own:
        assert shown[COLUMN[number]] > at_rest[COLUMN[number]] + 0.1


def test_action_units_are_labelled_where_they_are_strong() -> None:
    for act in acts(["Happiness", "Neutral", "Anger"], 60):
        coded = labels.action_units(act, rng()).astype(bool)
        assert coded[act.au > labels.AU_THRESHOLD + 0.3].all()
        assert not coded[act.au < labels.AU_THRESHOLD - 0.3].any()


def test_annotators_of_action_units_are_a_little_inconsistent() -> None:
    one, two = (
        np.concatenate([labels.action_units(act, rng(seed)) for act in acts(["Fear", "Other"], 60)]) for seed in (1, 2)
    )
    assert 0 < (one != two).mean() < 0.05


def test_the_expression_label_is_the_act_at_its_apex_and_neutral_without_one() -> None:
    right = []
    for act in acts(["Neutral", "Sadness"], 60, 40):
        named = labels.expression(act, rng(act.au.sum().astype(int)))
        right.append((named[10] == EXPRESSIONS.index("Neutral"), named[45] == EXPRESSIONS.index("Sadness")))
    assert np.mean(right, axis=0) == pytest.approx([1.0, 0.95], abs=0.08)


def test_valence_is_high_when_happy_and_low_when_sad_and_arousal_is_high_in_surprise() -> None:
    happy, sad, surprised = (
        np.mean([labels.valence_arousal(act, rng()).mean(axis=0) for act in acts([kind])], axis=0)
        for kind in ("Happiness", "Sadness", "Surprise")
    )
    assert happy[0] > 0.3 > -0.3 > sad[0]
    assert surprised[1] > sad[1] + 0.4


def test_traces_of_valence_come_late() -> None:
    gaps = [
        np.corrcoef(act.valence[:-shift], labels.valence_arousal(act, rng())[shift:, 0])[0, 1]
        - np.corrcoef(act.valence[shift:], labels.valence_arousal(act, rng())[:-shift, 0])[0, 1]
        for act in acts(["Happiness", "Anger", "Neutral"], 60)
        for shift in (2,)
    ]
    assert np.mean(gaps) > 0


@pytest.mark.parametrize("kind", COMPOUNDS)
def test_a_compound_is_labelled_with_its_place_in_the_official_order(kind: str) -> None:
    named = np.concatenate([labels.compound(act, rng(i)) for i, act in enumerate(acts([kind]))])
    assert np.mean(named == COMPOUNDS.index(kind)) > 0.7


@pytest.mark.parametrize("kind", EMOTIONS)
def test_a_mimicked_emotion_is_rated_highest_and_in_fractions_of_the_raters(kind: str) -> None:
    rated = np.stack([labels.mimicry(act, rng(i)) for i, act in enumerate(acts([kind], 14))])
    assert rated.mean(axis=0).argmax() == EMOTIONS.index(kind)
    assert rated.min() >= 0
    assert rated.max() <= 1
    for values in rated:
        assert any(np.allclose(values * n, np.rint(values * n)) for n in range(6, 10))


def test_every_mimicked_emotion_can_be_told_from_the_action_units() -> None:
    looks = [look.vector(rng()) for look in MIMICKED.values()]
    for i, one in enumerate(looks):
        for other in looks[i + 1 :]:
            assert np.abs(one - other).max() > 0.3


def test_hesitancy_is_marked_in_hesitant_stretches_only() -> None:
    marked = np.stack([labels.hesitancy(act, rng(i)) for i, act in enumerate(acts(["Neutral", "Hesitant"], 60, 30))])
    assert marked[:, :20].mean() < 0.02
    assert marked[:, 40:55].mean() > 0.8


def test_who_hesitates_looks_away_and_moves_less() -> None:
    away = [
        np.abs(act.gaze[40:]).mean() - np.abs(act.gaze[:20]).mean() for act in acts(["Neutral", "Hesitant"], 60, 30)
    ]
    assert np.mean(away) > 0.3


def loudness(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))


def test_the_voice_is_louder_when_aroused_and_silent_when_nobody_talks() -> None:
    voice = Voice(120.0, 1.0)
    loud = np.mean([loudness(speak(voice, act, 40, 20, rng())) for act in acts(["Surprise"], 41)])
    low = np.mean([loudness(speak(voice, act, 40, 20, rng())) for act in acts(["Sadness"], 41)])
    assert loud > 1.5 * low
    act = next(act for act in acts(["Neutral"], 41, 60) if act.talking.max() == 0)
    assert loudness(speak(voice, act, 40, 20, rng())) < 0.01


def test_samples_have_the_length_of_the_frames_and_stay_in_range() -> None:
    for act in acts(["Happiness"], 31, 4):
        samples = speak(voice_of(3), act, 30, 24, rng())
        assert samples.dtype == np.float32
        assert samples.shape == (RATE * 30 // 24,)
        assert np.abs(samples).max() <= 1


def test_hesitation_has_pauses_between_its_uhs() -> None:
    act = next(act for act in acts(["Hesitant"], 73, 40) if act.hesitancy[12:60].min() > 0.5)
    samples = speak(Voice(110.0, 1.0), act, 72, 24, rng())[RATE // 2 : -RATE // 2]
    level = np.sqrt(np.square(samples[: len(samples) // 400 * 400]).reshape(-1, 400).mean(axis=1))
    assert 0.2 < (level < 0.01).mean() < 0.8


def test_voices_differ_between_people_and_stay_with_a_person() -> None:
    assert voice_of(5) == voice_of(5)
    assert len({voice_of(number).pitch for number in range(50)}) == 50


def test_who_hesitates_says_so() -> None:
    for act in acts(["Hesitant"]):
        assert any(word in say(act, 40, rng()) for word in ("uh", "um", "hmm", "hard to say", "Well", "well"))
    for act in acts(["Happiness"]):
        assert "uh" not in say(act, 40, rng()).split()
