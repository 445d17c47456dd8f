"""Files that are whole or not there, and what killed writers leave."""

import os
from pathlib import Path

import pytest

from abawbench.system.files import replace_file, require_folder, sweep


def test_a_writer_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "result.json"
    target.write_text("whole")

    def write_half() -> None:
        with replace_file(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"result.json": "whole"}


@pytest.mark.parametrize("name", [f".result.json.{'0f' * 16}.tmp", ".tmpgZ7qKE"])
def test_what_a_killed_writer_left_is_swept(tmp_path: Path, name: str) -> None:
    """The second is what safetensors leaves when it is killed while it writes; seen after SIGKILL."""
    for path in (name, "weights.safetensors", ".gitignore", ".tmp", ".tmpfiles.d"):
        (tmp_path / path).touch()
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".gitignore",
        ".tmp",
        ".tmpfiles.d",
        "weights.safetensors",
    ]


@pytest.mark.parametrize(
    ("kind", "words"), [("link", "is a link"), ("dangling", "is a link"), ("pipe", "is a pipe"), ("folder", "a folder")]
)
def test_only_a_file_is_replaced(tmp_path: Path, kind: str, words: str) -> None:
    target, other = tmp_path / "target", tmp_path / "other"
    other.write_text("mine", encoding="utf-8")
    {
        "link": lambda: target.symlink_to(other),
        "dangling": lambda: target.symlink_to(tmp_path / "none"),
        "pipe": lambda: os.mkfifo(target),
        "folder": lambda: target.mkdir(),
    }[kind]()
    with pytest.raises(OSError, match=words), replace_file(target) as temporary:
        temporary.write_text("yours", encoding="utf-8")
    assert other.read_text(encoding="utf-8") == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "target"]


def test_a_folder_that_cannot_be_is_refused_with_what_is_in_its_way(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dead").symlink_to("none")
    for name, place in (("file", "file"), ("file/x/y", "file"), ("loop/x", "loop"), ("dead/x", "dead")):
        with pytest.raises(OSError) as refused:
            require_folder(tmp_path / name)
        assert refused.value.filename == str(tmp_path / place)
    for name in ("", "new/x"):
        assert require_folder(tmp_path / name) == tmp_path / name


def test_a_device_is_not_replaced() -> None:
    with pytest.raises(OSError, match="is a device"), replace_file(Path("/dev/null")):
        raise AssertionError("nothing is written")
