"""The synthetic files: official layouts that the real loaders read, complete or absent, the same bytes every time."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from abawbench.contracts.errors import DataError
from abawbench.system import locks
from abawbench_plugins import databases
from abawbench_plugins.databases.synthetic import generate, manifest
from abawbench_plugins.databases.synthetic.database import OWNERS, Synthetic, open_database
from abawbench_plugins.databases.synthetic.generate import ensure
from abawbench_plugins.databases.synthetic.plan import FURTHER
from abawbench_plugins.databases.synthetic.presets import PRESETS, Amount, Preset, preset_named

pytestmark = pytest.mark.slow

TINY = preset_named("tiny")
LEAST = Preset("least", Amount(2, 1, (12, 12)), Amount(1, 1, (12, 12)), Amount(1, 1, (6, 6)), Amount(1, 1, (12, 12)), 1)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The four databases of ABAW8; the further ones lie beside it."""
    parent = tmp_path_factory.mktemp("cache")
    for further in FURTHER:
        ensure(parent, TINY, 0, None, further)
    return ensure(parent, TINY, 0)


@pytest.fixture(scope="module")
def database(folder: Path) -> Synthetic:
    return open_database([folder])


def test_the_hook_declares_it() -> None:
    (declared,) = (one for one in databases.abawbench_plugins() if one.name == "synthetic")
    assert (declared.kind, declared.generated) == ("database", True)


@pytest.mark.parametrize("label", OWNERS)
def test_every_label_opens_through_the_loader_of_the_real_database(database: Synthetic, label: str) -> None:
    assert list(database.splits(label)) == ["train", "val"]
    for split in ("train", "val"):
        tracks = database.tracks(label, split)
        assert len(tracks) >= 3
        for one in tracks:
            track = one.track
            assert one.known.mask.any()
            images, found = track.frames(np.arange(track.n_frames))
            assert np.array_equal(found, track.frame_mask())
            assert images[found].std() > 10
            assert not images[~found].any()


def test_reading_everything_meets_no_problem(database: Synthetic) -> None:
    for label in OWNERS:
        for split in ("train", "val"):
            for one in database.tracks(label, split):
                one.track.frames(np.arange(one.track.n_frames))
                one.track.audio()
                one.track.text()
    assert [str(problem) for problem in database.problems.items] == []


def test_it_says_that_it_is_synthetic_and_has_a_fingerprint(database: Synthetic, folder: Path) -> None:
    assert database.synthetic
    assert len(database.fingerprint()) == 64
    assert database.fingerprint() == open_database([folder]).fingerprint()


def test_a_label_that_it_does_not_have_is_refused(database: Synthetic) -> None:
    assert list(database.splits("smell")) == []
    with pytest.raises(DataError, match="smell"):
        database.tracks("smell", "train")


@pytest.mark.parametrize(("label", "rate"), [("va", None), ("ce", 30), ("emi", None), ("ah", 24)])
def test_sound_decodes_and_lasts_as_long_as_the_video(database: Synthetic, label: str, rate: int | None) -> None:
    for one in database.tracks(label, "val"):
        sound = one.track.audio()
        assert sound is not None
        samples, samples_per_second = sound
        assert np.abs(samples).max() > 0
        if rate is not None:
            assert len(samples) / samples_per_second == pytest.approx(one.track.n_frames / rate, abs=0.15)


def test_transcripts_come_with_bah_and_its_labels_agree_with_its_lists(database: Synthetic, folder: Path) -> None:
    annotation = yaml.safe_load((folder / "bah/annotation.yml").read_text())
    for split in ("train", "val"):
        for line in (folder / f"bah/default-split/{split}.txt").read_text().splitlines():
            path, present, words = line.split(",", 2)
            rows = annotation[path]["frame_annotation"]
            assert int(present) == annotation[path]["global_ah"] == max(value for _, value in rows)
            marked = [k for k, (_, value) in enumerate(rows) if value]
            told = [k for start, stop in annotation[path]["fr_detailed_ah"] for k in range(start, stop + 1)]
            assert marked == told
            assert len(words) > 10
    assert all(one.track.text() for one in database.tracks("ah", "train"))


# The oddities of the real files, one by one; `quirks` lists them.


def test_some_frames_have_no_image(database: Synthetic) -> None:
    masks = [one.track.frame_mask() for one in database.tracks("va", "train")]
    assert any(not mask.all() for mask in masks)
    assert all(mask.mean() > 0.5 for mask in masks)


@pytest.mark.parametrize("label", ["va", "expr", "au"])
def test_some_rows_carry_the_ignore_code(database: Synthetic, folder: Path, label: str) -> None:
    tracks = [*database.tracks(label, "train"), *database.tracks(label, "val")]
    masks = [one.known.mask for one in tracks]
    assert any(not mask.all() for mask in masks)
    code = {"va": "-5,-5", "expr": "-1", "au": ",".join(["-1"] * 12)}[label]
    files = (folder / "aff-wild2/8th_ABAW_Annotations").glob(f"{label.upper()}_*/*/*.txt")
    written = sum(line == code for file in files for line in file.read_text().splitlines())
    assert written == sum(int((~mask).sum()) for mask in masks)


