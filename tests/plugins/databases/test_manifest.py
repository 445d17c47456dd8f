"""Your own data: what a manifest may say, and what each mistake is answered with."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abawbench.contracts import DataError, UsageError
from abawbench.harness.data.verify import Status, VerifyRequest, verify
from abawbench_plugins.databases._manifest import TASKS, label_columns
from abawbench_plugins.databases.manifest import ManifestDatabase, open_database

PAGE = Path(__file__).resolve().parents[3] / "docs" / "manifest.md"


def block(mark: str) -> str:
    """The fenced text of the page that stands under a mark."""
    found = re.search(rf"<!-- {re.escape(mark)} -->\n```\w+\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def png(grey: int, size: tuple[int, int] = (8, 8)) -> bytes:
    return cv2.imencode(".png", np.full((*size, 3), grey, dtype=np.uint8))[1].tobytes()


@pytest.fixture
def opened(disk) -> Callable[..., ManifestDatabase]:
    def call(text: str) -> ManifestDatabase:
        return open_database([disk.put("manifest.csv", text)])

    return call


def test_the_example_of_the_page_says_what_the_page_says(disk, opened) -> None:
    text = block("manifest.csv")
    for path in re.findall(r"faces/\S+?\.png", text):
        disk.put(path, png(100))
    database = opened(text)
    assert database.splits("expr") == database.splits("va") == ["train", "val"]
    assert list(database.splits("au")) == []
    anna, ben, other = database.tracks("expr", "train")
    assert (anna.track.id, anna.track.n_frames, anna.track.subject, anna.track.rate) == ("anna_1", 4, "anna", 30)
    assert ben.track.subject == other.track.subject == "ben"
    expression = anna.known
    assert expression.values[expression.mask].tolist() == [4, 4, 4]
    assert expression.mask.tolist() == [True, True, True, False]
    assert database.tracks("va", "train")[0].known.values[0].tolist() == [0.7, 0.4]
    assert anna.track.frame_mask().tolist() == [True, True, False, True]
    images, mask = anna.track.frames(np.array([2, 3]))
    assert images.shape == (2, 8, 8, 3)
    assert mask.tolist() == [False, True]
    assert images[:, 0, 0, 0].tolist() == [0, 100]
    assert ["are assumed" in problem.what for problem in database.problems.items] == [True]


def test_the_page_names_every_column_there_is() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for label, task in TASKS.items():
        assert all(f"`{column}`" in page for column in label_columns(label))
        if task.kind == "multiclass" and label == "expr":
            assert all(f"`{name}`" in page for name in task.outputs)


def test_a_parquet_file_says_the_same_as_the_csv_it_was_made_of(disk, opened) -> None:
    database = opened(block("manifest.csv"))
    table = pyarrow.csv.read_csv(database.path)
    pq.write_table(table, disk.root / "other.parquet")
    other = open_database([disk.root / "other.parquet"])
    assert other._manifest.ids == database._manifest.ids
    for label in ("expr", "va"):
        ours, theirs = database._labels[label], other._labels[label]
        assert (ours.values == theirs.values).all()
        assert (ours.mask == theirs.mask).all()
    assert other._manifest.images.equals(database._manifest.images)
    assert other.fingerprint() != database.fingerprint()


def test_the_root_is_the_file_or_its_folder(disk) -> None:
    file = disk.put("manifest.csv", "track\na\n")
    assert open_database([disk.root]).path == open_database([file]).path == file
    disk.put("manifest.parquet", b"")
    with pytest.raises(DataError, match=r"has both manifest\.csv and manifest\.parquet; give the file"):
        open_database([disk.root])
    with pytest.raises(DataError, match=r"has no manifest\.csv"):
        open_database([disk.put("empty/x", "").parent])
    with pytest.raises(DataError, match="reads one file, not 2"):
        open_database([file, file])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"manifest\.csv: has no row"),
        ("track,frame\n", r"manifest\.csv: has no row"),
        ("frame,image\n1,a.png\n", r"manifest\.csv:1: no column 'track'"),
        ("track,frame\na,1\n,2\n", r"manifest\.csv:3: 'track' is empty"),
        ("track,frame\na,1\na,1\n", r"manifest\.csv:3: frame 1 of this track stands twice"),
        ("track,frame\na,1\nb,7\na,3\n", r"manifest\.csv:4: frame 3 follows frame 1; list every frame"),
        ("track,frame\na,0\n", r"manifest\.csv:2: 'frame' must be a whole number from 1 or empty, not '0'"),
        ("track,frame\na,1.5\n", r"manifest\.csv:2: 'frame' must be a whole number"),
        ("track,frame\na,one\n", r"manifest\.csv:2: 'frame' must be a whole number from 1 or empty, not 'one'"),
        ("track,frame\na,\na,2\n", r"manifest\.csv:2: 'frame' is empty"),
        ("track,frame\na,1,5\n", r"manifest\.csv:2: expected 2 cells as in the header, found 3"),
        ('track,text\na,"two\nlines"\nb\n', r"manifest\.csv:4: expected 2 cells"),
        ('track,text,ah\na,"two\nlines",0\nb,x,3\n', r"manifest\.csv:4: 'ah' must be 0 to 1"),
        ("track,frame\na,1\n\na,2\n", r"manifest\.csv:3: "),
        ("track,track\na,b\n", r"manifest\.csv:1: column 'track' stands twice"),
        ("track,arrousal,valence\na,0,0\n", r"manifest\.csv:1: unknown column 'arrousal'; did you mean 'arousal'"),
        ("track,Image\na,0\n", r"did you mean 'image'"),
        ("track,valence\na,0\n", r"manifest\.csv:1: no column arousal; task va needs all of its columns"),
        ("track,valence,arousal\na,0,0\na,0,\n", r"manifest\.csv:3: 'arousal' is empty; give all of valence, arousal"),
        (
            "track,valence,arousal\na,0,0\na,0,-5\n",
            r"manifest\.csv:3: 'arousal' must be a number from -1 to 1 or empty",
        ),
        ("track,valence,arousal\na,nan,0\n", r"manifest\.csv:2: 'valence' must be a number from -1 to 1"),
        ("track,expression\na,8\n", r"manifest\.csv:2: 'expression' must be 0 to 7, one of Neutral"),
        ("track,expression\na,0\na,Hapiness\n", r"manifest\.csv:3: .*did you mean Happiness\?"),
        ("track,split\na,train\nb,validation\n", r"manifest\.csv:3: 'split' must be train, val or test"),
        ("track,split\na,train\nb,\n", r"manifest\.csv:3: the track has no 'split'"),
        ("track,split\na,train\na,val\n", r"manifest\.csv:3: 'split' differs from an earlier row of track 'a'"),
        ("track,rate\na,0\n", r"manifest\.csv:2: 'rate' must be a number of frames per second"),
        ("track,image\na,/x/1.png\n", r"manifest\.csv:2: 'image' must be a path relative to the manifest"),
        ("track,image,video\na,,v.mp4\na,1.png,\n", r"manifest\.csv:3: the track has a video and an image"),
        ("track,video,ah\na,v.mp4,1\n", r"manifest\.csv:2: 'ah' is a label of single frames"),
        ("track,text\na,\xff\n".encode("latin-1"), r"manifest\.csv:2: not UTF-8 text"),
        ('track,text\nb,x\na,"open\nc,d\n', r"manifest\.csv:3: not readable as CSV \(unexpected end"),
    ],
)
def test_a_mistake_is_named_with_its_line(disk, text: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_database([disk.put("manifest.csv", text)])


def test_a_mistake_in_parquet_is_named_with_its_row(disk) -> None:
    path = disk.put("manifest.parquet", b"")
    pq.write_table(pa.table({"track": ["a", "a"], "frame": [1, 2], "ah": [0.0, 2.0]}), path)
    with pytest.raises(DataError, match=r"manifest\.parquet, row 2: 'ah' must be 0 to 1"):
        open_database([path])
    pq.write_table(pa.table({"track": ["a"], "ah": [[1]]}), path)
    with pytest.raises(DataError, match="column 'ah' holds list"):
        open_database([path])
    path.write_bytes(b"PAR1 nothing")
    with pytest.raises(DataError, match=r"manifest\.parquet: not a readable Parquet file"):
        open_database([path])


def test_an_unknown_column_is_noted_and_ignored(opened) -> None:
    database = opened("track,ah,camera\na,1,left\n")
    assert [str(p) for p in database.problems.items] == [
        "manifest.csv:1: column 'camera' is not one abawbench knows; ignored"
    ]


def test_every_task_finds_its_labels(opened) -> None:
    columns = list(dict.fromkeys(column for label in TASKS for column in label_columns(label)))
    cells = {"expression": "Fear", "ce": "sadly angry", "ah": "present", "valence": "-1", "arousal": "1", "AU4": "1"}
    database = opened(f"track,{','.join(columns)}\na,{','.join(cells.get(name, '0') for name in columns)}\n")
    labels = {label: one.known for label in (*TASKS, "mtl") for one in database.tracks(label, "train")}
    values = {label: known.values.tolist() for label, known in labels.items()}
    assert values["va"] == [[-1, 1]]
    assert values["expr"] == [3]
    assert values["au"] == [[0, 0, 1, *[0] * 9]]
    assert values["ce"] == [6]
    assert values["ah"] == [1]
    assert values["emi"] == [[0] * 6]
    assert all(known.mask.all() for known in labels.values())
    assert values["vd"] == [0]
    assert values["ah-video"] == [0]
    assert values["mtl"] == [[-1, 1, 3, 0, 0, 1, *[0] * 9]]
    assert labels["mtl"].mask.tolist() == [[True] * 3]
    assert values["eri"] == [[0] * 7]


def test_the_parts_of_the_multitask_label_are_annotated_each_by_itself(opened) -> None:
    units = list(label_columns("au"))
    database = opened(
        f"track,valence,arousal,expression,{','.join(units)}\na,0,0,,{',' * 11}\na,,,2,{','.join('1' * 12)}\n"
    )
    (one,) = database.tracks("mtl", "train")
    assert one.known.mask.tolist() == [[True, False, False], [False, True, True]]
    assert opened("track,valence,arousal\na,0,0\n").splits("mtl") == ()


def test_a_class_of_the_track_stands_on_any_row(opened) -> None:
    (a,) = opened("track,ah-video\na,\na,present\nb,\n").tracks("ah-video", "train")
    assert (a.track.n_frames, a.known.values.tolist()) == (2, [1])


def test_a_label_of_the_track_stands_on_any_row(opened) -> None:
    names = ",".join(label_columns("emi"))
    database = opened(f"track,{names}\na,,,,,,\na,.1,.2,.3,.4,.5,.6\nb,,,,,,\n")
    (a,) = database.tracks("emi", "train")
    assert (a.track.id, a.track.n_frames) == ("a", 2)
    assert a.known.values.tolist() == [[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]]


def test_rows_may_come_in_any_order_and_frames_start_anywhere(opened) -> None:
    database = opened("track,frame,ah,image\nb,8,1,8.png\na,2,0,\nb,7,0,7.png\na,1,1,\n")
    database.path.with_name("8.png").write_bytes(png(8))
    a, b = database.tracks("ah", "train")
    assert a.known.values.tolist() == [1, 0]
    assert b.known.values.tolist() == [0, 1]
    assert b.track.paths == ["7.png", "8.png"]
    assert list(b.track.frame_names()) == ["b/00007.jpg", "b/00008.jpg"]


@pytest.mark.parametrize("column", ["image", "video"])
def test_a_file_in_train_and_val_is_a_caveat_whatever_its_track_is_called(disk, opened, column: str) -> None:
    disk.put("a.png", png(1))
    files = {"a": ("a.png", "train"), "b": ("b.png", "train"), "c": ("a.png", "val"), "d": ("c.png", "val")}
    rows = [f"{track},1,{file},{split},0,0" for track, (file, split) in files.items()]
    database = opened("\n".join([f"track,frame,{column},split,valence,arousal", *rows]))
    database.tracks("va", "train")
    assert not [one for one in database.problems.items if one.caveat]
    database.tracks("va", "val")
    (shared,) = [one for one in database.problems.items if one.caveat]
    assert shared.caveat == "1 files in train and val"
    assert "a.png" in shared.what


def test_nan_in_a_column_of_numbers_is_no_class(disk) -> None:
    table = {"track": ["a", "a"], "frame": [1, 2], "expression": pa.array([3.0, float("nan")])}
    path = disk.put("manifest.parquet", b"")
    pq.write_table(pa.table(table), path)
    (one,) = open_database([path]).tracks("expr", "train")
    assert one.known.mask.tolist() == [True, False]


def test_splits_are_those_with_labels_and_test_needs_none(opened) -> None:
    database = opened("track,split,ah,expression\na,train,1,\nb,val,,2\nc,test,,\n")
    assert database.splits("ah") == ["train", "test"]
    assert database.splits("expr") == ["val", "test"]
    assert [one.track.id for one in database.tracks("ah", "test")] == ["c"]
    with pytest.raises(DataError, match="no track of split 'val' has labels of 'ah'"):
        database.tracks("ah", "val")


def test_images_that_are_nowhere_are_an_error_and_some_that_are_missing_a_problem(disk, opened) -> None:
    database = opened("track,image,ah\na,here.png,1\na,gone.png,0\n")
    with pytest.raises(DataError, match=r"none of the images.*'here\.png' the first; paths are relative to"):
        database.tracks("ah", "train")
    disk.put("here.png", png(50, (6, 4)))
    (one,) = database.tracks("ah", "train")
    assert one.track.frame_mask().tolist() == [True, False]
    assert [entry and entry[0] for entry in one.track.frame_files()] == ["here.png", None]
    assert "1 of the images listed for track a are not there" in str(database.problems.items[-1])
    images, mask = one.track.frames(np.array([1, 0, 0]))
    assert images.shape == (3, 6, 4, 3)
    assert mask.tolist() == [False, True, True]


def test_a_broken_image_is_black_and_a_problem_and_sizes_follow_the_first(disk, opened) -> None:
    disk.put("1.png", png(10, (6, 4)))
    disk.put("2.png", png(20, (12, 12)))
    disk.put("3.jpg", disk.jpeg()[:-20])
    disk.put("4.png", b"")
    (one,) = opened("track,image,ah\na,1.png,1\na,2.png,0\na,3.jpg,0\na,4.png,0\n").tracks("ah", "train")
    images, mask = one.track.frames(np.array([1, 2, 3]))
    assert images.shape == (3, 6, 4, 3)
    assert mask.tolist() == [True, False, False]
    assert images[0].min() == images[0].max() == 20


def numbered(number: int) -> np.ndarray:
    """A picture that shows its number as six black or white bars, which no codec blurs away."""
    bars = np.repeat([255 * (number >> bit & 1) for bit in range(6)] + [0, 0], 8).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(bars[None, :, None], (64, 64, 3)))


def number_of(image: np.ndarray) -> int:
    return sum(1 << bit for bit in range(6) if image[32, 8 * bit + 4, 0] > 127)


def write_video(path: Path, count: int, codec: str = "mpeg4", rate: int = 25, **options: Any) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for name, value in options.items():
            setattr(stream.codec_context, name, value)
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(numbered(number), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("v.mp4", "mpeg4", {"gop_size": 12}),
        ("v.mp4", "mpeg4", {"gop_size": 12, "max_b_frames": 2}),
        ("v.avi", "mpeg4", {"gop_size": 12, "max_b_frames": 2}),
        ("v.mkv", "mpeg4", {"gop_size": 60}),
        ("v.avi", "mjpeg", {}),
    ],
)
def test_frame_n_of_a_track_is_the_nth_frame_of_its_video(disk, opened, name: str, codec: str, options) -> None:
    disk.root.mkdir()
    if codec == "mjpeg":
        options = {**options, "color_range": 2}
    write_video(disk.root / name, 60, codec, **options)
    rows = "".join(f"a,{n},{name if n == 11 else ''},{n % 2}\n" for n in range(11, 63))
    database = opened(f"track,frame,video,ah\n{rows}")
    (one,) = database.tracks("ah", "train")
    track = one.track
    assert track.n_frames == 52
    assert track.rate == 25
    assert track.frame_mask().tolist() == [True] * 50 + [False] * 2
    for asked in (np.arange(52), np.array([40, 3, 3, 50]), np.array([49])):
        images, mask = track.frames(asked)
        assert mask.tolist() == [i < 50 for i in asked]
        assert [number_of(image) for image in images] == [i + 10 if i < 50 else 0 for i in asked]
    files = track.frame_files()
    assert files[0][0] == f"{name}#11"
    assert len({entry for entry in files if entry}) == 50
    assert files[-1] is None


def test_a_single_row_without_a_frame_is_the_whole_video(disk, opened) -> None:
    disk.root.mkdir()
    write_video(disk.root / "v.mp4", 60)
    names = ",".join(label_columns("emi"))
    for head, start in (("track,video", "a,v.mp4"), ("track,frame,video", "a,,v.mp4")):
        database = opened(f"{head},{names},ah\n{start},0,0,0,0,0,1,\nb{start[1:]},0,0,0,0,0,0,\n")
        a, _ = database.tracks("emi", "train")
        assert a.track.n_frames == 60
        assert a.known.mask.tolist() == [True]
        assert database.splits("ah") == []
    (one,) = opened("track,video,split,ah\na,v.mp4,test,\n").tracks("ah", "test")
    assert one.known.mask.tolist() == [False] * 60


def test_a_video_that_cannot_be_read_is_one_missing_frame(disk, opened) -> None:
    disk.put("v.mp4", b"not a video")
    names = ",".join(label_columns("emi"))
    database = opened(f"track,video,{names}\na,v.mp4,0,0,0,0,0,1\n")
    (one,) = database.tracks("emi", "train")
    assert one.track.frame_mask().tolist() == [False]
    assert one.track.frames(np.array([0]))[1].tolist() == [False]
    assert "is not a readable video" in str(database.problems.items[-1])


def test_sound_comes_from_the_audio_file_else_from_the_video(disk, opened) -> None:
    disk.sound("a.wav", np.zeros(800), 8000, "pcm_s16le")
    disk.put("1.png", png(1))
    text = "track,image,audio,text,ah\na,1.png,a.wav,hello there,1\nb,1.png,,,1\n"
    a, b = opened(text).tracks("ah", "train")
    assert a.track.audio()[1] == 8000
    assert a.track.text() == "hello there"
    assert b.track.audio() is None
    assert b.track.text() is None


def test_many_rows_keep_their_labels(disk) -> None:
    n = 100_000
    table = pa.table(
        {
            "track": pa.array(np.char.add("t", (np.arange(n) // 5000).astype(str))),
            "frame": np.arange(n) % 5000 + 1,
            "valence": np.linspace(-1, 1, n),
            "arousal": np.zeros(n),
        }
    )
    pyarrow.csv.write_csv(table, disk.put("manifest.csv", b""))
    database = open_database([disk.root])
    tracks = {one.track.id: one for one in database.tracks("va", "train")}
    assert tracks["t19"].track.n_frames == 5000
    assert tracks["t19"].known.values[-1, 0] == 1
    assert len(tracks) == 20


cell = st.one_of(
    st.sampled_from(["", "a", "b", "1", "2", "3", "0", "-5", "train", "val", "Fear", "x.png", "nan", "1e9", '"', "\n"]),
    st.text(max_size=6),
)
header = st.lists(st.sampled_from(["track", "frame", "image", "video", "split", "rate", "expression", "ah", "subject"]),
                  min_size=1, max_size=6)  # fmt: skip


def consume(path: Path) -> None:
    """Read all there is; the one error allowed names the file."""
    refused = ""
    try:
        database = open_database([path])
        for label in TASKS:
            for split in database.splits(label):
                for one in database.tracks(label, split):
                    track = one.track
                    assert len(one.known.mask) in (1, track.n_frames)
                    assert len(track.frame_mask()) == len(track.frame_names()) == track.n_frames
    except DataError as error:
        refused = str(error)
    assert not refused or path.name in refused


@pytest.mark.slow
@settings(max_examples=120)
@given(header, st.lists(st.lists(cell, min_size=1, max_size=6), max_size=8))
def test_any_table_is_read_or_refused_with_its_name(tmp_path_factory, names, rows) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    path.write_bytes("\n".join(",".join(row) for row in [names, *rows]).encode("utf-8", "surrogatepass"))
    consume(path)


@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_with_their_name(tmp_path_factory, content: bytes) -> None:
    for name in ("fuzz.csv", "fuzz.parquet"):
        path = tmp_path_factory.getbasetemp() / name
        path.write_bytes(content)
        consume(path)


@settings(max_examples=100)
@given(st.data())
def test_a_damaged_manifest_is_read_or_refused_with_its_name(tmp_path_factory, data: st.DataObject) -> None:
    content = bytearray(block("manifest.csv").encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    path = tmp_path_factory.getbasetemp() / "damaged.csv"
    path.write_bytes(bytes(content))
    consume(path)


def test_verifying_counts_what_is_listed_and_names_what_cannot_be_read(disk, opened) -> None:
    disk.put("1.png", png(1))
    disk.put("broken.png", b"not an image")
    database = opened(
        "track,frame,image,ah,split\na,1,1.png,1,train\na,2,broken.png,0,\na,3,gone.png,,\nb,1,1.png,1,val\n"
    )
    found = verify(database, VerifyRequest(jobs=1))
    numbers = {(line.label, line.split, line.what): line.found for line in found.lines}
    assert numbers["ah", "train", "tracks"] == numbers["ah", "val", "tracks"] == 1
    assert numbers["ah", "train", "rows"] == numbers["ah", "train", "rows with image listed"] == 3
    assert numbers["ah", "train", "annotated"] == 2
    assert [(p.file, p.what.split(";")[0]) for p in found.problems] == [
        ("broken.png", "is not a readable image"),
        ("gone.png", "is listed and cannot be read: No such file or directory"),
    ]
    assert found.status is Status.INCOMPLETE
    assert [p.file for p in verify(database, VerifyRequest(jobs=1, fast=True)).problems] == ["broken.png", "gone.png"]
    with pytest.raises(UsageError, match="no labels of 'va'; it has ah"):
        database.inspect(["va"])


def test_a_sound_manifest_is_complete_and_videos_are_read(disk, opened) -> None:
    disk.root.mkdir()
    write_video(disk.root / "v.mp4", 3)
    database = opened("track,frame,video,ah\na,1,v.mp4,1\na,2,v.mp4,0\n")
    assert verify(database, VerifyRequest(jobs=1)).status is Status.COMPLETE
    disk.put("v.mp4", b"no video")
    (problem,) = verify(opened("track,frame,video,ah\na,1,v.mp4,1\n"), VerifyRequest(jobs=1)).problems
    assert "v.mp4: is a media file that cannot be decoded" in str(problem)


def test_reactions_are_read_and_may_stand_beside_mimicry(opened) -> None:
    names = list(dict.fromkeys([*label_columns("emi"), *label_columns("eri")]))
    database = opened(f"track,{','.join(names)}\na,{','.join(['0.5'] * len(names))}\n")
    assert database.splits("eri") == database.splits("emi") == ["train"]
    alone = opened(f"track,{','.join(label_columns('emi'))}\na,{','.join(['0.5'] * 6)}\n")
    assert (alone.splits("emi"), alone.splits("eri")) == (["train"], ())
    with pytest.raises(DataError, match="no column Admiration, Determination"):
        opened("track,Amusement,Disgust\na,0.5,0.5\n")


@pytest.mark.parametrize("text", [b"anna", b"notes"])
def test_a_parquet_file_with_damaged_text_is_refused(disk, text: bytes) -> None:
    disk.root.mkdir()
    path = disk.root / "manifest.parquet"
    table = pa.table({"track": ["anna"], "ah": [1], "notes": [1]}).replace_schema_metadata(None)
    pq.write_table(table, path, compression="none", use_dictionary=False, store_schema=False)
    path.write_bytes(path.read_bytes().replace(text, text[:2] + b"\x80" + text[3:]))
    with pytest.raises(DataError, match="not a readable Parquet file"):
        open_database([disk.root])
