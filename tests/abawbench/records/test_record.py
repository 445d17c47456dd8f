"""The record says what happened, in JSON that anybody can read."""

import json
import math
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from abawbench.contracts.model import Weights
from abawbench.records import schema
from abawbench.records.record import MAX_PROBLEMS, Counts, Record, Score, WeightsRecord, all_synthetic

Make = Callable[..., Record]


def test_a_record_survives_its_json(make_record: Make) -> None:
    record = make_record()
    assert Record.from_json(record.to_json()) == record


def test_the_published_schema_is_the_schema_of_this_version() -> None:
    stale = "stale; run: python -m abawbench.records.schema"
    assert schema.FILE.read_text(encoding="utf-8") == schema.text(), stale


def test_the_schema_names_every_field_and_refuses_others() -> None:
    published = json.loads(schema.text())
    assert set(published["required"]) == set(Record.model_fields)
    assert published["additionalProperties"] is False


@pytest.mark.parametrize("missing", [math.nan, math.inf, -math.inf, np.float32("nan"), None])
def test_a_value_that_does_not_exist_is_null_with_a_reason(missing: float | None) -> None:
    score = Score(metric="concordance", value=missing)
    assert score.value is None
    assert score.reason


def test_a_given_reason_is_kept_and_a_value_needs_none() -> None:
    assert Score(metric="m", value=None, reason="no annotated frame").reason == "no annotated frame"
    assert Score(metric="m", value=0.0).reason is None


@given(st.floats(allow_nan=True, allow_infinity=True), st.floats(allow_nan=True, allow_infinity=True))
def test_json_never_holds_nan(value: float, setting: float) -> None:
    moment = datetime.fromisoformat("2026-01-02T03:04:05+00:00")
    record = Record(
        abawbench="0",
        job="0" * 64,
        started=moment,
        finished=moment,
        model="m",
        task="t",
        edition=8,
        level="track",
        database={"name": "d", "synthetic": True, "fingerprint": "f", "split": "val"},
        seed=0,
        settings={"deep": [{"value": setting}]},
        score={"metric": "m", "value": value},
    )

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads(record.to_json(), parse_constant=refuse)
    assert Record.from_json(record.to_json()) == record


def test_numpy_numbers_become_plain_ones(make_record: Make) -> None:
    record = make_record(settings={"lr": np.float64(0.5), "shape": (np.int64(2), 3)}, seed=int(np.int64(4)))
    assert json.loads(record.to_json())["settings"] == {"lr": 0.5, "shape": [2, 3]}
    assert Counts(tracks=np.int64(3), frames=np.int32(4), annotated_frames=4).tracks == 3


def test_no_path_of_this_machine_enters_the_record(make_record: Make) -> None:
    weights = WeightsRecord.of(Weights(source="affectnet=/home/me/w.pth", path="/home/me/w.pth", sha256="ab"))
    assert weights.source == "affectnet=w.pth"
    assert weights.file == "w.pth"
    assert "/home" not in make_record(weights=weights, settings={"cache": Path("/home/me/cache")}).to_json()
    with pytest.raises(ValidationError):
        WeightsRecord(source="imagenet", file="/home/me/w.pth")


def test_problems_are_capped_and_all_counted() -> None:
    counts = Counts(tracks=1, frames=1, annotated_frames=1, problems=[f"problem {i}" for i in range(60)])
    assert counts.problems == tuple(f"problem {i}" for i in range(MAX_PROBLEMS))
    assert counts.problems_total == 60
    assert Counts.model_validate_json(counts.model_dump_json()) == counts


def test_an_ok_run_has_a_score_and_another_says_why_not(make_record: Make) -> None:
    with pytest.raises(ValidationError, match="has a score"):
        make_record(score=None)
    with pytest.raises(ValidationError, match="says why"):
        make_record(status="failed", score=None)
    assert make_record(status="failed", score=None, reason="out of memory").score is None


def test_a_record_cannot_be_changed_or_extended(make_record: Make) -> None:
    record = make_record()
    with pytest.raises(ValidationError):
        record.task = "au"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        make_record(surprise=1)


def test_a_moment_without_a_time_zone_is_refused(make_record: Make) -> None:
    with pytest.raises(ValidationError):
        make_record(started=datetime(2026, 1, 2))


def test_a_value_that_is_no_achievement_is_marked(make_record: Make) -> None:
    assert make_record(source="none").marks == ("weights=none",)
    assert make_record(settings={"control": "shuffled-labels"}).marks == ("control=shuffled-labels",)
    seen = WeightsRecord(source="face-net", against_the_rules=("aff-wild2 au", "aff-wild2 expr"))
    assert make_record(weights=seen).marks == ("trained on aff-wild2 au", "trained on aff-wild2 expr")
    assert make_record(source="synthetic").marks == ()
    assert make_record(weights=None).marks == ()


def test_synthetic_and_real_records_are_told_apart_and_never_mixed(make_record: Make) -> None:
    real, synthetic = make_record(), make_record(synthetic=True)
    assert all_synthetic([synthetic, synthetic])
    assert not all_synthetic([real])
    assert not all_synthetic([])
    with pytest.raises(ValueError, match="never share a table"):
        all_synthetic([real, synthetic])


def test_a_run_that_failed_before_its_data_was_known_mixes_with_either(make_record: Make) -> None:
    failed = make_record(status="failed", score=None, reason="x")
    assert all_synthetic([failed, make_record(synthetic=True)])
    assert not all_synthetic([failed, make_record()])
