"""A dry run: what would be done is counted and timed, no result is written, and what is done is known."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from abawbench import api, cli
from abawbench.harness.engines.forecast import Forecast
from abawbench.harness.request.databases import Sources
from abawbench.harness.request.jobs import Machine
from abawbench.plugins import Plugins

DATA = Sources({"toy": ()})


def foretell(toys: Plugins, out: Path, model: str, **settings: Any) -> list[Forecast]:
    plan = api.plan(model, "colour", DATA, seed=[0, 1], settings=settings, plugins=toys)
    return api.forecast(plan, out=out, sample_seconds=0.1, plugins=toys)


@pytest.mark.slow
def test_a_network_is_counted_and_timed_and_nothing_is_written(toys: Plugins, tmp_path: Path) -> None:
    found = foretell(toys, tmp_path / "runs", "toy", epochs=2)
    assert [(one.seed, one.database, one.tracks, one.done) for one in found] == [
        (0, "toy", 13, False),
        (1, "toy", 13, False),
    ]
    assert found[0].frames > found[0].images > 0
    assert found[0].seconds is not None
    assert found[0].seconds > 0
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_more_epochs_take_longer(toys: Plugins, tmp_path: Path) -> None:
    few, many = (foretell(toys, tmp_path / "runs", "toy", epochs=epochs)[0].seconds for epochs in (1, 1000))
    assert few is not None
    assert many is not None
    assert many > 10 * few


@pytest.mark.slow
def test_what_is_done_is_known(toys: Plugins, tmp_path: Path) -> None:
    quick, settings = Machine(latency_seconds=0), {"epochs": 1}
    api.run(
        "toy", "colour", DATA, settings=settings, machine=quick, out=tmp_path / "runs", plugins=toys
    ).raise_for_status()
    first, second = foretell(toys, tmp_path / "runs", "toy", epochs=1)
    assert (first.done, second.done) == (True, False)


@pytest.mark.parametrize(("model", "task"), [("prior", "colour"), ("toy", "va")])
def test_a_predictor_has_no_time_and_a_job_that_cannot_be_says_why(
    toys: Plugins, tmp_path: Path, model: str, task: str
) -> None:
    (one,) = api.forecast(api.plan(model, task, DATA, plugins=toys), out=tmp_path, sample_seconds=0.1, plugins=toys)
    assert one.seconds is None
    assert bool(one.trouble) == (task == "va")


def test_the_command_line_prints_a_row_for_each_job_and_the_sum(tmp_path: Path) -> None:
    asked = ["run", "--model", "prior", "--task", "va", "--task", "au", "--preset", "tiny", "--dry-run", "-q"]
    out = CliRunner().invoke(cli.group, [*asked, "--out", str(tmp_path / "runs")]).output
    assert [line.split()[:3] for line in out.splitlines()[2:4]] == [["prior", "va", "0"], ["prior", "au", "0"]]
    assert "2 of 2 jobs to do" in out
    assert "2 of unknown time" in out
    assert not (tmp_path / "runs").exists()
