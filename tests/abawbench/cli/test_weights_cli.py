"""``abawbench weights``: what is listed, fetched, compared and accepted, and what it ends with."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import local_hub
import pytest
from click.testing import CliRunner, Result
from local_hub import Hub

from abawbench import cli
from abawbench.contracts import UsageError

REPO = "timm/resnet50.a1_in1k"
MODEL, SOURCE = "resnet50-va", "imagenet"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ABAWBENCH_NETWORK", raising=False)
    monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    huggingface_hub.close_session()
    with local_hub.serve() as served:
        served.repository(REPO).commit({"model.safetensors": b"\x08first"})
        monkeypatch.setenv("HF_ENDPOINT", served.address)
        yield served
    huggingface_hub.close_session()


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli.group, ["weights", *arguments], standalone_mode=False, catch_exceptions=False)


def states(model: str) -> dict[str, str]:
    rows: list[dict[str, Any]] = json.loads(call("verify", model, "--json").stdout)
    return {row["weights"]: row["state"] for row in rows}


def test_the_size_is_that_of_all_files(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("abawbench.weights.lock.SHIPPED", tmp_path / "shipped.lock")  # ours knows the real commit
    files = {"model.safetensors": b"\x08five", "vocab.txt": b"abc"}
    hub.repository("google-bert/bert-base-uncased").commit(files)
    assert call("fetch", "avt-fusion", "bert-base", "--network", "-q").return_value == 0
    rows = json.loads(call("list", "avt-fusion", "--json").stdout)
    assert [(row["files"], row["bytes"]) for row in rows if row["weights"] == "bert-base"] == [(2, 8)]


def test_weights_are_fetched_compared_and_accepted_by_name(hub: Hub, tmp_path: Path) -> None:
    assert states(MODEL) == {SOURCE: "not here"}
    with pytest.raises(UsageError, match=f"run: abawbench weights fetch {MODEL} {SOURCE} --network"):
        call("fetch", MODEL, SOURCE)
    assert call("fetch", MODEL, SOURCE, "--network", "-q").return_value == 0
    assert states(MODEL) == {SOURCE: "ok"}
    (row,) = json.loads(call("list", MODEL, "--json").stdout)
    assert (row["origin"], row["licence"], row["bytes"]) == (f"hf:{REPO}", "Apache-2.0", 6)
    Path(row["path"]).resolve().write_bytes(b"other!")
    assert states(MODEL) == {SOURCE: "changed"}
    assert call("verify", MODEL).return_value == 1
    hub.repository(REPO).commit({"model.safetensors": b"\x08second"})
    assert call("accept", MODEL, SOURCE, "--network", "-q").return_value == 0
    assert states(MODEL) == {SOURCE: "ok"}
    assert "second" in Path(json.loads(call("list", MODEL, "--json").stdout)[0]["path"]).read_text()


def test_consent_may_lie_in_the_environment_or_the_project(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("abawbench.toml").write_text("network = true\n")
    assert call("fetch", MODEL, "-q").return_value == 0
    monkeypatch.setenv("ABAWBENCH_NETWORK", "0")
    hub.repositories.clear()
    assert call("fetch", MODEL, "-q").return_value == 0, "it is here already"


def test_unknown_names_and_files_of_ones_own_are_said(hub: Hub) -> None:
    with pytest.raises(UsageError, match="it knows imagenet"):
        call("fetch", MODEL, "imagenot")
    with pytest.raises(UsageError, match="come from a file of yours only"):
        call("fetch", "ddamfn")
    assert "hf:timm/mobilenetv4_conv_small" in call("list").stdout
    assert f"hf:{REPO}" in call("list", "timm:resnet50").stdout
    assert not hub.asked
