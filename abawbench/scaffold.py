"""A new plugin as a complete package, from the templates that come with abawbench."""

import re
import tempfile
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from string import Template

from abawbench.contracts.errors import UsageError
from abawbench.plugins import Plugins

MODULES = {"model": "model", "task": "task", "dataset": "dataset", "metric": "metric", "runtime": "runtime"}
"""Kind -> the module that holds it."""
TRY_IT = {
    "model": "abawbench run --model $name --task expr --preset tiny",
    "task": "abawbench run --model prior --task $name --preset tiny",
    "dataset": "python -m $package.example example && abawbench run --model prior --task expr --data $name=example",
    "metric": "abawbench run --model prior --task expr-$name --preset tiny",
    "runtime": "abawbench run --model mnv4-tam --task expr --preset tiny --runtime $name",
}
CHANGE = {
    "model": "put your network into `network`, your recipe into `Settings`, and say where weights come from",
    "task": "name your outputs, the label you read, the metric and the loss",
    "dataset": "read your own layout, and write a tiny copy of it in `example.py`",
    "metric": "count what you need per track in `statistics`, and make the value of a sum of them",
    "runtime": "return what executes the network in `compile`",
}
COMMON = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    ".gitignore": "gitignore",
    ".github/workflows/ci.yml": "ci.yml",
    "tests/test_contract.py": "test_contract.py",
}
LONGEST = 40


def new_plugin(name: str, kind: str, out: Path) -> Path:
    """Write the package of a plugin of a kind into a new folder under ``out`` and return that folder.

    Raises UsageError for a name that is not small letters, digits and single hyphens, for one that an installed plugin
    of that kind or an importable package has, and where a folder of that name lies: nothing is ever overwritten, or
    written in part.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or len(name) > LONGEST:
        raise UsageError(
            f"'{name}' cannot name a plugin: use at most {LONGEST} small letters, digits and single hyphens, a letter "
            "first, for example tiny-gru"
        )
    owners = [p for p in Plugins().all("database" if kind == "dataset" else kind) if p.name == name]
    if owners:
        raise UsageError(f"{owners[0]} has that name already; choose another")
    package = _package(name)
    if find_spec(package) is not None:
        raise UsageError(f"a package {package} is installed already; choose another name")
    folder = out / f"abawbench-{name}"
    if folder.exists():
        raise UsageError(f"{folder} exists already; choose another name or another --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out, prefix=f".{folder.name}-") as made:
            whole = Path(made) / folder.name
            for path, text in package_files(name, kind).items():
                file = whole / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
            whole.rename(folder)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written ({error.strerror}); choose another --out") from error
    return folder


def package_files(name: str, kind: str) -> dict[str, str]:
    """Return relative path -> text of every file of the package."""
    package = _package(name)
    words = {
        "name": name,
        "kind": kind,
        "distribution": f"abawbench-{name}",
        "package": package,
        "module": MODULES[kind],
        "title": "".join(part.capitalize() for part in name.split("-")) + kind.capitalize(),
        "change": CHANGE[kind],
    }
    words["try_it"] = Template(TRY_IT[kind]).substitute(words)
    templates = files("abawbench") / "templates"
    sources = {path: templates / "common" / f"{source}.tmpl" for path, source in COMMON.items()}
    for entry in sorted((templates / kind).iterdir(), key=lambda entry: entry.name):
        file = entry.name.removesuffix(".tmpl")
        sources[f"tests/{file}" if file.startswith("test_") else f"{package}/{file}"] = entry
    texts = {path: Template(source.read_text(encoding="utf-8")).substitute(words) for path, source in sources.items()}
    return {**texts, f"{package}/py.typed": ""}


def _package(name: str) -> str:
    return f"abawbench_{name.replace('-', '_')}"
