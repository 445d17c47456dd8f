"""The page on CI and the GitHub Action speak of options and limits that exist."""

import re
import tomllib
from pathlib import Path

import click
import yaml

from abawbench import cli
from abawbench.compare.gate import Gate

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))


def indented(after: str) -> str:
    """The first indented block after a heading."""
    block = PAGE.split(after, 1)[1].split("\n\n    ", 1)[1]
    lines = re.match(r"(?:(?:    .*)?\n)*", f"    {block}\n")
    assert lines is not None
    return "\n".join(line[4:] for line in lines[0].splitlines())


def test_the_gate_of_the_page_holds_every_limit_there_is() -> None:
    gate = Gate.model_validate(tomllib.loads(indented("## The gate")))
    assert gate.model_fields_set == set(Gate.model_fields)


def test_every_option_of_the_page_and_the_action_exists() -> None:
    text = PAGE + "".join(step["run"] for step in ACTION["runs"]["steps"])
    for command in ("run", "compare"):
        defined = cli.group.get_command(click.Context(cli.group), command)
        assert defined is not None
        known = {name for option in defined.params for name in option.opts}
        used = set(re.findall(rf"abawbench {command} [^\n]*", text))
        assert used
        for line in used:
            assert set(re.findall(r"--[a-z-]+", line)) <= known, line


def test_the_action_uses_only_inputs_that_it_declares() -> None:
    used = set(re.findall(r"inputs\.([\w-]+)", (ROOT / "action.yml").read_text(encoding="utf-8")))
    assert used == set(ACTION["inputs"])


def test_the_workflow_of_the_page_gives_inputs_that_the_action_has() -> None:
    workflow = yaml.safe_load(indented("Then, in `.github/workflows/benchmark.yml`"))
    (step,) = [s for s in workflow["jobs"]["benchmark"]["steps"] if "abawbench@" in s.get("uses", "")]
    assert set(step["with"]) <= set(ACTION["inputs"])
