"""Write docs/licences.md: every third-party file and package, and its licence.

    python tools/licences.py

Weights come from the declarations of our models, packages from pyproject.toml and the metadata of what is installed.
"""

import re
import tomllib
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from tabulate import tabulate

from abawbench.plugins import Plugins
from abawbench.weights import detector
from abawbench.weights.lock import SHIPPED, read_lock

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "licences.md"
HEAD = """# Licences

Written by `python tools/licences.py`. abawbench is Apache-2.0. Of the weights below only the bundled ones are in the
repository and in the package; the others are fetched from where they are published, when you ask for it.
"""


def weights_section() -> str:
    """Return the table of the weights that our models know by name, one row per origin."""
    pinned = {origin for origin, _ in read_lock(SHIPPED)}
    rows: dict[str, list[str]] = {}
    models = Plugins(third_party=False).all("model")
    used = [(plugin.name, one) for plugin in models for one in plugin.declaration.sources]  # type: ignore[attr-defined]
    for user, one in [*used, (detector.NAME, detector.MTCNN)]:
        origin = one.origin or ("bundled" if one.bundled else "a file of yours")
        row = rows.setdefault(
            f"{origin} {one.what}",
            [one.what, origin, one.licence or "none named", ", ".join(one.trained_on),
             "yes" if one.origin in pinned else "at first use" if one.origin else "", ""],
        )  # fmt: skip
        row[5] = ", ".join(filter(None, [row[5], user]))
    heads = ["weights", "origin", "licence", "trained on", "digest known", "used by"]
    return "## Weights\n\n" + tabulate([rows[key] for key in sorted(rows)], heads, tablefmt="github") + "\n"


def packages_section() -> str:
    """Return the table of the packages that abawbench and its extras need, with the licence each names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    rows: dict[str, list[str]] = {}
    for extra, wanted in groups.items():
        for name in sorted({re.split(r"[<>=!~\[; ]", one)[0] for one in wanted}, key=str.lower):
            row = rows.setdefault(name, [name, _licence(name), ""])
            row[2] = ", ".join(filter(None, [row[2], extra or "always"]))
    return "## Packages\n\n" + tabulate(list(rows.values()), ["package", "licence", "needed"], tablefmt="github") + "\n"


def _licence(name: str) -> str:
    try:
        said = metadata(name)
    except PackageNotFoundError:
        return "not installed where this page was written"
    expression = said.get("License-Expression")
    classified = [one.rpartition(" :: ")[2] for one in said.get_all("Classifier", []) if one.startswith("License ::")]
    named = [line for line in (said.get("License") or "").splitlines() if line.strip()][:1]
    return expression or _short(classified) or _short(named) or "see its files"


def _short(names: Sequence[str]) -> str:
    return ", ".join(name for name in names if len(name) < 60)


if __name__ == "__main__":
    PAGE.write_text(f"{HEAD}\n{weights_section()}\n{packages_section()}", encoding="utf-8")
