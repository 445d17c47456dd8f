"""What a stored run says beyond its value."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import abawbench
from abawbench import cli, insight
from abawbench.contracts import DataError, UsageError
from abawbench.plugins import Plugins
from abawbench.records.store import read, read_calibration

SETTINGS = {"epochs": 1, "batch": 8}
TOY = {"toy": ()}


@pytest.mark.slow
def test_a_run_is_looked_into(run: Callable[..., list[abawbench.Record]], toys: Plugins, tmp_path: Path) -> None:
    run(seed=[0, 1])
    folder = next((tmp_path / "runs").rglob("result.json")).parent

    (found,) = insight.calibration(folder, data=TOY, keep=True, plugins=toys)
    kept = read_calibration(folder, read(folder))
    assert kept is not None
    assert kept.parts[0].error == (found.error.value, found.error.low, found.error.high)
    assert sum(one.answers for one in found.bins) == found.answers > 0
    assert found.subjects == 5
    assert found.kept[-1].coverage == 1
    record = abawbench.load_run(folder, plugins=toys)[0]
    confusion = np.array(record.score.confusion.counts)
    assert found.kept[-1].risk.value == pytest.approx(1 - np.trace(confusion) / confusion.sum())

    with pytest.raises(UsageError, match=r"gives no attributes .* give --attributes FILE"):
        insight.groups(folder, data=TOY, plugins=toys)
    with pytest.raises(UsageError, match="unknown attribute 'sex'"):
        insight.groups(folder, data=TOY, by="sex", plugins=toys)
    table = tmp_path / "people.csv"
    table.write_text("subject,team\n" + "".join(f"val{i},{'ab'[i % 2]}\n" for i in range(5)))
    (by_team,) = insight.groups(folder, data=TOY, attributes=table, plugins=toys)
    assert by_team.groups == ()
    assert (by_team.hidden, by_team.hidden_subjects) == (2, 5)
    assert "nothing to compare" in str(by_team.reason)
    (by_light,) = insight.groups(folder, data=TOY, by="light", plugins=toys)
    assert [(one.name, one.subjects) for one in by_light.groups] == [("90.0", 5)]
    table.write_text("subject,team\nnobody,a\n")
    with pytest.raises(DataError, match="none of its 1 subjects is one of the run's"):
        insight.groups(folder, data=TOY, attributes=table, plugins=toys)

    (pair,) = insight.power("colour", tmp_path / "runs", TOY, differences=(0.05,), plugins=toys)
    assert pair.subjects == 5
    assert pair.detectable_here == pytest.approx(pair.detectable)


def test_power_is_read_from_stored_statistics(make_run: Callable[..., Path], tmp_path: Path) -> None:
    make_run("a", noise=0.3)
    make_run("b", noise=0.5, model="other")
    call = CliRunner().invoke(cli.group, ["power", "va", "--runs", str(tmp_path)], standalone_mode=False)
    assert call.return_value == 0, call.output
    assert "subjects for 0.01" in call.output
    (pair,) = insight.power("va", tmp_path, differences=(0.01, 0.1))
    assert pair.needed[0].subjects > pair.needed[1].subjects
    assert pair.detectable_here is None
    with pytest.raises(UsageError, match="no finished run of task 'au'"):
        insight.power("au", tmp_path)


def test_a_manifest_tells_what_is_known_of_its_subjects(tmp_path: Path) -> None:
    lines = ["track,frame,split,subject,expression,attribute:sex", "a1,1,val,anna,0,f", "b1,1,val,ben,1,"]
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    database = abawbench.open_database("manifest", tmp_path)
    assert [one.track.attributes() for one in database.tracks("expr", "val")] == [{"sex": "f"}, {}]
    assert not database.problems.items
