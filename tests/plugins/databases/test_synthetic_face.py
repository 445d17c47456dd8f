"""Drawn people and faces: repeatable, varied, and every action unit visible where it belongs."""

import dataclasses
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abawbench_plugins.databases.synthetic.face import AU_NAMES, State, draw
from abawbench_plugins.databases.synthetic.person import PRETRAINING_PEOPLE, person

PEOPLE = (3, 5, 12, 27, 41)

# Rows of a 112-pixel face, eyes at about 48 and mouth at about 84, in which most of an action unit's change lies.
REGION = {
    "AU1": slice(10, 48),
    "AU2": slice(10, 48),
    "AU4": slice(20, 54),
    "AU6": slice(36, 74),
    "AU7": slice(36, 60),
    "AU10": slice(58, 98),
    "AU12": slice(58, 98),
    "AU15": slice(68, 104),
    "AU23": slice(68, 100),
    "AU24": slice(68, 104),
    "AU25": slice(68, 104),
    "AU26": slice(68, 112),
}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def acting(size: int = 112, number: int = 3, state: State | None = None, **units: float) -> np.ndarray:
    """The face of one person with some action units, as float grey levels [size, size, 3]."""
    au = np.array([units.get(name, 0.0) for name in AU_NAMES], np.float32)
    return draw(person(number), dataclasses.replace(state or State(), au=au), rng(), size).astype(float)


def change(number: int, **units: float) -> np.ndarray:
    """Absolute change against the same person's neutral face, [112, 112]."""
    return np.abs(acting(number=number, **units) - acting(number=number)).mean(2)


states = st.builds(
    State,
    au=st.lists(st.floats(0, 1, width=32), min_size=12, max_size=12).map(lambda v: np.array(v, np.float32)),
    gaze=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    blink=st.floats(0, 1),
    dx=st.floats(-0.3, 0.3),
    dy=st.floats(-0.3, 0.3),
    roll=st.floats(-45, 45),
    scale=st.floats(0.5, 1.6),
    yaw=st.floats(-1, 1),
    pitch=st.floats(-1, 1),
    gain=st.floats(0.2, 2),
    light_angle=st.floats(0, math.tau),
    light_strength=st.floats(0, 1),
    noise=st.floats(0, 40),
)


class TestPerson:
    def test_is_decided_by_its_number_alone(self) -> None:
        first = [person(number) for number in range(20)]
        assert first == [person(number) for number in reversed(range(20))][::-1]

    def test_differs_from_everyone_else(self) -> None:
        traits = {dataclasses.astuple(person(number))[1:] for number in range(300)}
        assert len(traits) == 300

    def test_crowd_shows_every_style(self) -> None:
        crowd = [person(number) for number in range(300)]
        assert {p.hair for p in crowd} == {"none", "short", "parted", "fringe", "long", "curly", "bun", "scarf"}
        assert {p.glasses for p in crowd} == {"none", "round", "square"}
        assert 0.05 < np.mean([p.beard > 0 for p in crowd]) < 0.4

    def test_resting_brow_and_mouth_vary_as_much_as_half_an_action_unit(self) -> None:
        crowd = [person(number) for number in range(300)]
        assert np.ptp([p.brow_height for p in crowd]) > 0.5 * 0.17
        assert np.ptp([p.mouth_curvature for p in crowd]) > 0.4 * 0.15

    def test_nobody_of_a_benchmark_was_trained_on(self) -> None:
        benchmark = range(100_000)
        assert max(benchmark) < PRETRAINING_PEOPLE.start
        assert not set(benchmark) & set(PRETRAINING_PEOPLE)