def test_the_ignored_stretches_of_two_tasks_are_not_the_same(database: Synthetic) -> None:
    va, expr = ({one.track.id: one.known.mask for one in database.tracks(label, "train")} for label in ("va", "expr"))
    assert any(not np.array_equal(va[name], expr[name]) for name in va.keys() & expr.keys())


def rows_and_last_image(folder: Path) -> dict[str, tuple[int, int]]:
    counts = {}
    for file in folder.glob("aff-wild2/8th_ABAW_Annotations/*/*/*.txt"):
        images = sorted(folder.glob(f"aff-wild2/cropped_aligned*/{file.stem}/*.jpg"))
        counts[file.stem] = (len(file.read_text().splitlines()) - 1, int(images[-1].stem))
    return counts


def test_some_tracks_have_one_label_row_more_than_frames_and_some_far_fewer(folder: Path) -> None:
    gaps = [rows - last for rows, last in rows_and_last_image(folder).values()]
    assert max(gaps) >= 1
    assert min(gaps) < -3


def test_one_video_may_show_two_people(database: Synthetic, folder: Path) -> None:
    tracks = [one.track for split in ("train", "val") for one in database.tracks("va", split)]
    ids = {track.id for track in tracks}
    assert any(name.endswith("_left") for name in ids)
    assert any(name.endswith("_right") for name in ids)
    pair = [track for track in tracks if track.subject == "7-25-1920x1080"]
    assert len(pair) == 2
    assert (folder / "aff-wild2/batch1/7-25-1920x1080.mp4").is_file()


def test_names_tell_rates_and_have_endings_that_belong_to_them(folder: Path) -> None:
    names = {path.parent.name for path in folder.glob("aff-wild2/cropped_aligned*/*/*.jpg")}
    assert len({name.split("-")[1] for name in names if "x" in name}) > 1
    assert any(name.endswith("-2") for name in names)
    assert any(name.startswith("video") and name.endswith("_3") for name in names)


def test_aff_wild2_is_spread_over_several_folders(folder: Path) -> None:
    for name in ("batch1", "batch2", "new_vids", "cropped_aligned", "cropped_aligned_new_50_vids"):
        assert any((folder / "aff-wild2" / name).iterdir())


@pytest.mark.parametrize("split", ["train", "val"])
def test_the_lists_of_two_tasks_overlap_but_differ(database: Synthetic, split: str) -> None:
    va, expr, au = ({one.track.id for one in database.tracks(label, split)} for label in ("va", "expr", "au"))
    assert va != expr != au != va
    assert va & expr & au


def test_no_track_of_one_task_is_in_another_split_of_another_task(database: Synthetic) -> None:
    splits = [
        {one.track.subject for label in ("va", "expr", "au") for one in database.tracks(label, split)}
        for split in ("train", "val")
    ]
    assert not splits[0] & splits[1]


def test_hume_images_are_not_padded_and_a_thumbs_db_lies_among_them(folder: Path) -> None:
    faces = folder / "hume-vidmimic2/face_images"
    assert any(faces.glob("*/9.jpg")) or any(faces.glob("*/8.jpg"))
    assert not any(faces.glob("*/0*.jpg"))
    assert any(faces.glob("*/Thumbs.db"))


def test_one_hume_clip_shows_almost_no_face(folder: Path) -> None:
    counts = [len(list(clip.glob("*.jpg"))) for clip in (folder / "hume-vidmimic2/face_images").iterdir()]
    assert min(counts) == 2


def test_bah_paths_have_spaces_and_folders_called_mp4_and_frames_from_zero(folder: Path) -> None:
    faces = folder / "bah/cropped-aligned-faces"
    videos = [path for path in faces.glob("*/*/*") if path.is_dir()]
    assert all(path.name.endswith(".mp4") and (path / "frame-0.jpg").is_file() for path in videos)
    assert {path.parent.name for path in videos} == {"Visite_1", "Visite 1"}
    assert any(" " in path.name for path in videos)


def test_people_are_written_down(folder: Path) -> None:
    people = json.loads((folder / "people.json").read_text())
    groups = [set(tracks.values()) for splits in people.values() for tracks in splits.values()]
    assert len(groups) == 8
    assert len(set.union(*groups)) == sum(map(len, groups))


# Complete or absent, and always the same.


def test_the_manifest_names_every_file_with_its_digest(folder: Path) -> None:
    listed = manifest.read(folder)
    on_disk = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert on_disk == {*listed, manifest.NAME}
    assert all(manifest.digest((folder / path).read_bytes()) == known for path, known in listed.items())


