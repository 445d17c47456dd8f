"""``abawbench data``: what lies on disk."""

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from abawbench.cli import options
from abawbench.contracts.errors import DataError, UsageError
from abawbench.system.text import plain

if TYPE_CHECKING:
    from abawbench.harness.data.verify import Line, Verification

SHOWN = 200
"""Problems printed; --json has all of them."""

EPILOG = """\b
Examples:
  abawbench data verify aff-wild2 /data/Aff-Wild2 /data/new_50_vids
  abawbench data verify aff-wild2 /data/Aff-Wild2 --label va --split train --split val --fast
  abawbench data verify aff-wild2 /data/Aff-Wild2 --fast --hash aff-wild2.sha256
      the first time the file is written; later a file that was overwritten in place is found
  abawbench data verify bah /data/BAH --json
  abawbench data verify synthetic --preset tiny
  abawbench data verify manifest my_data/manifest.csv

Exit status: 0 complete, 1 incomplete, 2 unusable or wrong usage, 130 interrupted.
"""


@click.group()
def data() -> None:
    """Look at databases on disk."""


@data.command(epilog=EPILOG)
@click.argument("database")
@click.argument("roots", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--edition", type=int, help="Whose annotations and numbers; default: the latest known.")
@click.option("--label", "labels", multiple=True, help="Look at this label alone, for example va. Repeatable.")
@click.option("--split", "splits", multiple=True, type=click.Choice(["train", "val", "test"]), help="Repeatable.")
@click.option("--preset", default="small", show_default=True, help="Of a synthetic database without ROOTS; "
              "labels-only holds annotations of official size.")  # fmt: skip
@click.option("--data-seed", default=0, show_default=True, help="Seed of a synthetic database without ROOTS.")
@options.assumption
@click.option("--fast", is_flag=True, help="Read the sizes of images and the headers of media, decode nothing.")
@click.option(
    "--hash",
    "hashes",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Compare the "
    "contents of all files with those in FILE; where it is not there, write it, for 'sha256sum --check'.",
)
@click.option("--jobs", type=click.IntRange(min=1), help="Processes; default: one per processor.")
@options.json_output
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, one row a count; problems go to standard error.")
@click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
def verify(
    database: str,
    roots: tuple[Path, ...],
    hashes: Path | None,
    as_json: bool,
    as_csv: bool,
    quiet: bool,
    **given: Any,
) -> int:
    """Compare a copy of DATABASE under ROOTS with the official one and read every file of it.

    Without ROOTS those of abawbench.toml are taken. A number that only one source gives is shown, and decides nothing.
    """
    from abawbench.cli.progress import TerminalProgress
    from abawbench.config import read_config
    from abawbench.harness.data import verify as harness
    from abawbench.harness.request.assumptions import check_assumptions, parse_assumptions
    from abawbench.harness.request.databases import Sources
    from abawbench.plugins import default_plugins

    plugins = default_plugins()
    plugin = plugins.get("database", database)
    chosen = check_assumptions(plugins, parse_assumptions(given.pop("assumptions")))
    found_roots = roots or read_config(Path.cwd()).get(database, ())
    sources = Sources({plugin.name: found_roots}, given.pop("preset"), given.pop("data_seed"))
    wanted = harness.VerifyRequest(**given)
    if hashes is not None and len(found_roots) != 1:
        raise UsageError(f"--hash looks at one ROOT, and '{database}' has {len(found_roots)}; name one")
    with closing(TerminalProgress(quiet)) as progress:
        copy = harness.open_copy(plugin, sources, wanted.edition, progress, chosen)
        found = harness.verify(copy, wanted, progress)
        if hashes is not None:
            found = harness.verify_contents(found, found_roots[0], hashes, wanted, progress)
    if as_csv:
        options.print_csv([{"database": found.database, **_fields(line)} for line in found.lines])
        for problem in found.problems:
            click.echo(plain(str(problem)), err=True)
    else:
        click.echo(json.dumps(_json(found), indent=2) if as_json else _text(found))
    return int(found.status)


PACK_EPILOG = """\b
Example:
  abawbench data pack aff-wild2 /data/Aff-Wild2 /data/Aff-Wild2-packed
  abawbench run --model mnv4-tam --task va --data aff-wild2=/data/Aff-Wild2-packed

Every folder of images becomes one file of the same name with .arrow after it, which holds the image files as they were;
all else is copied. The copy is read as the original, with the same results bit by bit.
"""


@data.command(epilog=PACK_EPILOG)
@click.argument("database")
@click.argument("root", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
def pack(database: str, root: Path, out: Path, quiet: bool) -> int:
    """Write a copy of DATABASE under ROOT to the new folder OUT, with one file for each folder of images.

    For quotas on the number of files, network file systems and rented disks.
    """
    from abawbench.cli.progress import TerminalProgress
    from abawbench.harness.request.databases import Sources, open_database
    from abawbench.plugins import default_plugins

    plugin = default_plugins().get("database", database)
    with closing(TerminalProgress(quiet)) as progress:
        opened = open_database(plugin, plugin.name, Sources({plugin.name: (root,)}), progress, {})
        packed = opened.pack(out, progress.report)
        copy = open_database(plugin, plugin.name, Sources({plugin.name: (out,)}), progress, {})
        if copy.fingerprint() != opened.fingerprint():
            raise DataError(f"{out}: the annotations of the copy differ from those of {root}; pack it anew")
    click.echo(f"{out}: {packed:,} image files in packs; read it with --data {plugin.name}={out}")
    return 0


def _json(found: "Verification") -> dict[str, object]:
    return {
        "database": found.database,
        "edition": found.edition,
        "status": found.status.name.lower(),
        "files": found.files,
        "seconds": round(found.seconds, 3),
        "counts": [_fields(line) for line in found.lines],
        "problems": [vars(problem) for problem in found.problems],
    }


def _fields(line: "Line") -> dict[str, object]:
    known = line.official
    return {
        "label": line.label,
        "split": line.split,
        "what": line.what,
        "found": line.found,
        "official": known.number if known else None,
        "confidence": known.confidence if known else None,
        "source": known.source if known else None,
        "verdict": line.verdict,
    }


def _text(found: "Verification") -> str:
    from tabulate import tabulate

    from abawbench.system.text import NONE

    rows = [
        [
            plain(line.label or NONE),
            plain(line.split or NONE),
            plain(line.what),
            NONE if line.found is None else f"{line.found:,}",
            f"{line.official.number:,}" if line.official else NONE,
            line.verdict,
            plain(f"{line.official.confidence}, {line.official.source}") if line.official else "",
        ]
        for line in found.lines
        if line.official or not line.detail
    ]
    headers = ["label", "split", "what", "found", "official", "", "confidence, source"]
    table = tabulate(rows, headers=headers, colalign=("left", "left", "left", "right", "right"), disable_numparse=True)
    problems = [f"{'extra' if p.extra else 'defect'}: {plain(str(p))}" for p in found.problems]
    if len(problems) > SHOWN:
        problems[SHOWN:] = [f"... and {len(problems) - SHOWN} more, all of which --json prints"]
    differ = sum(line.verdict == "differs" for line in found.lines)
    summary = (
        f"{plain(found.database)}: {found.status.name.lower()}; {len(found.defects)} defect(s), {differ} confirmed "
        f"number(s) that differ; {found.files:,} files read in {found.seconds:.1f} s"
    )
    return "\n".join([table, *problems, summary])
