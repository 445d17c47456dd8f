"""Contents that are written down once: what was overwritten in place, is gone or is new is found and named."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from abawbench import cli
from abawbench.contracts import DataError
from abawbench.harness.data.hashes import compare_hashes, hash_files, read_hashes, write_hashes
from abawbench.progress import Progress


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(5):
        folder = tmp_path / "root" / f"folder {number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:05d}.jpg").write_bytes(bytes([number]) * 100)
    return tmp_path / "root"


def test_an_overwrite_in_place_is_found(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "sums"
    write_hashes(file, hash_files(root, 1, Progress()))
    image = root / "folder 1/00003.jpg"
    before = image.stat()
    image.write_bytes(b"x" * 100)
    os.utime(image, ns=(before.st_atime_ns, before.st_mtime_ns))
    (root / "folder 0/00002.jpg").unlink()
    (root / "folder 0/more.txt").write_text("more")
    found = compare_hashes(read_hashes(file), hash_files(root, 1, Progress()), file)
    assert [(one.file, one.extra) for one in found] == [
        ("folder 1/00003.jpg", False),
        ("folder 0/00002.jpg", False),
        ("folder 0/more.txt", True),
    ]
    assert "other contents" in found[0].what


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not there")
def test_sha256sum_reads_the_file(root: Path, tmp_path: Path) -> None:
    write_hashes(tmp_path / "sums", hash_files(root, 1, Progress()))
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", tmp_path / "sums"], cwd=root, timeout=60, capture_output=True, check=False
    )
    assert done.returncode == 0


def test_a_file_that_is_none_of_ours_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "sums").write_text(f"{'0' * 64}  a\nnonsense\n")
    with pytest.raises(DataError, match="sums:2: expected a SHA-256"):
        read_hashes(tmp_path / "sums")


def test_verify_writes_the_file_and_then_compares(tmp_path: Path) -> None:
    root = tmp_path / "root"
    folder = root / "8th_ABAW_Annotations/VA_Estimation_Challenge/Train_Set"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("valence,arousal\n0,0\n")
    asked = ["data", "verify", "aff-wild2", str(root), "--fast", "--jobs", "1", "-q", "--hash", str(tmp_path / "sums")]
    first = CliRunner().invoke(cli.group, asked)
    assert (tmp_path / "sums").read_text().endswith("Train_Set/a.txt\n")
    assert "other contents" not in first.output
    (folder / "a.txt").write_text("valence,arousal\n0,1\n")
    second = CliRunner().invoke(cli.group, asked)
    assert "Train_Set/a.txt: has other contents than sums says" in second.output
    several = CliRunner().invoke(cli.group, ["data", "verify", "synthetic", "--preset", "tiny", "--hash", "x"])
    assert "one ROOT" in str(several.exception)
