"""Every form of prediction file: what is read, what is refused and where."""

from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from counted_tracks import Frames, task
from hypothesis import given, settings
from hypothesis import strategies as st

from abawbench.contracts import (
    AbawbenchError,
    DataError,
    Decided,
    PluginError,
    Template,
    UsageError,
)
from abawbench.harness.score.prediction_files import FilePredictions, read_prediction_file, submission_of
from abawbench_plugins.tasks import submissions

VIDEOS = [Frames("3-30-640x360", 3), Frames("28-30-1280x720-2_left", 2)]
CLIPS = [Frames("00007", 9), Frames("12660", 9)]
ANSWERS = [Frames("7/Visite 1/a b_Video.mp4", 2, "frame-{}.jpg", 0), Frames("8/Visite_1/c.mp4", 1, "frame-{}.jpg", 4)]
TRACKS = {
    "va": VIDEOS,
    "expr": VIDEOS,
    "au": VIDEOS,
    "ce": VIDEOS,
    "emi": CLIPS,
    "ah": ANSWERS,
    "mtl": VIDEOS,
    "vd": VIDEOS,
}
EXPR = "image_location,Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other"
EMI = "Filename,Admiration,Amusement,Determination,Empathic Pain,Excitement,Joy"
UNITS = "AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26"


def read(path: Path, name: str, content: str | bytes | None = None) -> FilePredictions:
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_prediction_file(path, task(name), TRACKS[name])


def decisions(found: FilePredictions) -> list[list]:
    return [track.decisions.tolist() for track in found.tracks]


def parquet(path: Path, **columns: list) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_the_official_file_of_va_is_read_in_any_order_of_rows(tmp_path: Path) -> None:
    text = (
        "\ufeffimage_location,valence,arousal\r\n28-30-1280x720-2_left/00002.jpg,0.1,-1\r\n"
        "3-30-640x360/00003.jpg,3e-1,-.5\r\n3-30-640x360/00001.jpg,1, -5e-05\r\n\r\n"
    )
    found = read(tmp_path / "va.txt", "va", text)
    assert [mask.tolist() for mask in found.given] == [[True, False, True], [False, True]]
    assert found.tracks[0].decisions[[0, 2]].tolist() == [[1, -5e-05], [0.3, -0.5]]
    assert found.tracks[1].decisions[1].tolist() == [0.1, -1]


def test_a_class_is_one_number_under_a_header_of_eight_names(tmp_path: Path) -> None:
    found = read(tmp_path / "e.txt", "expr", f"{EXPR}\n3-30-640x360/00001.jpg,7\n3-30-640x360/00002.jpg,3.0\n")
    assert found.tracks[0].decisions.tolist()[:2] == [7, 3]
    assert found.decided


def test_action_units_are_twelve_zeros_and_ones(tmp_path: Path) -> None:
    row = "1,0,1,1,1,0,0,1,0,0,0,1"
    found = read(tmp_path / "a.txt", "au", f"image_location,{UNITS}\n3-30-640x360/00002.jpg,{row}\n")
    assert found.tracks[0].decisions[1].tolist() == [1, 0, 1, 1, 1, 0, 0, 1, 0, 0, 0, 1]


@pytest.mark.parametrize("name", ["00007", "7", "00007.mp4", '"00007"'])
def test_ids_of_clips_are_text_with_or_without_their_zeros(name: str, tmp_path: Path) -> None:
    found = read(tmp_path / "emi.csv", "emi", f"{EMI}\n12660,0,0,0,0,0,1\n{name},0,.1,.2,.3,.4,.5\n")
    assert found.tracks[0].decisions.tolist() == [[0, 0.1, 0.2, 0.3, 0.4, 0.5]]


def test_bah_has_no_header_paths_with_spaces_and_frames_from_0(tmp_path: Path) -> None:
    text = (
        "7/Visite 1/a b_Video.mp4/frame-0.jpg,1\n7/Visite 1/a b_Video.mp4/frame-1.jpg,0\n8/Visite_1/c.mp4/frame-4.jpg,1"
    )
    assert decisions(read(tmp_path / "trial-1.txt", "ah", text)) == [[1, 0], [1]]


