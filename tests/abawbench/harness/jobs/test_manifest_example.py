"""The example of docs/manifest.md runs as it stands there, with the toy network in the model's place."""

import re
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

import abawbench
from abawbench import api

PAGE = Path(__file__).resolve().parents[4] / "docs" / "manifest.md"


def block(mark: str) -> str:
    found = re.search(rf"<!-- {re.escape(mark)} -->\n```\w+\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def here(toys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the manifest of the page and an image for every path in it."""
    monkeypatch.chdir(tmp_path)
    machine = abawbench.Machine(device="cpu", latency_seconds=0)
    fast = partial(api.run, plugins=toys, settings={"epochs": 1}, machine=machine)
    monkeypatch.setattr(api, "run", fast)
    text = block("manifest.csv")
    (tmp_path / "manifest.csv").write_text(text)
    for number, path in enumerate(re.findall(r"faces/\S+?\.png", text)):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / path), np.full((16, 16, 3), 20 * number, dtype=np.uint8))
    return tmp_path


@pytest.mark.slow
def test_the_example_trains_predicts_and_scores(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = block("run")
    assert 'model="mnv4-tam"' in code
    scope: dict[str, object] = {}
    exec(code.replace('model="mnv4-tam"', 'model="toy"'), scope)
    expr, va = scope["records"]  # type: ignore[misc]
    assert (expr.task, va.task) == ("expr", "va")
    for record in (expr, va):
        assert record.status == "ok", record.reason
        assert record.database.name == "manifest"
        assert record.database.layout is None
        assert not record.database.synthetic
        assert (record.counts.tracks, record.counts.frames, record.counts.annotated_frames) == (1, 3, 3)
        assert record.counts.coverage == 1
        assert record.counts.problems == (".: tracks without 'rate' and video: 30 frames per second are assumed",)
    assert "('expr'" in capsys.readouterr().out


@pytest.mark.slow
def test_folds_work_without_any_split(here: Path) -> None:
    lines = (here / "manifest.csv").read_text().splitlines()
    without = [",".join(cell for place, cell in enumerate(line.split(",")) if place != 3) for line in lines]
    (here / "manifest.csv").write_text("\n".join(without) + "\n")
    given = {"model": "toy", "task": "expr", "data": {"manifest": here}}
    (refused,) = abawbench.run(**given)
    assert refused.status == "unsupported"
    (record,) = abawbench.run(**given, protocol={"folds": 3})
    assert record.status == "ok", record.reason
    assert record.counts.tracks == 4
    assert record.counts.frames_without_image == 1
    assert record.scored_part == "train+val, 3 folds by subject"