class TestDraw:
    @pytest.mark.parametrize("size", [64, 112, 224])
    def test_gives_an_rgb_picture_of_the_size_asked_for(self, size: int) -> None:
        image = draw(person(1), State(), rng(), size)
        assert image.shape == (size, size, 3)
        assert image.dtype == np.uint8

    @given(number=st.integers(0, 2_000_000), state=states, seed=st.integers(0, 2**32))
    @settings(max_examples=40, deadline=None)
    def test_repeats_byte_for_byte_in_any_state(self, number: int, state: State, seed: int) -> None:
        first = draw(person(number), state, rng(seed))
        assert first.tobytes() == draw(person(number), state, rng(seed)).tobytes()

    def test_repeats_in_another_process(self) -> None:
        code = (
            "import numpy as np, hashlib\n"
            "from abawbench_plugins.databases.synthetic.face import State, draw\n"
            "from abawbench_plugins.databases.synthetic.person import person\n"
            "image = draw(person(8), State(noise=4.0, yaw=0.3), np.random.Generator(np.random.PCG64(8)))\n"
            "print(image.sum(dtype=int), hash(image.tobytes()) * 0, *image[50, 50])\n"
        )
        image = draw(person(8), State(noise=4.0, yaw=0.3), rng(8))
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        assert [int(word) for word in said] == [image.sum(dtype=int), 0, *image[50, 50]]

    def test_noise_has_the_spread_asked_for(self) -> None:
        quiet, noisy = (draw(person(3), State(noise=noise), rng()).astype(float) for noise in (0.0, 6.0))
        middling = (quiet > 40) & (quiet < 215)
        assert (noisy - quiet)[middling].std() == pytest.approx(6.0, rel=0.05)

    def test_different_noise_seeds_give_different_pictures(self) -> None:
        state = State(noise=3.0)
        assert (draw(person(3), state, rng(1)) != draw(person(3), state, rng(2))).any()

    def test_people_look_different(self) -> None:
        faces = [acting(number=number) for number in range(12)]
        gaps = [np.abs(a - b).mean() for i, a in enumerate(faces) for b in faces[:i]]
        assert min(gaps) > 5

    def test_light_brightens_the_side_it_comes_from(self) -> None:
        lit = acting(state=State(light_strength=0.5, light_angle=0.0))
        flat = acting()
        assert lit[:, 80:].mean() > flat[:, 80:].mean()
        assert lit[:, :32].mean() < flat[:, :32].mean()

    def test_larger_picture_shows_the_same_face(self) -> None:
        large = acting(size=224)
        halved = large.reshape(112, 2, 112, 2, 3).mean((1, 3))
        small = acting()
        assert np.corrcoef(halved.ravel(), small.ravel())[0, 1] > 0.95

    @pytest.mark.parametrize(
        "moved",
        [{"gaze": (0.8, 0.0)}, {"blink": 1.0}, {"dx": 0.05}, {"dy": 0.05}, {"roll": 8.0}, {"scale": 0.9}, {"yaw": 0.5},
         {"pitch": 0.5}, {"gain": 0.7}],
    )  # fmt: skip
    def test_every_part_of_the_state_is_visible(self, moved: dict[str, float]) -> None:
        difference = np.abs(acting(state=dataclasses.replace(State(), **moved)) - acting())
        assert (difference.max(2) > 12).sum() > 20


class TestActionUnits:
    @pytest.mark.parametrize("name", AU_NAMES)
    def test_change_lies_where_the_muscle_is(self, name: str) -> None:
        for number in PEOPLE:
            difference = change(number, **{name: 1.0})
            assert difference[REGION[name]].sum() > 0.9 * difference.sum()
            assert (difference > 8).sum() > 20, f"person {number}: too faint"

    @pytest.mark.parametrize("name", AU_NAMES)
    def test_stronger_action_changes_more(self, name: str) -> None:
        for number in PEOPLE:
            sizes = [change(number, **{name: level}).sum() for level in (0.0, 0.25, 0.5, 0.75, 1.0)]
            assert sizes == sorted(sizes)
            assert sizes[1] > 0
            assert sizes[4] > 1.5 * sizes[1]

    def test_no_two_look_alike(self) -> None:
        for number in PEOPLE:
            neutral = acting(number=number)
            marks = np.stack([(acting(number=number, **{name: 1.0}) - neutral).ravel() for name in AU_NAMES])
            marks /= np.linalg.norm(marks, axis=1, keepdims=True)
            likeness = marks @ marks.T - np.eye(len(AU_NAMES))
            assert likeness.max() < 0.9  # AU1 and AU2 share the brow that leaves its place

    def test_values_outside_the_scale_are_clipped(self) -> None:
        assert (acting(AU12=7.0) == acting(AU12=1.0)).all()
        assert (acting(AU12=-3.0) == acting()).all()

    def test_smile_reaches_further_out_than_parted_lips(self) -> None:
        def reach(**units: float) -> int:
            return int(np.ptp(np.nonzero(change(3, **units) > 8)[1]))

        assert reach(AU12=1.0) > reach(AU25=1.0) + 4

    def test_open_mouth_shows_teeth_and_a_dropped_jaw_lowers_the_chin(self) -> None:
        white = np.array([240.0, 236.0, 224.0])
        mouth = slice(76, 98), slice(40, 72)
        assert (np.abs(acting(AU25=1.0)[mouth] - white).max(2) < 12).any()
        assert not (np.abs(acting()[mouth] - white).max(2) < 12).any()
        chin = np.abs(acting(AU26=1.0) - acting())[100:112]
        assert (chin.max(2) > 10).any()
