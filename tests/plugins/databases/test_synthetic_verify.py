"""``data verify`` on the synthetic database compares every byte with the manifest."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from abawbench import cli
from abawbench.contracts.errors import UsageError
from abawbench.harness.data.verify import Status, Verification, VerifyRequest, verify
from abawbench_plugins.databases.synthetic import labels_only, manifest
from abawbench_plugins.databases.synthetic.database import open_database
from abawbench_plugins.databases.synthetic.generate import generate
from abawbench_plugins.databases.synthetic.plan import FURTHER
from abawbench_plugins.databases.synthetic.presets import Amount, Preset

pytestmark = pytest.mark.slow

LEAST = Preset("least", Amount(2, 1, (12, 12)), Amount(1, 1, (12, 12)), Amount(1, 1, (6, 6)), Amount(1, 1, (12, 12)), 1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    generate(folder, LEAST, 0)
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "copy")


def verified(folder: Path, fast: bool = False) -> Verification:
    return verify(open_database([folder]), VerifyRequest(jobs=1, fast=fast))


def test_a_generated_folder_is_complete(whole: Path) -> None:
    found = verified(whole)
    assert (found.status, found.problems, found.files) == (Status.COMPLETE, [], len(manifest.read(whole)))
    tracks = {(line.label, line.split): line.verdict for line in found.lines if line.what == "tracks"}
    assert tracks["va", "train"] == "same"
    assert {label for label, _ in tracks} == {"va", "expr", "au", "ce", "emi", "ah"}


def test_each_file_that_is_not_as_generated_is_named_once(folder: Path) -> None:
    changed, gone, *_ = sorted(folder.glob("*/cropped_aligned*/*/*.jpg"))
    changed.write_bytes(changed.read_bytes()[:-1] + b"x")
    gone.unlink()
    (folder / "stray.txt").write_text("x")
    found = verified(folder)
    assert [(folder / problem.file, problem.extra) for problem in found.problems] == [
        (changed, False),
        (gone, False),
        (folder / "stray.txt", True),
    ]
    assert found.status is Status.INCOMPLETE
    assert len(verified(folder, fast=True).problems) == 2


def test_a_missing_annotation_shows_in_the_number_of_tracks(folder: Path) -> None:
    next(folder.glob("aff-wild2/*/VA_*/Train_Set/*.txt")).unlink()
    lines = {(line.label, line.split, line.what): line.verdict for line in verified(folder).lines}
    assert lines["va", "train", "tracks"] == "differs"


@pytest.mark.parametrize("further", FURTHER)
def test_a_further_database_is_verified_by_itself(tmp_path: Path, further: str) -> None:
    generate(tmp_path, LEAST, 0, databases=(further,))
    found = verified(tmp_path)
    assert (found.status, found.problems) == (Status.COMPLETE, [])
    assert {line.split for line in found.lines if line.what == "tracks"} >= {"train", "val"}


def test_a_label_that_it_does_not_have_is_refused(whole: Path) -> None:
    with pytest.raises(UsageError, match="violence"):
        verify(open_database([whole]), VerifyRequest(labels=["violence"]))


def test_labels_only_has_the_official_numbers_of_tracks_and_no_image(tmp_path: Path) -> None:
    manifest.write(tmp_path, labels_only.write(tmp_path, seed=0, share=0.002))
    database = open_database([tmp_path])
    assert [len(database.tracks("va", split)) for split in ("train", "val", "test")] == [356, 76, 162]
    rows = [sum(one.track.n_frames for one in database.tracks("va", split)) for split in ("train", "val", "test")]
    assert rows == [round(1_679_857 * 0.002) + 7, round(382_021 * 0.002) + 1, round(927_210 * 0.002)]
    assert database.splits("ce") == ()
    assert database.splits("expr") == []
    assert database.splits("mtl") == ()
    assert len(database.fingerprint()) == 64
    assert not list(tmp_path.rglob("*.jpg"))
    assert verify(database, VerifyRequest(jobs=1)).status is Status.COMPLETE


def test_the_command_makes_what_it_verifies_when_no_root_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("abawbench_plugins.databases.synthetic.presets.PRESETS", {"least": LEAST})
    command = ["data", "verify", "synthetic", "--preset", "least", "--jobs", "1", "--quiet"]
    result = CliRunner().invoke(cli.group, command, standalone_mode=False, catch_exceptions=False)
    assert result.return_value == 0
    assert "synthetic: complete" in result.stdout
    with pytest.raises(UsageError, match="needs a folder"):
        CliRunner().invoke(cli.group, ["data", "verify", "bah"], standalone_mode=False, catch_exceptions=False)
