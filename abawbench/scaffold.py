"""A new plugin as a complete package: the example of its kind under another name."""

import re
import tempfile
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from abawbench.contracts.errors import UsageError
from abawbench.plugins import Plugins

EXAMPLES = {
    "model": "tiny-gru",
    "predictor": "colour-ridge",
    "two-inputs": "face-voice",
    "task": "va-pearson",
    "database": "image-folders",
    "metric": "kappa",
    "runtime": "bf16-autocast",
}
"""What is asked for -> the example that it starts as: one of each kind, and two more models."""
KINDS = {"predictor": "model", "two-inputs": "model"}
"""What is asked for -> the kind of plugin that it is, where it has another name."""
FILES = ("*.toml", "*.md", ".gitignore", ".github/*/*.yml", "*/*.py", "*/py.typed")
"""What belongs to an example (its tests leave more there); the package data of abawbench_examples is the same."""
LONGEST = 40


def new_plugin(name: str, kind: str, out: Path) -> Path:
    """Write the package of a plugin of a kind, one of ``EXAMPLES``, into a new folder under ``out`` and return it.

    Raises UsageError for a name that is not small letters, digits and single hyphens, for one that an installed plugin
    of that kind or an importable package has, and where a folder of that name lies: nothing is ever overwritten, or
    written in part.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or len(name) > LONGEST:
        raise UsageError(
            f"'{name}' cannot name a plugin: use at most {LONGEST} small letters, digits and single hyphens, a letter "
            "first, for example tiny-gru"
        )
    for plugin in Plugins().all(KINDS.get(kind, kind)):
        if plugin.name == name:
            raise UsageError(f"{plugin} has that name already; choose another")
    package, _ = _spellings(name)
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
    old = EXAMPLES[kind]
    example = Path(str(files("abawbench_examples"))) / old
    spelled = dict(zip((*_spellings(old), old), (*_spellings(name), name), strict=True))

    def rename(text: str) -> str:
        return re.sub("|".join(spelled), lambda found: spelled[found[0]], text)

    found = sorted(path for pattern in FILES for path in example.glob(pattern))
    return {rename(path.relative_to(example).as_posix()): rename(path.read_text(encoding="utf-8")) for path in found}


def _spellings(name: str) -> tuple[str, str]:
    """Return the name as a package and as a class."""
    return f"abawbench_{name.replace('-', '_')}", "".join(part.capitalize() for part in name.split("-"))
