"""A plugin whose extra is not installed is listed, with the command that installs it."""

import importlib.util
import json

import pytest
from click.testing import CliRunner

from abawbench.cli.list import list_plugins
from abawbench.contracts import declarations

REAL = importlib.util.find_spec


@pytest.fixture
def without_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declarations, "find_spec", lambda name: None if name == "openvino" else REAL(name))


@pytest.mark.usefixtures("without_openvino")
def test_the_list_names_the_command_that_installs_what_is_missing() -> None:
    lines = CliRunner().invoke(list_plugins, ["runtimes"], standalone_mode=False).output.splitlines()
    told = {line.split()[1] for line in lines if "(not installed: pip install 'abawbench[openvino]')" in line}
    assert told == {"openvino", "openvino-bf16", "openvino-int8"}


@pytest.mark.usefixtures("without_openvino")
def test_json_names_the_missing_modules() -> None:
    found = json.loads(CliRunner().invoke(list_plugins, ["runtimes", "--json"], standalone_mode=False).output)
    missing = {plugin["name"]: plugin["missing"] for plugin in found["plugins"]}
    assert missing["openvino"] == ["openvino"]
    assert missing["eager"] == []
