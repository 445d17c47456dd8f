"""The synthetic test sets: as they are released, without labels, which lie aside for whoever scores."""

from pathlib import Path

import numpy as np
import pytest

from abawbench_plugins.databases.synthetic import manifest
from abawbench_plugins.databases.synthetic.database import OWNERS, Synthetic, _open, open_database
from abawbench_plugins.databases.synthetic.generate import ANSWERS, TEST_SET, ensure, folder_beside
from abawbench_plugins.databases.synthetic.plan import DATABASES, FURTHER, LABELLED, TEST, plan
from abawbench_plugins.databases.synthetic.presets import PRESETS, Amount, Preset, preset_named

pytestmark = pytest.mark.slow

FEW = Amount(2, 2, (12, 12))
LITTLE = Preset("little", Amount(4, 4, (14, 14)), FEW, FEW, FEW, 1, dict.fromkeys(FURTHER, FEW))
EVERY = DATABASES + FURTHER


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def database(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Synthetic:
    monkeypatch.setenv("ABAWBENCH_CACHE", str(cache))
    monkeypatch.setitem(PRESETS, "little", LITTLE)
    return open_database(preset="little")


def folder(database: Synthetic, owner: str) -> Path:
    return folder_beside(database._folder, f"{owner}{TEST_SET}")


@pytest.mark.parametrize("label", OWNERS)
def test_what_is_released_has_frames_and_no_label(database: Synthetic, label: str) -> None:
    seen = database.tracks(label, "test")
    released = _open(folder(database, OWNERS[label]), OWNERS[label])
    assert list(released.splits(label)) == ["test"]
    tracks = released.tracks(label, "test")
    assert [(one.track.id, one.track.n_frames) for one in tracks] == [
        (one.track.id, one.track.n_frames) for one in seen
    ]
    assert all(one.labels is None for one in tracks)
    assert all(one.track.frame_mask().any() for one in tracks)
    assert released.problems.items == []


@pytest.mark.parametrize("label", OWNERS)
def test_the_answers_are_known_to_the_synthetic_database(database: Synthetic, label: str) -> None:
    assert list(database.splits(label)) == ["train", "val", "test"]
    for one in database.tracks(label, "test"):
        assert one.known.annotated.any()
        assert len(one.known.mask) in (1, one.track.n_frames)
    assert database.problems.items == []


def test_answers_of_static_frames_stand_under_the_frames_they_belong_to(database: Synthetic) -> None:
    made = {take.name: take for take in plan(LITTLE, 0, ["s-aff-wild2"], TEST)}
    lines = (folder(database, "s-aff-wild2") / ANSWERS / "s-aff-wild2/validation_set_annotations.txt").read_text()
    written = {line.split(",")[0]: line.split(",")[1:] for line in lines.splitlines()[1:]}
    for one in database.tracks("mtl", "test"):
        track, labels = one.track, one.known
        assert track.id in made
        for name, values, mask in zip(track.frame_names(), labels.values, labels.mask, strict=True):
            if mask.any():
                np.testing.assert_allclose(values, np.array(written[name], dtype=float))
            else:
                assert written[name] == ["-5.000"] * 2 + ["-1"] * 13


@pytest.mark.parametrize("label", ["va", "expr", "au", "ce", "emi", "ah", "mtl", "eri", "vd", "ah-video"])
def test_the_template_lies_with_it(database: Synthetic, label: str) -> None:
    template = database.template(label)
    assert template is not None
    assert template.exists()
    assert template.is_relative_to(folder(database, OWNERS[label]))


def test_a_test_set_is_made_when_it_is_asked_for_and_changes_nothing_else(cache: Path, tmp_path: Path) -> None:
    core = ensure(tmp_path, LITTLE, 0)
    before = manifest.read(core)
    assert "test" not in open_database([core]).splits("va")
    made = ensure(tmp_path, LITTLE, 0, None, f"aff-wild2{TEST_SET}")
    assert made.name == f"{core.name}-aff-wild2{TEST_SET}"
    assert manifest.read(core) == before
    assert list(open_database([core]).splits("va")) == ["train", "val", "test"]
    assert "test" not in open_database([core]).splits("ce")


@pytest.mark.parametrize("name", EVERY)
def test_nobody_in_it_is_known_from_elsewhere(name: str) -> None:
    small = preset_named("small")
    known, new = ({take.person for take in plan(small, 0, [name], splits)} for splits in (LABELLED, TEST))
    assert new
    assert not known & new
    names = [take.name for splits in (LABELLED, TEST) for take in plan(small, 0, [name], splits)]
    assert len(set(names)) == len(names)


def test_the_fingerprint_of_a_run_does_not_depend_on_it(database: Synthetic) -> None:
    before = database.for_label("vd").fingerprint()
    database.tracks("vd", "test")
    assert database.for_label("vd").fingerprint() == before


@pytest.mark.parametrize("label", OWNERS)
def test_tracks_carry_the_traits_of_their_people(database: Synthetic, label: str) -> None:
    splits = [database.tracks(label, split) for split in database.splits(label)]
    found = [one.track.attributes() for tracks in splits for one in tracks]
    assert all(set(one) == {"age", "skin", "hair", "glasses", "beard"} for one in found)
    assert len({one["age"] for one in found}) >= len(splits)  # nobody is in two of them
