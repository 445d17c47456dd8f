"""Files that are whole or not there, and what killed writers leave."""

from pathlib import Path

import pytest

from abawbench.system.files import replace_file, sweep


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
