"""The picture: real and synthetic results apart, the same file from the same results, names that can be read."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from abawbench.cli.results.leaderboard import leaderboard
from abawbench.contracts.errors import UsageError
from abawbench.records.record import Record
from abawbench.report import plot
from abawbench.report.plot import draw
from abawbench.report.table import SYNTHETIC

pytestmark = pytest.mark.slow

pytest.importorskip("matplotlib")
Make = Callable[..., Record]


def test_an_svg_names_its_systems_and_an_interval_and_is_the_same_each_time(make_record: Make, tmp_path: Path) -> None:
    records = [make_record(), make_record(model="other", value=0.3), make_record(model="plain", source="none")]
    (first,) = draw(records, [], "macs", tmp_path / "a.svg")
    (second,) = draw(records, [], "macs", tmp_path / "b.svg")
    text = first.read_text(encoding="utf-8")
    assert second.read_text(encoding="utf-8") == text
    for words in ("mnv4-tam", "other", "plain", "not ranked", "va, edition 8, aff-wild2 val", "on the frontier",
                  "beaten at no greater cost", "MACs per frame", "official metric", "floor"):  # fmt: skip
        assert f">{words}" in text
    assert SYNTHETIC not in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.svg", "b.svg"]


def test_a_panel_of_latencies_says_on_what_they_were_taken(make_record: Make, tmp_path: Path) -> None:
    (path,) = draw([make_record()], [], "latency", tmp_path / "p.svg")
    text = path.read_text(encoding="utf-8")
    for words in ("va, edition 8, aff-wild2 val", "cpu, 2 threads"):
        assert f">{words}<" in text


def test_a_png_is_a_png(make_record: Make, tmp_path: Path) -> None:
    (path,) = draw([make_record()], [], "parameters", tmp_path / "p.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_real_and_synthetic_results_are_two_pictures(make_record: Make, tmp_path: Path) -> None:
    real, synthetic = make_record(model="real-one"), make_record(model="drawn-one", synthetic=True)
    files = draw([synthetic, real], [], "latency", tmp_path / "p.svg")
    assert [path.name for path in files] == ["p.svg", "p-synthetic.svg"]
    one, other = (path.read_text(encoding="utf-8") for path in files)
    assert ("real-one" in one, "drawn-one" in one, SYNTHETIC in one) == (True, False, False)
    assert ("real-one" in other, "drawn-one" in other, SYNTHETIC in other) == (False, True, True)
    (alone,) = draw([synthetic], [], "latency", tmp_path / "alone.svg")
    assert SYNTHETIC in alone.read_text(encoding="utf-8")


def test_names_of_neighbours_do_not_cover_each_other(make_record: Make) -> None:
    from matplotlib.figure import Figure

    from abawbench.report.pareto import panels

    records = [make_record(model=f"system-{n}", value=0.4 + n / 1000) for n in range(4)]
    (points,) = panels(records, [], "macs").values()
    figure = Figure(figsize=(6, 4))
    axes = figure.subplots()
    plot._panel(axes, "a title", points, "MACs")
    figure.draw_without_rendering()
    before = set(axes.texts)
    plot._label(axes, points)
    from matplotlib.text import Text

    boxes = [Text.get_window_extent(text) for text in axes.texts if text not in before]
    assert len(boxes) == 5  # four names and the floor
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_what_cannot_be_drawn_is_one_sentence(
    make_record: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"ends in \.svg or \.png"):
        draw([make_record()], [], "macs", tmp_path / "p.pdf")
    with pytest.raises(UsageError, match="no result states its macs"):
        draw([], [], "macs", tmp_path / "p.svg")
    monkeypatch.setattr(plot, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'abawbench\[plot\]'"):
        draw([make_record()], [], "macs", tmp_path / "p.svg")


def test_the_command_draws_the_measured_results(tmp_path: Path) -> None:
    done = CliRunner().invoke(leaderboard, ["--plot", str(tmp_path / "p.svg")], standalone_mode=False)
    assert done.exception is None
    assert "wrote" in done.output
    assert "mnv4-tam" in (tmp_path / "p.svg").read_text(encoding="utf-8")
    refused = CliRunner().invoke(leaderboard, ["--plot", "p.svg", "--write", "--folder", str(tmp_path)])
    assert refused.exit_code == 2


def test_names_are_drawn_as_they_stand(make_record: Make, tmp_path: Path) -> None:
    names = [r"$\frac{1}{0$", "a_b^c", "100%", "\\"]
    draw([make_record(model=name) for name in names], [], "macs", tmp_path / "o.svg")
    text = (tmp_path / "o.svg").read_text(encoding="utf-8")
    assert all(f">{name}<" in text for name in names)
