"""The GitHub Action: its metadata keeps GitHub's syntax, and its steps do in bash what they say.

Syntax: https://docs.github.com/en/actions/reference/workflows-and-actions/metadata-syntax
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = {step.get("id", "install"): step for step in ACTION["runs"]["steps"]}
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
COLOURS = {"white", "black", "yellow", "blue", "green", "orange", "red", "purple", "gray-dark"}
pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the steps are bash")


def expanded(text: str, inputs: dict[str, str]) -> str:
    """An expression of the workflow language, which the action uses for its inputs alone."""
    return re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: inputs[found[1]], text)


class Runner:
    """Runs steps as the runner of GitHub does: inputs with their defaults, files for outputs and the summary."""

    def __init__(self, folder: Path, **inputs: str) -> None:
        defaults = {name: str(given.get("default", "")) for name, given in ACTION["inputs"].items()}
        self.folder, self.inputs = folder, defaults | {name.replace("_", "-"): text for name, text in inputs.items()}
        self.output, self.summary, self.calls = (folder / name for name in ("output", "summary", "calls"))
        self.bin = folder / "bin"
        self.bin.mkdir()

    def stand_in(self, name: str, status: int = 0, says: str = "") -> None:
        """Put a program of that name on the path, which writes down how it was called."""
        lines = ["#!/bin/bash", f'printf "%s|" {name} "$@" >> {self.calls}; echo >> {self.calls}', f'echo "{says}"']
        (self.bin / name).write_text("\n".join([*lines, f"exit {status}"]) + "\n", encoding="utf-8")
        (self.bin / name).chmod(0o755)

    def step(self, name: str) -> subprocess.CompletedProcess[str]:
        given = {key: expanded(text, self.inputs) for key, text in STEPS[name].get("env", {}).items()}
        files = {"GITHUB_OUTPUT": str(self.output), "GITHUB_STEP_SUMMARY": str(self.summary)}
        path = f"{self.bin}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", expanded(STEPS[name]["run"], self.inputs)],
            env=os.environ | files | given | {"PATH": path},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def called(self) -> list[list[str]]:
        return [line.split("|")[:-1] for line in self.calls.read_text(encoding="utf-8").splitlines()]


def test_the_metadata_has_the_keys_that_github_knows() -> None:
    assert {"name", "description", "runs"} <= set(ACTION) <= {
        "name", "author", "description", "inputs", "outputs", "runs", "branding"
    }  # fmt: skip
    assert set(ACTION["branding"]) == {"icon", "color"}
    assert ACTION["branding"]["color"] in COLOURS
    for name, given in (ACTION["inputs"] | ACTION["outputs"]).items():
        assert IDENTIFIER.fullmatch(name)
        assert given["description"]
    for given in ACTION["inputs"].values():
        assert set(given) <= {"description", "required", "default", "deprecationMessage"}
        assert ("default" in given) != given.get("required", False)
    assert all(set(given) == {"description", "value"} for given in ACTION["outputs"].values())


def test_every_step_is_one_that_a_composite_action_may_have() -> None:
    assert ACTION["runs"]["using"] == "composite"
    assert set(ACTION["runs"]) == {"using", "steps"}
    ids = [step["id"] for step in ACTION["runs"]["steps"] if "id" in step]
    assert len(ids) == len(set(ids))
    for step in ACTION["runs"]["steps"]:
        assert set(step) <= {"name", "id", "if", "run", "shell", "env", "working-directory", "continue-on-error"}
        assert step["shell"] == "bash"
        assert "${{" not in step["run"], "an input in the script itself could run as code"
    for output in ACTION["outputs"].values():
        assert re.fullmatch(r"\$\{\{ steps\.(\w+)\.outputs\.\w+ \}\}", output["value"])[1] in ids


def test_the_run_step_names_every_task(tmp_path: Path) -> None:
    runner = Runner(tmp_path, model="my model", task="va expr", run_args="--set epochs=1 --latency-seconds 0")
    runner.stand_in("abawbench")
    assert runner.step("run").returncode == 0
    assert runner.called() == [
        ["abawbench", "run", "--model", "my model", "--task", "va", "--task", "expr", "--data", "synthetic",
         "--preset", "tiny", "--out", "runs", "--quiet", "--set", "epochs=1", "--latency-seconds", "0"]
    ]  # fmt: skip


def test_what_is_to_be_installed_is_installed(tmp_path: Path) -> None:
    runner = Runner(tmp_path, model="m", install="abawbench -e .")
    runner.stand_in("python")
    assert runner.step("install").returncode == 0
    assert runner.called() == [["python", "-m", "pip", "install", "abawbench", "-e", "."]]


@pytest.mark.parametrize("status", [0, 1, 2, 3])
def test_the_comparison_reaches_the_summary_and_its_status_the_build(tmp_path: Path, status: int) -> None:
    runner = Runner(tmp_path, model="m", baseline="tiny", gate="gate.toml")
    runner.stand_in("abawbench", status, says="### the table")
    done = runner.step("compare")
    assert done.returncode == status
    assert runner.called() == [["abawbench", "compare", "tiny", "runs", "--gate", "gate.toml", "--markdown"]]
    assert runner.output.read_text() == f"status={status}\n"
    assert runner.summary.read_text() == (tmp_path / "comparison.md").read_text() == "### the table\n"


def test_a_run_that_failed_is_compared_all_the_same() -> None:
    condition = STEPS["compare"]["if"]
    # without a word on the state of the job GitHub puts success() before a condition
    assert "!cancelled()" in condition
    assert "steps.run.outcome != 'skipped'" in condition, "nothing ran when the installation failed"


@pytest.mark.slow
def test_the_stored_baseline_passes_our_own_gate_against_itself(tmp_path: Path) -> None:
    baseline = ROOT / "leaderboards" / "baselines" / "tiny"
    gate = ROOT / "leaderboards" / "gate.toml"
    runner = Runner(tmp_path, model="mnv4-tam", baseline=str(baseline), gate=str(gate), out=str(baseline))
    done = runner.step("compare")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| va " in runner.summary.read_text(encoding="utf-8")
    assert "❌" not in done.stdout