@pytest.mark.parametrize(
    ("text", "scores"),
    [("Videos/1/Visite_1/a.mp4,1\nVideos/2/Visite 1/b.mp4,0\n", None),
     ("Videos/1/Visite_1/a.mp4,0.7,0.3,1\nVideos/2/Visite 1/b.mp4,1.0000,0.0000,0\n", [[0.7, 0.3], [1, 0]])],
)  # fmt: skip
def test_videos_of_bah_have_a_label_and_perhaps_probabilities(
    text: str, scores: list[list[float]] | None, tmp_path: Path
) -> None:
    video = task("ah-video")
    file = tmp_path / "trial-1.txt"
    file.write_text(text)
    videos = [Frames("Videos/1/Visite_1/a.mp4", 5), Frames("Videos/2/Visite 1/b.mp4", 5)]
    found = read_prediction_file(file, video, videos)
    assert decisions(found) == [[1], [0]]
    assert [t.scores if t.scores is None else t.scores.tolist() for t in found.tracks] == (
        [[s] for s in scores] if scores else [None, None]
    )
    file.write_text("Videos/1/Visite_1/a.mp4,0.7,0.3001,1\n")
    with pytest.raises(DataError, match=r"trial-1.txt:1: p0 0.7 and p1 0.3001 must"):
        read_prediction_file(file, video, videos)
    form = submission_of(video)
    assert form is not None
    written = list(form.encode(found.tracks[0]))
    assert written == (["0.7000,0.3000,1"] if scores else ["1"])


def test_multitask_rows_hold_valence_arousal_an_expression_and_twelve_units(tmp_path: Path) -> None:
    head, units = "image,valence,arousal,expression,aus\n", ",1,0,1,1,1,0,0,1,0,0,0,1"
    found = read(tmp_path / "m.txt", "mtl", f"{head}3-30-640x360/00002.jpg,-.5,.25,7{units}\n")
    assert found.tracks[0].decisions[1].tolist() == [-0.5, 0.25, 7, 1, 0, 1, 1, 1, 0, 0, 1, 0, 0, 0, 1]
    form = submission_of(task("mtl"))
    assert form is not None
    assert list(form.encode(found.tracks[0]))[1] == f"-0.5,0.25,7{units}"
    with pytest.raises(DataError, match=r":2: 8 is not allowed: each value is a whole number from 0 to 7"):
        read(tmp_path / "m.txt", "mtl", f"{head}3-30-640x360/00002.jpg,-.5,.25,8{units}\n")
    (tmp_path / "MTL.txt").write_text(f"{head}3-30-640x360/00002.jpg,\n3-30-640x360/00001.jpg,\n")
    assert form.template(tmp_path / "MTL.txt").names == ["3-30-640x360/00002.jpg", "3-30-640x360/00001.jpg"]


def test_every_pair_of_probabilities_that_is_written_sums_to_exactly_1() -> None:
    form = submissions.bah_videos(task("ah"))
    present = np.arange(10001) / 10000 + 3e-5
    rows = form.encode(Decided(np.zeros(10001, dtype=int), np.stack([1 - present, present], axis=1)))
    assert all(float(row.split(",")[0]) + float(row.split(",")[1]) == 1.0 for row in rows)


def test_a_folder_holds_one_file_per_track_whose_line_i_is_frame_i(tmp_path: Path) -> None:
    (tmp_path / "3-30-640x360.txt").write_text("valence,arousal\n0.1,0.2\n0.3,0.4\n")
    (tmp_path / "28-30-1280x720-2_left.txt").write_text("valence,arousal\n1,1\n-1,-1\n")
    found = read(tmp_path, "va")
    assert found.given[0].tolist() == [True, True, False]
    assert decisions(found)[1] == [[1, 1], [-1, -1]]


