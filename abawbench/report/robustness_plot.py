"""The value of a run under each corruption, by severity, as a picture."""

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path

from abawbench.contracts.errors import UsageError
from abawbench.system.files import replace_file

COLUMNS = 4


def draw_robustness(
    out: Path, title: str, metric: str, clean: float, lines: Mapping[str, Sequence[tuple[int, float]]]
) -> None:
    """Draw a small panel for each corruption, the clean value across it, to a .png, .svg or .pdf.

    Raises UsageError without matplotlib and for another ending.
    """
    if out.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise UsageError(f"{out}: a picture ends in .png, .svg or .pdf")
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError("pictures need matplotlib: pip install 'abawbench[plot]'") from error
    rows = ceil(len(lines) / COLUMNS)
    figure = Figure(figsize=(2.6 * COLUMNS, 0.8 + 1.9 * rows), layout="constrained")
    panels = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
    for panel, (name, points) in zip(panels, lines.items(), strict=False):
        panel.axhline(clean, color="0.6", linewidth=1)
        panel.plot([s for s, _ in points], [v for _, v in points], marker="o", markersize=3, color="#0b5c8a")
        panel.set_title(name, fontsize=9)
    for panel in panels[len(lines) :]:
        panel.set_axis_off()
    figure.suptitle(title, fontsize=10)
    figure.supxlabel("severity", fontsize=9)
    figure.supylabel(metric, fontsize=9)
    with replace_file(out) as temporary:
        figure.savefig(temporary, format=out.suffix.lower()[1:])
