"""Every first-party plugin keeps its contract, by the very checks that strangers run."""

from pathlib import Path

import pytest

from abawbench.plugins import FIRST_PARTY, KINDS, Plugin, Plugins
from abawbench.testing import Check, checks
from abawbench.testing.checks import Subject
from abawbench_plugins.databases.synthetic.database import OWNERS, Synthetic, open_database

pytestmark = pytest.mark.slow

PLUGINS = Plugins(third_party=False)
CASES = [
    pytest.param(plugin, check, id=f"{plugin.kind}-{plugin.name}-{check.name}")
    for kind in KINDS
    for plugin in PLUGINS.names(kind).values()
    if plugin.distribution == FIRST_PARTY and not plugin.declaration.missing
    for check in checks(kind)
]


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Synthetic:
    """Every official layout, drawn once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ABAWBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        database = open_database(preset="tiny")
        for label in OWNERS:
            database.splits(label)
        return database


@pytest.fixture
def roots(synthetic: Synthetic, plugin: Plugin) -> tuple[Path, ...]:
    found = [path for path in synthetic.folder.parent.glob(f"*/{plugin.name}") if path.is_dir()]
    return tuple(found[:1]) if plugin.kind == "database" and plugin.name in OWNERS.values() else ()


@pytest.mark.parametrize(("plugin", "check"), CASES)
def test_it_keeps_its_contract(
    plugin: Plugin, check: Check, synthetic: Synthetic, roots: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABAWBENCH_CACHE", str(synthetic.folder.parent.parent))
    check.on(Subject(plugin, PLUGINS, roots))
