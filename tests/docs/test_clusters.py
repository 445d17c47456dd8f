"""The worked examples of docs/clusters.md are run as they stand there; a lab's machines and folders are replaced."""

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from abawbench.cli import group

PAGE = Path(__file__).parents[2] / "docs" / "clusters.md"
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
LONG = pytest.mark.skipif("ABAWBENCH_CLUSTERS" not in os.environ, reason="takes minutes; set ABAWBENCH_CLUSTERS=1")
Shell = Callable[..., "subprocess.CompletedProcess[str]"]


def blocks(language: str) -> Mapping[str, str]:
    """Return the first block of a language under each heading of the page."""
    first, *rest = _HEADING.split(PAGE.read_text(encoding="utf-8"))
    sections = {"": first, **dict(zip(rest[::2], rest[1::2], strict=True))}
    found = {name: re.search(rf"```{language}\n(.*?)```", text, re.DOTALL) for name, text in sections.items()}
    return {name: block[1] for name, block in found.items() if block}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Run a command of the page; ``abawbench`` is the one under test."""
    programs = tmp_path / "bin"
    programs.mkdir()
    shim = programs / "abawbench"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m abawbench "$@"\n')
    shim.chmod(shim.stat().st_mode | stat.S_IXUSR)
    own = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    own |= {"ABAWBENCH_CACHE": str(tmp_path / "cache")}

    def run(command: str, cwd: Path = tmp_path, **environment: str) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=cwd,
            env=os.environ | own | environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture
def planned(shell: Shell) -> int:
    """Write a plan of four cheap jobs and return how many they are."""
    shell("abawbench plan --model constant --task va --task au --seed 0 --seed 1 --preset tiny --device cpu "
          "--latency-seconds 0 --out plan.json")  # fmt: skip
    return 4


@LONG
@pytest.mark.slow
def test_the_four_commands_of_the_page(shell: Shell, tmp_path: Path) -> None:
    lab = "--model all --task all --seed 0 --seed 1 --data aff-wild2=/shared/Aff-Wild2"
    here = "--model constant --task va --task au --seed 0 --seed 1 --preset tiny --latency-seconds 0"
    commands = blocks("sh")[""]
    assert lab in commands
    *rest, collect = commands.replace(lab, here).replace("/shared", str(tmp_path)).strip().splitlines()
    shell("\n".join(rest))
    shell(f"{collect} || test $? -eq 1")
    assert "4 jobs: 1 ok, 3 missing" in shell(f"{collect} || true").stdout


@LONG
@pytest.mark.slow
def test_the_commands_for_shards(shell: Shell, planned: int) -> None:
    commands = blocks("sh")["One large database"].strip().splitlines()
    assert len(commands) == 3
    for command in commands:
        if "--engine ray" not in command:  # has a test of its own
            assert "ready" in shell(command).stdout


@LONG
@pytest.mark.slow
def test_gnu_parallel(shell: Shell, planned: int) -> None:
    if shutil.which("parallel") is None:
        pytest.skip("GNU parallel is not installed")
    command = blocks("sh")["GNU parallel"]
    for lab, own in {"node1,node2,node3,node4": ":", "seq 0 127": f"seq 0 {planned - 1}"}.items():
        assert lab in command
        command = command.replace(lab, own)
    assert "4 jobs: 4 ok" in shell(command).stdout


@LONG
@pytest.mark.slow
def test_kubernetes_does_every_index(shell: Shell, planned: int, tmp_path: Path) -> None:
    text = blocks("yaml")["Kubernetes"]
    job = yaml.safe_load(text)
    assert job["spec"]["completionMode"] == "Indexed"
    (pod,) = job["spec"]["template"]["spec"]["containers"]
    assert pod["command"] == ["sh", "-c"]
    (command,) = pod["args"]
    for index in range(planned):
        shell(command.replace("/shared", str(tmp_path)), JOB_COMPLETION_INDEX=str(index))
    assert "4 jobs: 4 ok" in shell("abawbench collect --plan plan.json").stdout


def test_kubernetes_would_take_the_job() -> None:
    kubernetes = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    kubernetes.validate(yaml.safe_load(blocks("yaml")["Kubernetes"]), "1.30", strict=True)


@LONG
@pytest.mark.slow
def test_github_actions(shell: Shell, tmp_path: Path) -> None:
    text = blocks("yaml")["GitHub Actions"]
    assert "--model mnv4-tam" in text
    workflow = yaml.safe_load(text.replace("--model mnv4-tam", "--model constant --latency-seconds 0"))
    said = "".join(Actions(shell, tmp_path).run(workflow["jobs"]))
    assert "12 jobs: 12 ok" in said


class Actions:
    """Does the jobs of a workflow, one after the other, each in a folder of its own."""

    def __init__(self, shell: Shell, root: Path) -> None:
        self._shell, self._root = shell, root
        self._artifacts = root / "artifacts"

    def run(self, jobs: Mapping[str, Any]) -> Iterator[str]:
        """Yield what each job says in its summary; those that others need must stand before them."""
        done: set[str] = set()
        for name, job in jobs.items():
            assert {job["needs"]} <= done if "needs" in job else True
            for number, matrix in enumerate(self._matrices(job)):
                yield self._do(f"{name}{number}", job["steps"], matrix)
            done.add(name)

    def _matrices(self, job: Mapping[str, Any]) -> list[dict[str, str]]:
        matrix = job.get("strategy", {}).get("matrix", {"": [""]})
        ((key, values),) = matrix.items()
        return [{key: str(value)} for value in values]

    def _do(self, name: str, steps: Any, matrix: Mapping[str, str]) -> str:
        folder, summary = self._root / "jobs" / name, self._root / f"{name}.summary"
        folder.mkdir(parents=True)
        summary.touch()

        def fill(text: str) -> str:
            return re.sub(r"\$\{\{ matrix\.(\w+) \}\}", lambda found: matrix[found[1]], text)

        for step in steps:
            given = {
                key: fill(value) if isinstance(value, str) else value for key, value in step.get("with", {}).items()
            }
            uses = step.get("uses", "").partition("@")[0]
            if uses == "actions/upload-artifact":
                self._upload(folder, **given)
            elif uses == "actions/download-artifact":
                self._download(folder, **given)
            elif step["run"] != "pip install abawbench":
                self._shell(fill(step["run"]), folder, GITHUB_STEP_SUMMARY=str(summary))
        return summary.read_text()

    def _upload(self, folder: Path, **given: Any) -> None:
        source, target = folder / given["path"], self._artifacts / given["name"]
        hidden = None if given.get("include-hidden-files") else shutil.ignore_patterns(".*")
        if source.is_dir():
            shutil.copytree(source, target, ignore=hidden)
        else:
            target.mkdir(parents=True)
            shutil.copy(source, target)

    def _download(self, folder: Path, **given: Any) -> None:
        for found in sorted(self._artifacts.glob(given.get("name") or given["pattern"])):
            assert "name" in given or given["merge-multiple"]
            shutil.copytree(found, folder / given.get("path", "."), dirs_exist_ok=True)


@pytest.mark.parametrize("engine", ["Slurm", "Ray"])
def test_the_options_of_an_engine_are_there(engine: str) -> None:
    words = blocks("sh")[engine].replace("\\\n", " ").split()
    at = words.index("abawbench")
    run = group.get_command(None, words[at + 1])  # type: ignore[arg-type]
    assert run is not None
    assert run.make_context("run", words[at + 2 :]).params["engine"] == engine.lower()