def test_a_csv_holds_scores_or_decisions_by_the_names_of_its_columns(tmp_path: Path) -> None:
    scores = ",".join(f"score_{name}" for name in task("expr").outputs)
    some = read(tmp_path / "s.csv", "expr", f"frame,track,{scores},note\n2,3-30-640x360,0,0,.6,.4,0,0,0,0,hello\n")
    assert some.tracks[0].decisions[2] == 2
    assert not some.decided
    chosen = read(tmp_path / "c.csv", "expr", "track,frame,class\n3-30-640x360,0,5\n")
    assert chosen.tracks[0].decisions[0] == 5
    units = read(tmp_path / "u.csv", "au", f"track,frame,{UNITS}\n3-30-640x360,0{',1' * 12}\n")
    assert units.tracks[0].decisions[0].tolist() == [1] * 12
    clips = read(tmp_path / "e.csv", "emi", f"track,{EMI.partition(',')[2]}\n00007,0,0,0,0,0,1\n")
    assert clips.given[0].tolist() == [True]


def test_a_csv_of_scores_names_its_columns_in_any_order(tmp_path: Path) -> None:
    found = read(tmp_path / "v.csv", "va", "track,arousal,frame,valence\n3-30-640x360,0.5,1,-0.25\n")
    assert found.tracks[0].decisions[1].tolist() == [-0.25, 0.5]


def test_scores_in_parquet_are_decided_in_their_own_precision(tmp_path: Path) -> None:
    au = task("au")
    for kind in (np.float32, np.float64):
        columns = {
            f"score_{name}": np.array([0.5, np.nextafter(kind(0.5), kind(0))], dtype=kind) for name in au.outputs
        }
        file = parquet(tmp_path / "p.parquet", track=["3-30-640x360"] * 2, frame=[2, 0], **columns)
        assert read(file, "au").tracks[0].decisions[:, 0].tolist() == [0, 0, 1]


