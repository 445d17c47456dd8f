"""``recipe=published`` from its command to its record, in small."""

from pathlib import Path

import pytest

import abawbench
from abawbench.api import Machine, Sources

pytestmark = pytest.mark.slow


def test_the_published_recipe_trains_to_a_record(tmp_path: Path) -> None:
    settings = {"recipe": "published", "size": 32, "batch": 4, "epochs": 4, "patience": 2, "holdout": 0.3}
    (record,) = abawbench.run(
        "mnv4-tam-1", "va", Sources(preset="tiny"), settings=settings, machine=Machine(latency_seconds=0), out=tmp_path
    )
    assert record.status == "ok", record.reason
    assert record.settings["augmentation"]["flip"] == 0.5
    assert record.settings["epoch_share"] == 0.5
    assert 2 <= len(record.training) <= 4
    assert all(one.held_out is not None for one in record.training)
    assert record.training[-1].loss < record.training[0].loss
