"""What a stranger's module does while it is imported costs that plugin, and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BAD = {
    "leaves": ("import os; os._exit(0)", "it calls os._exit(0)"),
    "crashes": ("import ctypes; ctypes.string_at(0)", "its import ends the process with SIGSEGV"),
    "kills": ("import os; os.kill(os.getpid(), 15)", "its import ends the process with SIGTERM"),
    "hangs": (
        "import ctypes; ctypes.PyDLL(None).sleep(50)",
        "TimeoutError: not loaded after 2 s",
    ),
    "sleeps": ("import time; time.sleep(99)", "TimeoutError: not loaded after 2 s; import what takes long"),
    "swallows": (
        "import time\nfor _ in range(9):\n try: time.sleep(99)\n except Exception: pass",
        "TimeoutError: not loaded after 2 s",
    ),
    "presses": ("raise KeyboardInterrupt", "KeyboardInterrupt, which nobody pressed"),
    "skips": ("class Skip(BaseException): pass\nraise Skip('no torchfoo')", "Skip: no torchfoo"),
    "generates": ("raise GeneratorExit", "GeneratorExit"),
    "exits": ("import sys; sys.exit('no licence')", "SystemExit: no licence"),
}
ODD = {
    "moves": "import os; os.chdir('/')",
    "sets": "import os; os.environ.update(TMPDIR='/nonexistent', ABAWBENCH_CACHE='/stolen')",
    "closes": "import sys; sys.stdout.close(); sys.stderr.close()",
    "prints": "print('\\x1b[2Jhello')",
}
DECLARES = """
from abawbench.contracts import ModelDeclaration
from abawbench.hookspecs import hookimpl
@hookimpl
def abawbench_plugins():
    return [ModelDeclaration(name={name!r}, summary="", build="os:getcwd")]
"""
SCRIPT = """
import json, os
from importlib.metadata import EntryPoint
from abawbench import loading
from abawbench.plugins import Plugins
loading.LOAD_SECONDS = 2
points = [EntryPoint(name, name, "abawbench") for name in {names!r}]
plugins = Plugins(points)
kept = [os.getcwd(), os.environ.get("TMPDIR"), os.environ.get("ABAWBENCH_CACHE")]
print(json.dumps([[p.name for p in plugins.all("model")], {{f.entry_point: f.error for f in plugins.failures}}, kept]))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, str], list[str | None], Path]:
    """What a fresh process says of all of them at once."""
    folder = tmp_path_factory.mktemp("strangers")
    for name, (code, _) in BAD.items():
        (folder / f"{name}.py").write_text(code)
    for name, code in ODD.items():
        (folder / f"{name}.py").write_text(code + DECLARES.format(name=name))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(names=[*BAD, *ODD])],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name not in ("TMPDIR", "ABAWBENCH_CACHE")}
        | {"PYTHONPATH": str(folder)},
        check=True,
    )
    return (*json.loads(done.stdout), folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", BAD)
def test_what_would_end_the_program_is_told_of_its_plugin(said, name: str) -> None:
    assert said[1][name].startswith(BAD[name][1])


@pytest.mark.slow
def test_what_a_module_changes_around_it_is_put_back(said) -> None:
    names, failures, kept, folder = said
    assert names == sorted(ODD)
    assert set(failures) == set(BAD)
    assert kept == [str(folder), None, None]


@pytest.mark.slow
def test_a_plugin_that_presses_costs_nothing_in_the_background(tmp_path: Path) -> None:
    """A shell lets what it starts in the background ignore Ctrl-C."""
    (tmp_path / "presses.py").write_text("raise KeyboardInterrupt")
    script = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + SCRIPT.format(names=["presses"])
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[1] == {"presses": "KeyboardInterrupt, which nobody pressed"}
