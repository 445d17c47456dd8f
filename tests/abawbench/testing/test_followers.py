"""A distribution that only follows runs can be checked, too."""

import os
from pathlib import Path

import pytest

from abawbench.testing.run import run_checks

HOOKS = """
from abawbench.hookspecs import hookimpl

@hookimpl
def on_epoch(event):
    assert event.loss > 0 and event.epoch == 1

@hookimpl
def on_result(record, folder):
    {body}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "came"),
    [
        ("assert record['score']['value'] == 0.25 and folder.is_dir()", ""),
        ("record['scores']", "KeyError: 'scores'"),
        ("record['score']['value'] = 1.0", "it changed what it was given"),
    ],
)
def test_hooks_that_follow_runs_are_checked(
    body: str, came: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "following.py").write_text(HOOKS.format(body=body), encoding="utf-8")
    kept = tmp_path / "follower-1.0.dist-info"
    kept.mkdir()
    (kept / "METADATA").write_text("Metadata-Version: 2.1\nName: follower\nVersion: 1.0\n", encoding="utf-8")
    (kept / "entry_points.txt").write_text("[abawbench]\nfollower = following\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    epoch, result = run_checks("follower")
    assert (epoch.plugin, epoch.status) == ("on_epoch of follower 1.0", "passed")
    assert (result.status, result.came) == ("failed" if came else "passed", came)
