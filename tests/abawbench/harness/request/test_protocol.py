from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abawbench.contracts import Clip, DataError, LabelledTrack, Labels, UsageError
from abawbench.harness.request.protocol import OFFICIAL, Protocol, protocol_of
from abawbench.harness.request.splits import assign_folds, split_tracks, without_labels


def test_options_are_written_as_on_the_command_line_or_in_python() -> None:
    assert protocol_of({"no-face": "zero", "folds": 3}) == protocol_of({"no_face": "zero", "folds": "3"})
    assert protocol_of({}) == OFFICIAL


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"smothing": "box:3"}, "did you mean smoothing"),
        ({"zzz": 1}, "it has no_face, smoothing"),
        ({"no_face": "nearst"}, "'nearest', 'interpolate', 'black' or 'zero'"),
        ({"smoothing": "box"}, "for example box:50"),
        ({"smoothing": "box:1.5"}, "for example box:50"),
        ({"smoothing": "box:nan"}, "for example box:50"),
        ({"smoothing": "gaussian:0"}, "for example box:50"),
        ({"smoothing": "median:3"}, "for example box:50"),
        ({"thresholds": 0.3}, "'fixed', 'tuned' or 'published'"),
        ({"folds": 1}, "give 2 or more"),
        ({"folds": -2}, "give 2 or more"),
        ({"folds": 2, "refit": True}, "exclude each other"),
    ],
)
def test_what_is_no_option_is_refused_with_the_choices(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        protocol_of(options)


def test_options_that_mean_nothing_for_a_task_fall_to_their_defaults(toys) -> None:
    wanted = Protocol(no_face="interpolate", smoothing="box:3", thresholds="tuned", folds=2)
    va, au, emi, mtl = (toys.get("task", name).build() for name in ("va", "au", "emi", "mtl"))
    assert wanted.for_task(au) == wanted.for_task(mtl) == wanted
    assert wanted.for_task(va) == replace(wanted, thresholds="fixed")
    assert wanted.for_task(emi) == Protocol(folds=2)
    assert Protocol(no_face="black").for_task(emi).no_face == "black"


def test_the_record_holds_every_option_and_names_those_that_are_not_official() -> None:
    clip = Clip(length=8, stride=4, size=16)
    record = Protocol(no_face="zero", smoothing="gaussian:2").record(clip)
    assert (record.no_face, record.smoothing, record.clip_length, record.clip_stride) == ("zero", "gaussian:2", 8, 4)
    assert record.options == ("no_face=zero", "smoothing=gaussian:2")
    assert OFFICIAL.record(clip).options == ()


def labelled(name: str, subject: str, n_frames: int = 10) -> LabelledTrack:
    track: Any = SimpleNamespace(id=name, subject=subject, n_frames=n_frames)
    return LabelledTrack(track, Labels(np.zeros(10), np.ones(10, dtype=bool)))


def names(tracks: Sequence[LabelledTrack]) -> list[str]:
    return [one.track.id for one in tracks]


def subjects(tracks: Sequence[LabelledTrack]) -> set[str]:
    return {one.track.subject for one in tracks}


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 500)), min_size=1, max_size=40), st.integers(2, 5)
)
def test_every_track_is_scored_once_by_a_fold_that_fits_none_of_its_subject(found, folds: int) -> None:
    tracks = [labelled(f"t{i}", subject, frames) for i, (subject, frames) in enumerate(found)]
    half = len(tracks) // 2
    if len(subjects(tracks)) < folds:
        with pytest.raises(UsageError, match="give fewer folds"):
            split_tracks(Protocol(folds=folds), [], tracks)
        return
    made = split_tracks(Protocol(folds=folds), tracks[:half], tracks[half:])
    assert len(made) == folds
    assert sorted(name for fold in made for name in names(fold.score)) == sorted(names(tracks))
    for fold in made:
        assert fold.score
        assert sorted(names(fold.all)) == sorted(names(tracks))
        assert not subjects(fold.fit) & subjects(fold.score)


@given(st.permutations([("a", 90), ("b", 50), ("b", 5), ("c", 60), ("d", 10), ("e", 9), ("f", 8)]))
def test_folds_do_not_depend_on_the_order_of_tracks_and_are_of_like_size(found) -> None:
    own = assign_folds([s for s, _ in found], [n for _, n in found], 3)
    by_subject = {subject: int(fold) for (subject, _), fold in zip(found, own, strict=True)}
    assert by_subject == {"a": 0, "c": 1, "b": 2, "d": 2, "e": 1, "f": 2}


def test_capitals_and_blanks_make_nobody_else() -> None:
    tracks = [labelled(f"t{n}", subject) for n, subject in enumerate(["Anna", "anna ", "ANNA", "Ben", "ben"])]
    for fold in split_tracks(Protocol(folds=2), tracks, []):
        assert len({subject.strip().casefold() for subject in subjects(fold.score)}) == 1


def test_the_official_split_and_the_refit() -> None:
    a, b, c, d = (labelled(name, name) for name in "abcd")
    train, validation = [a, *without_labels([b])], [c, d]
    (official,) = split_tracks(OFFICIAL, train, validation)
    assert (names(official.fit), names(official.score)) == (["a"], ["c", "d"])
    (refit,) = split_tracks(Protocol(refit=True), train, validation)
    assert (names(refit.fit), names(refit.score)) == (["a", "c", "d"], [])


def test_a_track_in_both_splits_cannot_be_pooled() -> None:
    with pytest.raises(DataError, match="track 'a' is in the training and the validation split"):
        split_tracks(Protocol(folds=2), [labelled("a", "a")], [labelled("a", "a")])
