"""Every command that the README and the pages show is one that there is, with options that it has."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from abawbench import cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMAND = re.compile(r"(?<![\w/.-])abawbench ([a-z][a-z-]+(?: [^`\n]*)?)")


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command in the code of a page, up to what a shell would make of it."""
    for match in COMMAND.finditer(text):
        before = text[: match.start()]
        fenced = before.count("```") % 2 == 1
        if fenced or before.rpartition("\n")[2].count("`") % 2 == 1:
            words = re.split(r" #|[|>`;'\"]|&&", match[1])[0].strip().rstrip(".,").split()
            if words[0] not in ("as", "import"):
                yield words


def options(command: click.Command) -> set[str]:
    return {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"-h", "--help"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_shows_commands_that_there_are(page: Path) -> None:
    for name, *rest in commands(page.read_text(encoding="utf-8")):
        context = click.Context(cli.group)
        command = cli.group.get_command(context, name)
        assert command is not None, name
        if isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            command = command.get_command(context, rest[0])
            assert command is not None, rest
        wrong = {word.partition("=")[0] for word in rest if re.match("--?[a-z]", word)} - options(command)
        assert not wrong, f"{name} {' '.join(rest)}"
