"""What the benchmarks share. Each group holds ``ours`` and ``plain``: a reference in the same run, so ratios travel.

Sizes are a fiftieth of the official ones by default, so that some run along as tests; ``ABAWBENCH_FULL=1`` takes all.
"""

import os
from typing import Any

import pytest

from abawbench.contracts import Track
from abawbench.plugins import Plugins

FULL = os.environ.get("ABAWBENCH_FULL", "0") not in ("", "0")


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    for name in ("node", "release"):  # a saved history says how fast, not whose
        machine_info.pop(name, None)


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether the official size is run, and its limits hold."""
    return FULL


@pytest.fixture(scope="session")
def share(full: bool) -> float:
    """Share of the official number of rows."""
    return 1.0 if full else 0.02


@pytest.fixture(scope="session")
def plugins() -> Plugins:
    return Plugins()


@pytest.fixture(scope="session")
def database(plugins: Plugins, tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ABAWBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield plugins.get("database", "synthetic").build(preset="tiny", seed=0, progress=lambda *args: None)


@pytest.fixture(scope="session")
def tracks(database: Any) -> list[Track]:
    return [one.track for one in database.tracks("expr", "train")]
