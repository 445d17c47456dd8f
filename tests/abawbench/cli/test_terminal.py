"""What a terminal or its reader cannot take never becomes a status that means something else."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from abawbench import cli
from abawbench.contracts.errors import AbawbenchError, UsageError
from abawbench.plugins import default_plugins
from abawbench.system import cache


def run(*args: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "abawbench", *args]
    return subprocess.run(command, capture_output=True, env=os.environ | environment, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp1252"])
def test_what_an_encoding_lacks_is_spelt_out(encoding: str, tmp_path: Path) -> None:
    missing = run("compare", "nothing-–-here", "x", PYTHONIOENCODING=encoding)
    assert missing.returncode == 3
    assert b"nothing-" in missing.stderr
    assert b"Traceback" not in missing.stderr


@pytest.mark.slow
def test_a_reader_that_leaves_ends_the_command_as_the_signal_would() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "abawbench", "list"], stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_an_end_of_file_from_a_helper_is_not_called_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(*args: object) -> None:
        raise EOFError

    monkeypatch.setattr("click.Group.invoke", ended)
    with pytest.raises(AbawbenchError, match="a helper process ended before it could begin"):
        cli.group.main(["list"], standalone_mode=False)


def test_without_a_home_the_cache_asks_for_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ABAWBENCH_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    with pytest.raises(UsageError, match="set ABAWBENCH_CACHE"):
        cache.cache_folder()


def test_a_user_that_is_in_no_list_gets_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    pwd = pytest.importorskip("pwd")

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    for name in ("LOGNAME", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("USER", "")  # restored afterwards
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    cache.name_user()
    assert os.environ["USER"] == f"uid-{os.getuid()}"


@pytest.mark.skipif(os.name == "nt", reason="a shell of Unix closes the streams")
@pytest.mark.parametrize("closed", [">&-", ">&- 2>&- <&-"])
def test_closed_streams_end_nothing(make_run: Callable[..., Path], tmp_path: Path, closed: str) -> None:
    make_run("runs/a")
    command = f'"{sys.executable}" -m abawbench report "{tmp_path}/runs" {closed}'
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_name_in_other_letters_or_with_commas_is_told() -> None:
    for wanted, hint in (("VA", "did you mean va?"), ("va,expr", "name one at a time: --task va --task expr")):
        with pytest.raises(UsageError, match=re.escape(hint)):
            default_plugins().get("task", wanted)