VA = "image_location,valence,arousal\n"
ONE = "3-30-640x360/00001.jpg,0,0\n"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("va", "", ":1: expected the header image_location,valence,arousal"),
        ("va", ONE, ":1: expected the header"),
        ("va", "image_location,arousal,valence\n" + ONE, ":1: .* another order"),
        ("va", VA, ":2: no predictions here"),
        ("va", VA + ONE + ONE, ":3: 3-30-640x360/00001.jpg is predicted a second time, first at .*:2"),
        ("va", VA + "3-30-640x36/00001.jpg,0,0\n", ":2: the split has no track .* mean '3-30-640x360'"),
        ("va", VA + "3-30-640x360/00004.jpg,0,0\n", ":2: track '3-30-640x360' has no frame '00004.jpg'"),
        ("va", VA + "3-30-640x360/1.jpg,0,0\n", ":2: track '3-30-640x360' has no frame '1.jpg'"),
        ("va", VA + ONE + "3-30-640x360/00002.jpg,nan,0\n", ":3: 'nan,0' is not made of finite numbers"),
        ("va", VA + ONE + "3-30-640x360/00002.jpg,0,1e999\n", ":3: .* finite"),
        ("va", VA + ONE + "3-30-640x360/00002.jpg,,0\n", ":3: .* finite"),
        ("va", VA + ONE + "3-30-640x360/00002.jpg,1_0,0\n", ":3: .* finite"),
        ("va", VA + ONE + "3-30-640x360/00002.jpg,0\n", ":3: expected 2 value"),
        ("va", VA + ONE + "3-30-640x360/00002.jpg,0,0,0\n", r":3: expected 2 value\(s\) after the name, found 3"),
        ("va", VA + ONE + "\n" + ONE, ":3: expected 2 value"),
        ("expr", f"{EXPR}\n3-30-640x360/00001.jpg,8\n", ":2: 8 is not allowed: each value is a whole number from 0"),
        ("expr", f"{EXPR}\n3-30-640x360/00001.jpg,-1\n", ":2: -1 is not allowed"),
        ("expr", f"{EXPR}\n3-30-640x360/00001.jpg,0.5\n", ":2: 0.5 is not allowed"),
        ("expr", f"{EXPR}\n3-30-640x360/00001.jpg,.1,.1,.1,.1,.1,.1,.1,.3\n", r":2: expected 1 value\(s\).* found 8"),
        ("au", f"image_location,{UNITS}\n3-30-640x360/00001.jpg{',0' * 11},2\n", ":2: .* from 0 to 1"),
        ("au", f"image_location,{UNITS}\n3-30-640x360/00001.jpg{',0' * 11}\n", ":2: expected 12"),
        ("emi", f"{EMI}\n00007,0,0,0,0,0,0\n7,0,0,0,0,0,0\n", ":3: 00007 is predicted a second time"),
        ("emi", f"{EMI}\n00008,0,0,0,0,0,0\n", ":2: the split has no track '00008'"),
        ("emi", f"{EMI.replace('Empathic Pain', 'Empathic-Pain')}\n", ":1: expected the header"),
        ("ah", "image,label\n", ":1: "),
        ("ah", "8/Visite_1/c.mp4/frame-0.jpg,1\n", ":1: track '8/Visite_1/c.mp4' has no frame 'frame-0.jpg'"),
        ("va", "track,frame,valence\n", ":1: expected the columns track,frame,score_valence"),
        ("va", "track,frame,valence,arousal,valence\n", ":1: expected the columns .* each once"),
        ("va", "track,frame,valence,arousal\n3-30-640x360,3,0,0\n", ":2: .* has no frame 3: it has 3, counted from 0"),
        ("va", "track,frame,valence,arousal\n3-30-640x360,-1,0,0\n", ":2: '-1' is no frame number"),
        ("va", "track,frame,valence,arousal\n3-30-640x360,0,0\n", ":2: expected 4 columns, found 3"),
        ("va", "track,frame,valence,arousal\nnobody,0,0,0\n", ":2: the split has no track 'nobody'"),
        ("va", "track,frame,valence,arousal\n", ":2: no predictions here"),
        ("expr", "track,frame,class\n3-30-640x360,0,9\n", ":2: 9 is not allowed"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_file_and_line(name: str, text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message) as raised:
        read(tmp_path / "file.txt", name, text)
    assert str(raised.value).startswith(str(tmp_path / "file.txt"))


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("3-30-640x360.txt", "valence,arousal\n0,0\n0,0\n0,0\n0,0\n", "3-30-640x360.txt:5: .* has no frame 3"),
        ("3-30-640x360.txt", "arousal,valence\n0,0\n", "3-30-640x360.txt:1: .* another order"),
        ("3-30-640x360.txt", "valence,arousal\n0,0\n0\n", r"3-30-640x360.txt:3: expected 2 value\(s\), found 1"),
        ("3-30-640x360.txt", "valence,arousal\n0,0\n\n0,0\n", "3-30-640x360.txt:3: expected 2"),
        ("3-30-640x360.txt", "valence,arousal\n", "3-30-640x360.txt:2: no predictions here"),
        ("other.txt", "valence,arousal\n0,0\n", "other.txt:2: the split has no track 'other'"),
    ],
)
def test_a_wrong_file_of_a_track_is_refused_with_its_line(file: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text(text)
    with pytest.raises(DataError, match=message):
        read(tmp_path, "va")


def test_wrong_parquet_is_refused_with_its_row(tmp_path: Path) -> None:
    track, scores = ["3-30-640x360"] * 2, {"score_valence": [0.0, 1.0], "score_arousal": [0.0, 1.0]}
    wrong = {
        "row 2: 3-30-640x360/00001.jpg is predicted a second time, first at .* row 1": {"frame": [0, 0]},
        "row 2: .* has no frame 9": {"frame": [0, 9]},
        "row 1: the split has no track 'x'": {"track": ["x", "x"], "frame": [0, 1]},
        "row 2: a score .* is NaN, infinite or absent": {"frame": [0, 1], "score_arousal": [0.0, None]},
        "frame a whole number": {"frame": ["a", "b"]},
        "no column score_valence": {"frame": [0, 1], "score_valence": None},
    }
    for message, change in wrong.items():
        columns = {key: value for key, value in {"track": track, **scores, **change}.items() if value is not None}
        with pytest.raises(DataError, match=message):
            read(parquet(tmp_path / "p.parquet", **columns), "va")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        read(tmp_path / "p.parquet", "va", b"PAR1 and nothing more")


def test_a_task_without_an_official_file_is_told_what_else_there_is(tmp_path: Path) -> None:
    from dataclasses import replace

    (tmp_path / "f.txt").write_text("x,1\n")
    with pytest.raises(UsageError, match="give Parquet or CSV"):
        read_prediction_file(tmp_path / "f.txt", replace(task("va"), submission=None), VIDEOS)
    for wrong in ("no.such.module:form", "abawbench_plugins.tasks.submissions:nothing", "builtins:repr"):
        with pytest.raises(PluginError, match="task 'va'"):
            read_prediction_file(tmp_path / "f.txt", replace(task("va"), submission=wrong), VIDEOS)


def test_an_absent_file_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path / "no.txt", "va")
    with pytest.raises(UsageError, match="expected a run folder"):
        read(tmp_path, "va")


