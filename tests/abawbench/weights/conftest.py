"""Where weights are fetched in tests: an empty cache, consent, and no proxy on the way to this machine."""

from pathlib import Path

import pytest


@pytest.fixture
def consent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder to work in, an empty cache, and leave to ask other machines."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ABAWBENCH_NETWORK", "1")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
