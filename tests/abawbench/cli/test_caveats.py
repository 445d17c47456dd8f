"""What a value must not be quoted without stands beside it, and lost data has an exit status of its own."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from abawbench import cli
from abawbench.cli.options import LOST, say_if_slow
from abawbench.contracts import LabelledTrack, Labels, PluginError, UsageError
from abawbench.harness.data.inputs import require_images
from abawbench.harness.request.splits import check_people
from abawbench.records import store
from abawbench.records.record import Record
from abawbench.report.leaderboard import render
from abawbench.report.table import table

VA = "8th_ABAW_Annotations/VA_Estimation_Challenge"
MACHINE = ("--latency-seconds", "0", "--in-process", "--device", "cpu", "--quiet")
ROWS = "valence,arousal\n0.1,0.2\n0.3,-0.1\n0.2,0.4\n"


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)

    def invoke(*args: str) -> Result:
        return CliRunner().invoke(cli.group, args, standalone_mode=False, catch_exceptions=False)

    return invoke


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def faces(folder: Path, names: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for place, name in enumerate(names):
        assert cv2.imwrite(str(folder / name), np.full((32, 32, 3), 40 * place, np.uint8))


def aff_wild2(root: Path, images: Sequence[str]) -> Path:
    """Four annotated tracks of three frames each, with the same images."""
    for split, tracks in (("Train_Set", "12"), ("Validation_Set", "34")):
        for track in tracks:
            put(root / VA / split / f"{track}.txt", ROWS)
            faces(root / "cropped_aligned" / track, images)
    return root


@pytest.mark.slow
def test_lost_tracks_end_run_and_score_with_3(call: Callable[..., Result], tmp_path: Path) -> None:
    root = aff_wild2(tmp_path / "aff", [])
    put(root / VA / "Validation_Set" / "4.txt", "valence,arousal\n0.1,0.2\n0.3,much\n")
    result = call("run", "--model", "constant", "--task", "va", "--data", f"aff-wild2={root}", *MACHINE)
    assert result.return_value == LOST == 3
    assert "LOST 1 of the tracks to score" in result.output
    assert "lost=1 tracks" in result.output
    rows = "".join(f"3/0000{n}.jpg,0.1,0.2\n" for n in (1, 2, 3))
    file = put(tmp_path / "p.txt", f"image_location,valence,arousal\n{rows}")
    result = call("score", str(file), "--task", "va", "--data", f"aff-wild2={root}", "--missing", "nearest")
    assert result.return_value == LOST
    assert "LOST: 1 track(s)" in result.output
    data = f"aff-wild2={aff_wild2(tmp_path / 'whole', [])}"
    assert call("run", "--model", "constant", "--task", "va", "--data", data, *MACHINE).return_value == 0


def test_a_split_without_a_usable_image_is_refused(call: Callable[..., Result], tmp_path: Path) -> None:
    root = aff_wild2(tmp_path / "aff", ["face one.jpg", "face two.jpg"])
    learn = ("--model", "mnv4-tam-1", "--weights", "synthetic", "--set", "epochs=1")
    with pytest.raises(UsageError, match=r"no track of split 'train' .* has one with a name that is understood"):
        call("run", *learn, "--task", "va", "--data", f"aff-wild2={root}", *MACHINE)


def test_a_broken_first_image_of_each_track_is_no_reason_to_refuse(tmp_path: Path) -> None:
    from abawbench_plugins.databases.aff_wild2 import open_database

    root = aff_wild2(tmp_path, ["00001.jpg", "00002.jpg"])
    for first in root.glob("cropped_aligned/*/00001.jpg"):
        first.write_bytes(b"")
    tracks = [one.track for one in open_database([root]).tracks("va", "val")]
    require_images(tracks, "model 'm'", "the split")
    for second in root.glob("cropped_aligned/*/00002.jpg"):
        second.write_bytes(b"\xff\xd8")
    with pytest.raises(UsageError, match="no track of the split has one"):
        require_images(tracks, "model 'm'", "the split")


@pytest.mark.slow
def test_less_than_half_of_the_images_stands_in_the_table(call: Callable[..., Result], tmp_path: Path) -> None:
    root = aff_wild2(tmp_path / "aff", ["00001.jpg", "00002.jpg"])
    for track in "13":
        for name in ("00001.jpg", "00002.jpg"):
            (root / "cropped_aligned" / track / name).unlink()
    learn = ("--model", "mnv4-tam-1", "--weights", "synthetic", "--set", "epochs=1")
    call("run", *learn, "--task", "va", "--data", f"aff-wild2={root}", *MACHINE, "--out", "r")
    ((_, record),) = store.find(tmp_path / "r")
    assert record.counts is not None
    assert record.counts.caveats[-2:] == ("images of 33% of the training frames", "images of 33% of the scored frames")


@pytest.mark.slow
def test_few_images_of_any_fold_are_said(call: Callable[..., Result], tmp_path: Path) -> None:
    root = aff_wild2(tmp_path / "aff", ["00001.jpg", "00002.jpg"])
    for track in "24":  # what the first of two folds is fitted to
        (root / "cropped_aligned" / track / "00001.jpg").unlink()
    learn = ("--model", "mnv4-tam-1", "--weights", "synthetic", "--set", "epochs=1", "--folds", "2")
    call("run", *learn, "--task", "va", "--data", f"aff-wild2={root}", *MACHINE, "--out", "r")
    ((_, record),) = store.find(tmp_path / "r")
    assert record.counts is not None
    assert [one for one in record.counts.caveats if "images" in one] == ["images of 33% of the training frames"]


def test_subjects_of_both_splits_stand_beside_the_value(call: Callable[..., Result], tmp_path: Path) -> None:
    rows = ["a1,1,train,anna,0,0", "a2,1,val,Anna ,0.1,0.2", "b1,1,train,ben,0,0.1", "b2,1,val,ben,0.3,0.2"]
    put(tmp_path / "own" / "manifest.csv", "\n".join(["track,frame,split,subject,valence,arousal", *rows]) + "\n")
    result = call("run", "--model", "constant", "--task", "va", "--data", "manifest=own", *MACHINE, "--csv")
    assert result.return_value == 0
    assert "2 subjects in train and val" in result.output


def test_an_assumed_rate_is_a_caveat_of_the_track(tmp_path: Path) -> None:
    from abawbench_plugins.databases.aff_wild2 import open_database

    database = open_database([aff_wild2(tmp_path, ["00001.jpg"])])
    track = database.tracks("va", "val")[0].track
    assert not [one for one in database.problems.items if one.caveat]
    assert track.rate == 30
    assert "30 frames/s assumed" in {one.caveat for one in database.problems.items}


def test_caveats_have_a_column_where_there_are_any(make_record: Callable[..., Record]) -> None:
    plain = make_record()
    assert plain.counts is not None
    told = make_record(counts=plain.counts.model_copy(update={"caveats": ("30 frames/s assumed", "2 subjects")}))
    for text in (table([plain, told], "github"), render([], [plain, told])):
        assert "| caveats " in text
        assert " 30 frames/s assumed; 2 subjects |" in text
    assert "caveats" not in table([plain]) + render([], [plain])


def test_an_id_given_twice_is_the_fault_of_the_plugin(toys) -> None:
    database = toys.get("database", "toy").build()
    (first, *_) = database.tracks("colour", "val")
    twice = [first, LabelledTrack(first.track, Labels(first.known.values, first.known.mask))]
    with pytest.raises(PluginError, match=f"gives track '{first.track.id}' twice in one split"):
        check_people(database, [], twice)


@pytest.mark.slow
def test_what_takes_long_says_so_within_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    from time import sleep

    with say_if_slow("checking"):
        pass
    assert capsys.readouterr().err == ""
    with say_if_slow("checking"):
        sleep(1)
    assert capsys.readouterr().err == "checking\n"
