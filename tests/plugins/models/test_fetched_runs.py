"""As a new user: a run fetches the weights it lacks, and the next one without a network gives the same bits."""

import json
import os
import subprocess
import sys
from pathlib import Path

import local_hub
import pytest
import tiny_encoders

pytestmark = pytest.mark.slow
NAME = "mobilenetv4_conv_small.e2400_r224_in1k"


def run(folder: Path, out: str, *more: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if "OFFLINE" not in name}
    environment |= {"ABAWBENCH_CACHE": str(folder / "cache"), "HF_HOME": str(folder / "home"), "ABAWBENCH_NETWORK": ""}
    arguments = ["run", "--model", "mnv4-tam", "--task", "expr", "--weights", "imagenet", "--preset", "tiny",
                 "--set", "size=32", "--set", "epochs=1", "--latency-seconds", "0", "--json", "--out", out]  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "abawbench", *arguments, *more],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def test_a_run_fetches_what_it_lacks_and_the_next_needs_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_encoders.write_timm(tmp_path / "hub", (NAME,))
    with local_hub.serve(local_hub.load(tmp_path / "hub")) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        (refused,) = json.loads(run(tmp_path, "none").stdout)
        assert refused["reason"].endswith("run: abawbench weights fetch mnv4-tam imagenet --network")
        (first,) = json.loads(run(tmp_path, "first", "--network").stdout)
        asked = len(hub.asked)
        (second,) = json.loads(run(tmp_path, "second").stdout)
        assert len(hub.asked) == asked
    assert (first["status"], second["status"]) == ("ok", "ok")
    assert first["weights"]["sha256"] == second["weights"]["sha256"]
    one, other = (next((tmp_path / out).rglob("predictions.parquet")).read_bytes() for out in ("first", "second"))
    assert one == other
