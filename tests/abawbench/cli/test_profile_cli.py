"""``abawbench profile`` on the command line."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from abawbench import cli

pytestmark = pytest.mark.slow

QUICK = ["--seconds", "0.05", "--scenario", "offline", "--set", "size=32", "--weights", "none", "--quiet"]


def abawbench(*arguments: str, code: int = 0) -> str:
    """What the command prints in a process of its own: it pins itself to cores."""
    command = [sys.executable, "-m", "abawbench", "profile", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def test_json_holds_every_module_and_the_cores_that_were_allowed() -> None:
    found = json.loads(abawbench("mnv4-tam", *QUICK, "--threads", "1", "--json"))
    throughput = found["cost"]["throughput"]
    assert throughput["threads"] == 1
    assert len(throughput["affinity"]) == (1 if hasattr(os, "sched_setaffinity") else 0)
    assert "head.classifier" in {one["name"] for one in found["modules"]}
    assert found["weights"]["source"] == "none"


def test_wrong_usage_exits_with_2_and_says_what_is_known() -> None:
    assert "did you mean mnv4-tam" in abawbench("mnv4-tan", *QUICK, code=2)
    assert "unknown runtime 'warp'" in abawbench("mnv4-tam", *QUICK, "--runtime", "warp", code=2)
    assert "0.0 is not in the range x>0" in abawbench("mnv4-tam", *QUICK, "--frame-rate", "0", code=2)


@pytest.mark.parametrize("words", ["--threads 1 --scenario live", "Exit status"])
def test_help_has_examples(words: str) -> None:
    assert words in CliRunner().invoke(cli.group, ["profile", "--help"]).output
