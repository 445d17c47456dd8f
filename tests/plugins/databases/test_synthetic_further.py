"""The synthetic databases of other editions: made one by one when asked for, and their labels can be seen."""

from pathlib import Path

import numpy as np
import pytest

from abawbench_plugins.databases.synthetic import manifest
from abawbench_plugins.databases.synthetic.database import OWNERS, Synthetic, open_database
from abawbench_plugins.databases.synthetic.generate import ensure
from abawbench_plugins.databases.synthetic.plan import DATABASES, FURTHER, plan
from abawbench_plugins.databases.synthetic.presets import PRESETS, Amount, Preset, preset_named
from abawbench_plugins.databases.synthetic.take import MOTION, act_of, labels_of
from abawbench_plugins.databases.synthetic.write_dvd import shaken

FEW = Amount(1, 1, (12, 12))
LITTLE = Preset("little", FEW, FEW, FEW, FEW, 1, dict.fromkeys(FURTHER, FEW))
LABELS = {owner: label for label, owner in OWNERS.items()}


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Synthetic:
    monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path))
    monkeypatch.setitem(PRESETS, "little", LITTLE)
    return open_database(preset="little")


def made(tmp_path: Path) -> list[str]:
    return sorted(path.name.partition("-v")[2].partition("-")[2] for path in (tmp_path / "synthetic").glob("*"))


@pytest.mark.parametrize("further", FURTHER)
def test_only_the_database_of_the_label_is_made(database: Synthetic, tmp_path: Path, further: str) -> None:
    assert not (tmp_path / "synthetic").exists()
    assert list(database.splits(LABELS[further])) == ["train", "val", "test"]
    assert made(tmp_path) == [further]


@pytest.mark.slow
def test_opening_a_label_of_abaw8_makes_its_four_and_no_other(database: Synthetic, tmp_path: Path) -> None:
    assert database.splits("va")
    assert made(tmp_path) == [""]
    assert {path.name for path in database.folder.iterdir() if path.is_dir()} == set(DATABASES)


def test_the_fingerprint_covers_what_the_label_depends_on(database: Synthetic, tmp_path: Path) -> None:
    violence = database.for_label("vd")
    alone = violence.fingerprint()
    assert made(tmp_path) == ["dvd"]
    assert database.for_label("va") is database
    assert violence.for_label("vd") is violence
    assert (violence.name, violence.synthetic) == ("synthetic", True)
    assert database.for_label("mtl").fingerprint() != alone
    assert database.for_label("vd").fingerprint() == alone


@pytest.mark.slow
def test_a_folder_made_before_has_what_lies_beside_it(tmp_path: Path) -> None:
    core = ensure(tmp_path, LITTLE, 0)
    assert open_database([core]).splits("vd") == ()
    ensure(tmp_path, LITTLE, 0, None, "dvd")
    assert open_database([core]).splits("vd") == ["train", "val"]
    alone = open_database([tmp_path / f"{core.name}-dvd"])
    assert (alone.splits("vd"), alone.splits("va")) == (["train", "val"], ())


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(tmp_path: Path) -> None:
    for further in ("s-aff-wild2", "dvd"):
        first, again, other = (
            manifest.read(ensure(tmp_path / name, LITTLE, seed, None, further))
            for name, seed in (("a", 1), ("b", 1), ("c", 2))
        )
        assert first == again != other


@pytest.mark.parametrize("further", FURTHER)
def test_no_person_is_in_two_splits_or_another_database(further: str) -> None:
    people = [
        {take.person for take in plan(preset_named("small"), 0, [name]) if take.split == split}
        for name in (further, "bah")
        for split in ("train", "val")
    ]
    assert sum(map(len, people)) == len(set.union(*people))


def test_every_class_occurs_in_the_scored_split_of_the_small_preset() -> None:
    takes = [take for take in plan(preset_named("small"), 0, FURTHER) if take.split == "val"]
    labels = {name: [labels_of(t, act_of(t))[LABELS[name]] for t in takes if t.database == name] for name in FURTHER}
    assert 0.2 < np.concatenate(labels["bah-video"]).mean() < 0.8
    assert 0.2 < np.concatenate(labels["dvd"]).mean() < 0.7
    assert np.stack(labels["hume-reaction"]).std(axis=0).min() > 0.05
    static = np.concatenate(labels["s-aff-wild2"])
    assert set(np.unique(static[:, 2])) == set(range(-1, 8))
    assert {0.0, 1.0} <= set.intersection(*(set(column) for column in static[:, 3:].T))
    assert not np.array_equal(static[:, 0] == -5, static[:, 2] == -1)


def test_violence_is_large_fast_motion() -> None:
    takes = [take for take in plan(preset_named("small"), 0, ["dvd"]) if take.split == "train"]
    calm, violent = [], []
    for take in takes:
        act = act_of(take)
        moved = np.abs(np.diff(shaken(act, take.random(MOTION)).dx))
        where = labels_of(take, act)["vd"][1:].astype(bool)
        violent.append(moved[where])
        calm.append(moved[~where])
    assert np.concatenate(violent).mean() > 10 * np.concatenate(calm).mean()


def test_static_frames_are_not_consecutive_and_some_have_no_image(database: Synthetic, tmp_path: Path) -> None:
    numbers = [one.track.numbers for one in database.tracks("mtl", "train")]
    assert all((np.diff(n) >= 3).all() for n in numbers)
    core = open_database(preset="tiny")
    assert any(not one.track.frame_mask().all() for split in ("train", "val") for one in core.tracks("mtl", split))