HEADERS = [EXPR, EMI, VA.strip(), f"image_location,{UNITS}", "track,frame,valence,arousal", "valence,arousal"]
WORDS = st.sampled_from([
    "3-30-640x360", "28-30-1280x720-2_left", "00007", "/", "00001.jpg", "00009.jpg", "frame-0.jpg", ",", "\n", "\n",
    "0", "1", "7", "-1", "0.5", "nan", "inf", "1e999", "-5", "\u0661", "track", "frame", "class", "valence", "score_",
    "\r", "\x00", "\x0b", "\u2028", '"', " ", ONE, *HEADERS,
])  # fmt: skip
BODIES = st.lists(WORDS, max_size=40).map(lambda words: "".join(words).encode())
FILES = st.one_of(
    BODIES,
    st.binary(max_size=200),
    st.tuples(st.sampled_from(HEADERS), BODIES).map(lambda f: f[0].encode() + b"\n" + f[1]),
)


def in_a_zip(table: bytes) -> bytes:
    content = BytesIO()
    with ZipFile(content, "w") as target:
        target.writestr("3-30-640x360.csv", b"Frame_Number,Label\n" + table)
    return content.getvalue()


def damaged(whole: bytes) -> st.SearchStrategy[bytes]:
    places = st.tuples(st.integers(0, len(whole) - 1), st.binary(max_size=4))
    return st.just(whole) | places.map(lambda change: whole[: change[0]] + change[1] + whole[change[0] + 1 :])


ARCHIVES = BODIES.map(in_a_zip).flatmap(damaged)


@pytest.mark.slow
@settings(max_examples=300)
@given(
    name=st.sampled_from(list(TRACKS)),
    content=st.one_of(FILES, ARCHIVES),
    form=st.sampled_from(["f.txt", "f.csv", "f.parquet", "folder"]),
)
def test_whatever_stands_in_a_file_only_documented_errors_come_out(
    name: str, content: bytes, form: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz" / form
    target = path / "3-30-640x360.txt" if form == "folder" else path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    try:
        found = read(path, name)
    except AbawbenchError as error:
        assert str(path) in str(error)  # noqa: PT017
        return
    for track, predicted, mask in zip(TRACKS[name], found.tracks, found.given, strict=True):
        assert len(predicted.decisions) == len(mask) == (1 if task(name).level == "track" else track.n_frames)
        assert np.isfinite(predicted.decisions).all()
        if task(name).kind == "multiclass":
            assert set(predicted.decisions.tolist()) <= set(range(len(task(name).outputs)))


@pytest.mark.slow
@settings(max_examples=150)
@given(data=st.data(), name=st.sampled_from(["va", "expr", "au", "emi", "ah"]))
def test_what_is_written_reads_back_the_same(
    data: st.DataObject, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    chosen, form = task(name), submission_of(task(name))
    assert form is not None
    names = [frame for track in TRACKS[name] for frame in form.names(track)]
    order = data.draw(st.permutations(names))
    cell = st.floats(-1, 1) if chosen.kind == "regression" else st.integers(0, 1)
    width = 1 if chosen.kind == "multiclass" else len(chosen.outputs)
    cells = data.draw(
        st.lists(st.lists(cell, min_size=width, max_size=width), min_size=len(names), max_size=len(names))
    )
    values = np.array(cells)
    path = tmp_path_factory.getbasetemp() / "written.txt"
    predicted = Decided(values[:, 0] if chosen.kind == "multiclass" else values)
    form.write(path, Template(order, ",".join(form.header) if form.header else None), predicted)
    sheet = form.read(path)
    assert list(sheet.names) == order
    assert np.array_equal(sheet.predicted.decisions, predicted.decisions)
    assert form.template(path).names == order
