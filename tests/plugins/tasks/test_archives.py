"""The archive of tables that violence detection is submitted as."""

from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import numpy as np
import pytest

from abawbench.contracts import DataError, Decided, Template, Track
from abawbench.harness.score.prediction_files import FilePredictions, read_prediction_file
from abawbench_plugins.tasks.archives import videos
from abawbench_plugins.tasks.vd import task


class Scene(Track):
    """A track of three frames."""

    id, subject, n_frames, rate = "3-30-640x360", "somebody", 3, 30.0

    def frame_names(self) -> Sequence[str]:
        return [f"{self.id}/{i:05d}.jpg" for i in (1, 2, 3)]

    def frame_mask(self):
        raise AssertionError("a file of predictions needs no image")

    frames = frame_files = labels = frame_mask


def read(path: Path, content: bytes | None = None) -> FilePredictions:
    if content is not None:
        path.write_bytes(content)
    return read_prediction_file(path, task(), [Scene()])


def archive(path: Path, **tables: str) -> Path:
    with ZipFile(path, "w") as zipped:
        for name, text in tables.items():
            zipped.writestr(f"predictions/{name.replace('_', '-')}.csv", text)
    return path


def test_violence_is_an_archive_with_a_table_per_video(tmp_path: Path) -> None:
    file = archive(tmp_path / "vd.zip", **{"3_30_640x360": "Frame_Num,Label\n3,1\n1,0\n"})
    found = read(file)
    assert found.given[0].tolist() == [True, False, True]
    assert found.tracks[0].decisions.tolist() == [0, 0, 1]
    form = videos(task())
    template = form.template(file)
    assert template == Template(["3-30-640x360/00003.jpg", "3-30-640x360/00001.jpg"], "Frame_Num,Label")
    form.write(tmp_path / "out.zip", template, Decided(np.array([1, 0])))
    with ZipFile(tmp_path / "out.zip") as written:
        assert written.read("3-30-640x360.csv") == b"Frame_Num,Label\n3,1\n1,0\n"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("Frame_Number,Label\n1,1\n2,2\n", r"3-30-640x360.csv:3: 2 is not allowed"),
        ("Frame_Number,Label\n1,1\n0,1\n", r"3-30-640x360.csv:3: track '3-30-640x360' has no frame '00000.jpg'"),
        ("Frame_Number,Label\n1.5,1\n", r"3-30-640x360.csv:2: '1.5' is no frame number"),
        ("Frame_Number,Label\n1,1\n1,0\n", r"3-30-640x360.csv:3: .* a second time, first at .*csv:2"),
        ("Label,Frame_Number\n1,1\n", r"3-30-640x360.csv:1: expected the header"),
        ("", r"3-30-640x360.csv:1: expected the header"),
    ],
)
def test_a_wrong_table_in_an_archive_is_refused_with_its_line(table: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read(archive(tmp_path / "vd.zip", **{"3_30_640x360": table}))


def test_an_archive_that_is_none_or_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match="not a readable zip"):
        read(tmp_path / "vd.zip", b"PK and nothing more")
    with pytest.raises(DataError, match=r"expected <video>.csv files"):
        read(archive(tmp_path / "vd.zip"))
    monkeypatch.setattr("abawbench_plugins.tasks.archives.LARGEST", 10)
    with pytest.raises(DataError, match=r"expected <video>.csv files"):
        read(archive(tmp_path / "vd.zip", a="Frame_Number,Label\n1,1\n"))


def test_by_another_assumption_tables_count_from_0_and_call_violence_0(tmp_path: Path) -> None:
    read_so = task(vd_first_frame="0", vd_violent="0")
    file = archive(tmp_path / "vd.zip", **{"3_30_640x360": "Frame_Number,Label\n0,1\n2,0\n"})
    found = read_prediction_file(file, read_so, [Scene()])
    assert found.given[0].tolist() == [True, False, True]
    assert found.tracks[0].decisions[[0, 2]].tolist() == [0, 1]
    form = videos(read_so)
    form.write(tmp_path / "out.zip", form.template(file), Decided(np.array([0, 1])))
    with ZipFile(tmp_path / "out.zip") as written:
        assert written.read("3-30-640x360.csv") == b"Frame_Number,Label\n0,1\n2,0\n"


def test_by_another_assumption_a_submission_is_one_file_of_rows(tmp_path: Path) -> None:
    file = tmp_path / "vd.txt"
    file.write_text("image_location,non-violent,violent\n3-30-640x360/00002.jpg,1\n")
    found = read_prediction_file(file, task(vd_file="rows"), [Scene()])
    assert found.given[0].tolist() == [False, True, False]
    assert found.tracks[0].decisions[1] == 1


@pytest.mark.parametrize("member", ["../../3-30-640x360.csv", "/tmp/3-30-640x360.csv", "a/../../3-30-640x360.csv"])
def test_a_member_that_points_outside_is_a_name_and_never_a_file(tmp_path: Path, member: str) -> None:
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    file = inside / "vd.zip"
    with ZipFile(file, "w") as zipped:
        zipped.writestr(member, "Frame_Number,Label\n1,1\n")
    before = sorted(tmp_path.rglob("*"))
    assert read(file).given[0].tolist() == [True, False, False]
    template = videos(task()).template(file)
    videos(task()).write(inside / "out.zip", template, Decided(np.array([1])))
    with ZipFile(inside / "out.zip") as written:
        assert written.namelist() == ["3-30-640x360.csv"]
    assert sorted(tmp_path.rglob("*")) == sorted([*before, inside / "out.zip"])


def test_a_symbolic_link_in_an_archive_is_text_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("Frame_Number,Label\n1,1\n")
    link = ZipInfo("3-30-640x360.csv")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with ZipFile(tmp_path / "vd.zip", "w") as zipped:
        zipped.writestr(link, str(tmp_path / "secret.csv"))
    with pytest.raises(DataError, match="expected the header"):
        read(tmp_path / "vd.zip")