def test_two_processes_write_the_same_bytes_as_one(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for target, processes in ((one, 1), (two, 2)):
        target.mkdir()
        preset = Preset("least", LEAST.aff_wild2, LEAST.c_expr_db, LEAST.hume_vidmimic2, LEAST.bah, processes)
        generate.generate(target, preset, 5)
    assert manifest.read(one) == manifest.read(two)


def test_the_same_seed_gives_the_same_bytes_again(folder: Path, tmp_path: Path) -> None:
    assert manifest.read(ensure(tmp_path, TINY, 0)) == manifest.read(folder)


def test_another_seed_gives_other_images(tmp_path: Path) -> None:
    assert manifest.read(ensure(tmp_path, LEAST, 1)) != manifest.read(ensure(tmp_path, LEAST, 2))


def test_a_complete_folder_is_used_again(tmp_path: Path) -> None:
    first = ensure(tmp_path, LEAST, 0)
    stamp = (first / manifest.NAME).stat().st_mtime_ns
    called: list[int] = []
    assert ensure(tmp_path, LEAST, 0, lambda done, total, what: called.append(done)) == first
    assert (first / manifest.NAME).stat().st_mtime_ns == stamp
    assert not called


def test_progress_counts_every_video_to_the_end(tmp_path: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    ensure(tmp_path, LEAST, 0, lambda *step: seen.append(step))
    total = seen[0][1]
    assert [done for done, _, _ in seen] == list(range(1, total + 1))
    assert {what for _, _, what in seen} == {"aff-wild2", "c-expr-db", "hume-vidmimic2", "bah"}


class Stop(BaseException):
    """What Ctrl-C looks like."""


@pytest.mark.parametrize("processes", [1, 2])
def test_an_interrupted_generation_leaves_nothing_and_the_next_one_succeeds(tmp_path: Path, processes: int) -> None:
    preset = Preset("least", LEAST.aff_wild2, LEAST.c_expr_db, LEAST.hume_vidmimic2, LEAST.bah, processes)

    def interrupt(done: int, total: int, what: str) -> None:
        if done == 2:
            raise Stop

    with pytest.raises(Stop):
        ensure(tmp_path, preset, 0, interrupt)
    assert list(tmp_path.iterdir()) == []
    assert manifest.is_complete(ensure(tmp_path, preset, 0))


@pytest.mark.parametrize("damage", ["manifest gone", "manifest cut", "image gone", "image cut"])
def test_a_damaged_folder_is_made_anew(tmp_path: Path, damage: str) -> None:
    folder = ensure(tmp_path, LEAST, 0)
    before = manifest.read(folder)
    victim = folder / (
        manifest.NAME if damage.startswith("manifest") else next(p for p in before if p.endswith(".jpg"))
    )
    if damage.endswith("gone"):
        victim.unlink()
    else:
        victim.write_bytes(victim.read_bytes()[:100])
    assert not manifest.is_complete(folder)
    with pytest.raises(DataError, match="complete"):
        open_database([folder]).tracks("va", "train")
    assert manifest.read(ensure(tmp_path, LEAST, 0)) == before
    assert os.listdir(tmp_path) == [folder.name]


def test_of_two_that_generate_at_once_both_get_a_complete_folder(tmp_path: Path) -> None:
    nested: list[Path] = []

    def meanwhile(done: int, total: int, what: str) -> None:
        if done == total:
            nested.append(ensure(tmp_path, LEAST, 0))

    assert ensure(tmp_path, LEAST, 0, meanwhile) == nested[0]
    assert manifest.is_complete(nested[0])
    assert os.listdir(tmp_path) == [nested[0].name]


def test_a_script_without_a_main_guard_gets_its_folder_too(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\n"
        "from abawbench_plugins.databases.synthetic.generate import ensure\n"
        "from abawbench_plugins.databases.synthetic.presets import Amount, Preset\n"
        "few = Amount(1, 1, (12, 12))\n"
        f"print(ensure(Path({str(tmp_path)!r}), Preset('few', few, few, few, few, processes=2), 0).name)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert manifest.is_complete(tmp_path / done.stdout.strip())


def test_drafts_of_killed_processes_are_swept_and_those_at_work_stay(tmp_path: Path) -> None:
    left, at_work = tmp_path / ".least-seed0-v0-aa", tmp_path / ".least-seed0-v0-bb"
    left.mkdir()
    with locks.hold_alone(at_work):
        ensure(tmp_path, LEAST, 0)
        assert not left.exists()
        assert at_work.exists()


def test_it_lives_in_the_cache_by_preset_seed_and_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path))
    monkeypatch.setitem(PRESETS, "least", LEAST)
    database = open_database(preset="least", seed=3)
    assert database.folder == tmp_path / "synthetic" / f"least-seed3-v{generate.VERSION}"
