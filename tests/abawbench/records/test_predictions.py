"""Predictions come back as they were written."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from abawbench.contracts.errors import DataError
from abawbench.records.predictions import Predictions, read_predictions, write_predictions

VA = Predictions(
    outputs=("valence", "arousal"),
    scores={
        "9-15-1920x1080": np.array([[0.1, -0.2], [0.3, 0.4]], np.float32),
        "135-24-1920x1080_left": np.array([[-1.0, 1.0]], np.float32),
    },
    frame_names={"9-15-1920x1080": ["a/00001.jpg", "a/00002.jpg"], "135-24-1920x1080_left": ["b/00001.jpg"]},
)


def assert_same(left: Predictions, right: Predictions) -> None:
    assert left.outputs == right.outputs
    assert list(left.scores) == list(right.scores)
    assert left.frame_names == right.frame_names
    for track, scores in left.scores.items():
        np.testing.assert_array_equal(scores, right.scores[track])


def test_predictions_come_back_with_their_order_and_names(tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.parquet", VA)
    assert_same(read_predictions(tmp_path / "p.parquet"), VA)


@pytest.mark.slow
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
        hnp.arrays(np.float32, st.tuples(st.integers(1, 5), st.just(3)), elements=st.floats(width=32)),
        max_size=4,
    )
)
def test_any_predictions_survive_the_file(
    tmp_path_factory: pytest.TempPathFactory, scores: dict[str, np.ndarray]
) -> None:
    path = tmp_path_factory.mktemp("predictions") / "p.parquet"
    predictions = Predictions(outputs=("a", "b", "c"), scores=scores)
    write_predictions(path, predictions)
    assert_same(read_predictions(path), predictions)


def test_the_same_predictions_give_the_same_bytes(tmp_path: Path) -> None:
    write_predictions(tmp_path / "first", VA)
    again = Predictions(VA.outputs, {track: scores.copy() for track, scores in VA.scores.items()}, VA.frame_names)
    write_predictions(tmp_path / "second", again)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_the_columns_are_the_published_ones(tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.parquet", VA)
    table = pq.read_table(tmp_path / "p.parquet")
    assert [(field.name, str(field.type)) for field in table.schema] == [
        ("track", "string"),
        ("frame", "int32"),
        ("frame_name", "string"),
        ("score_valence", "float"),
        ("score_arousal", "float"),
    ]
    assert table["frame"].to_pylist() == [0, 1, 0]


def test_rows_may_stand_in_any_order(tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.parquet", VA)
    table = pq.read_table(tmp_path / "p.parquet").take([1, 2, 0])
    pq.write_table(table, tmp_path / "shuffled.parquet")
    assert_same(read_predictions(tmp_path / "shuffled.parquet"), VA)


def test_outputs_come_in_the_order_asked_for(tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.parquet", VA)
    read = read_predictions(tmp_path / "p.parquet", ["arousal", "valence"])
    np.testing.assert_array_equal(read.scores["9-15-1920x1080"], VA.scores["9-15-1920x1080"][:, ::-1])


def rows(**columns: object) -> pa.Table:
    return pa.table({"track": ["a", "a"], "frame": [0, 1], "score_x": [0.1, 0.2]} | columns)


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        (rows(frame=[0, 2]), "frame 2 where 1 should follow"),
        (rows(frame=[0, 0]), "frame 0 where 1 should follow"),
        (rows(frame=[1, 2]), "frame 1 where 0 should follow"),
        (rows(frame=[0, None]), "column frame holds nulls"),
        (rows(frame=[0.0, 0.5]), "whole number"),
        (rows(track=["a", None]), "column track holds nulls"),
        (rows(score_x=["high", "low"]), "expected numbers"),
        (rows().drop_columns(["score_x"]), "no column score_x"),
        (rows().drop_columns(["track"]), "no column track"),
    ],
)
def test_a_file_that_cannot_be_scored_is_refused_by_name(tmp_path: Path, table: pa.Table, complaint: str) -> None:
    pq.write_table(table, tmp_path / "theirs.parquet")
    with pytest.raises(DataError, match=rf"theirs\.parquet: .*{complaint}"):
        read_predictions(tmp_path / "theirs.parquet", ["x"])


@pytest.mark.parametrize("content", [b"", b"PAR1 not really", b"track,frame,score_x\na,0,0.1\n"])
def test_a_file_that_is_not_parquet_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "theirs.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"theirs\.parquet"):
        read_predictions(tmp_path / "theirs.parquet")


def test_scores_of_another_shape_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected"):
        write_predictions(tmp_path / "p.parquet", Predictions(("a", "b"), {"t": np.zeros((4, 3), np.float32)}))
    assert not list(tmp_path.iterdir())
