"""``data verify`` on copies of all four layouts: silent about a sound one, and it names each defect that is planted."""

import json
import re
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from click.testing import CliRunner

from abawbench import cli
from abawbench.contracts.problems import Problem
from abawbench.harness.data.verify import Status, Verification, VerifyRequest, verify
from abawbench_plugins.databases.synthetic.media import mp3, mp4

pytestmark = pytest.mark.slow

AFF, CE, EMI, AH = "aff-wild2", "c-expr-db", "hume-vidmimic2", "bah"
ANNOTATIONS = {
    "va": ("VA_Estimation_Challenge", "valence,arousal", "0.1,-0.2"),
    "expr": ("EXPR_Recognition_Challenge", "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other", "4"),
    "au": ("AU_Detection_Challenge", "AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26", ",".join("0" * 12)),
}
SETS = {"train": ("Train_Set", 4), "val": ("Validation_Set", 2)}
EMOTIONS = "Filename,Admiration,Amusement,Determination,Empathic Pain,Excitement,Joy\n"
FRAMES = 3
VIDEO = mp4([np.full((16, 16, 3), 90, np.uint8)] * 2, 10, np.zeros(1600, np.float32), 16000)
SOUND = mp3(np.zeros(3200, np.float32), 16000)


def annotation(label: str, split: str, track: str) -> str:
    folder = "test" if split == "test" else f"8th_ABAW_Annotations/{ANNOTATIONS[label][0]}/{SETS[split][0]}"
    return f"{AFF}/{folder}/{track}.txt"


def rows(label: str, *changed: str) -> str:
    """An annotation file whose last rows are the ones given."""
    _, header, row = ANNOTATIONS[label]
    return "\n".join([header, *[row] * (FRAMES - len(changed)), *changed]) + "\n"


def answer(person: int) -> str:
    return f"{person}/Visite 1/{person}_Q1_2024-08-22 14-46-11_Video.mp4"


def entry(video: str) -> str:
    return f'"{video}":\n  frame_annotation:\n' + "".join(f'  - ["{video}/frame-{k}.jpg", {k % 2}]\n' for k in range(3))


@pytest.fixture(scope="session")
def sound_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four sound copies: nothing is wrong but that they are small."""
    root = tmp_path_factory.mktemp("sound")
    images = {size: _jpeg(size) for size in (112, 160)}

    def put(path: str, content: str | bytes) -> None:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)

    for label in ANNOTATIONS:
        for split, (_, count) in SETS.items():
            for i in range(count):
                track = f"{label}-{split}-{i}"
                put(annotation(label, split, track), rows(label))
                _aff_wild2(put, track, images[112])
        template = "".join(f"{label}-test/{k:05d}.jpg,0\n" for k in range(1, FRAMES + 1))
        put(f"{AFF}/CVPR_8th_ABAW_{label.upper()}_test_set_sample.txt", f"image_location,x\n{template}")
        _aff_wild2(put, f"{label}-test", images[112])
    put(f"{AFF}/names_of_videos_in_each_test_set/Valence_Arousal_Estimation_Challenge_test_set_release.txt", "va-test")
    for video in ("01", "02", "03"):
        put(f"{CE}/videos/{video}.mp4", VIDEO)
        for k in range(1, FRAMES + 1):
            put(f"{CE}/cropped_aligned/{video}/{k:05d}.jpg", images[112])
    frames = "".join(f"{video}/{k:05d}.jpg,0\n" for video in ("01", "02", "03") for k in (1, 2, 3))
    put(f"{CE}/CVPR_8th_ABAW_CE_test_set_sample.txt", f"image_location,x\n{frames}")
    tables = {"train_split.csv": range(5), "valid_split.csv": range(5, 8), "test_split.csv": range(12660, 12662)}
    for table, clips in tables.items():
        values = "" if table.startswith("test") else ",0.5,0,0,0,0,1"
        header = "Filename\n" if table.startswith("test") else EMOTIONS
        put(f"{EMI}/{table}", header + "".join(f"{clip:05d}{values}\n" for clip in clips))
        for clip in clips:
            put(f"{EMI}/raw/{clip:05d}.mp4", VIDEO)
            put(f"{EMI}/audio/{clip:05d}.mp3", SOUND)
            for k in (8, 9, 10):
                put(f"{EMI}/face_images/{clip:05d}/{k}.jpg", images[160])
    lists = {"train": range(1, 4), "val": range(4, 6), "test": range(6, 8)}
    for people in lists.values():
        for person in people:
            put(f"{AH}/videos/{answer(person)}", VIDEO)
            stem = Path(answer(person)).stem
            put(f"{AH}/transcription/{answer(person)}/{stem}.yml", "text: well, yes\n")
            for k in range(3):
                put(f"{AH}/cropped-aligned-faces/{answer(person)}/frame-{k}.jpg", images[112])
    for split in ("train", "val"):
        put(f"{AH}/default-split/{split}.txt", "".join(f"{answer(p)},1,well, yes\n" for p in lists[split]))
    put(f"{AH}/annotation.yml", "".join(entry(answer(p)) for p in range(1, 6)))
    trial = "".join(f"{answer(p)}/frame-{k}.jpg,0\n" for p in lists["test"] for k in range(3))
    put(f"{AH}/submissions/trial-1.txt", trial)
    return root


def _jpeg(size: int) -> bytes:
    import cv2

    noise = np.random.default_rng(size).integers(0, 255, (size, size, 3), dtype=np.uint8)
    return cv2.imencode(".jpg", noise)[1].tobytes()


def _aff_wild2(put: Callable[[str, str | bytes], None], track: str, image: bytes) -> None:
    put(f"{AFF}/batch1/{track}.mp4", VIDEO)
    for k in range(1, FRAMES + 1):
        put(f"{AFF}/cropped_aligned/{track}/{k:05d}.jpg", image)


class Copy:
    """A copy to be damaged."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, path: str, content: str | bytes) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)

    def cut(self, path: str, to: int) -> None:
        self.put(path, (self.root / path).read_bytes()[:to])

    def change(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text()
        assert old in text
        self.put(path, text.replace(old, new, 1))

    def remove(self, path: str) -> None:
        target = self.root / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()

    def verify(self, database: str, **options: Any) -> Verification:
        module = import_module(f"abawbench_plugins.databases.{database.replace('-', '_')}")
        return verify(module.open_database([self.root / database]), VerifyRequest(**{"jobs": 1, **options}))

    def everything(self, **options: Any) -> list[str]:
        return [
            f"{database}: {problem}"
            for database in (AFF, CE, EMI, AH)
            for problem in self.verify(database, **options).problems
        ]


@pytest.fixture
def copy(sound_copy: Path, tmp_path: Path) -> Copy:
    return Copy(shutil.copytree(sound_copy, tmp_path / "copy"))


class Defect(NamedTuple):
    plant: Callable[[Copy], object]
    named: str
    """What the one line about it must match."""


FACES = f"{AFF}/cropped_aligned"
STEM = Path(answer(1)).stem
DEFECTS = {
    "image folder missing": Defect(
        lambda c: c.remove(f"{FACES}/va-train-0"), "Train_Set: no image folder for track va-train-0"
    ),
    "image folder empty": Defect(
        lambda c: [c.remove(f"{FACES}/au-test/{k:05d}.jpg") for k in (1, 2, 3)], "au-test: holds no image"
    ),
    "JPEG truncated": Defect(
        lambda c: c.cut(f"{FACES}/va-train-1/00002.jpg", 900), "va-train-1/00002.jpg: is a truncated JPEG"
    ),
    "JPEG empty": Defect(lambda c: c.cut(f"{FACES}/va-train-2/00001.jpg", 0), "va-train-2/00001.jpg: is empty"),
    "image that is none": Defect(
        lambda c: c.put(f"{FACES}/expr-train-0/00003.jpg", "<html>"), "expr-train-0/00003.jpg: is not a readable image"
    ),
    "wrong size": Defect(
        lambda c: c.put(f"{FACES}/expr-train-1/00001.jpg", _jpeg(64)), r"expr-train-1: 1 image.*not 112x112.*64x64"
    ),
    "names not padded": Defect(
        lambda c: (c.root / FACES / "au-train-0/00002.jpg").rename(c.root / FACES / "au-train-0/2.jpg"),
        r"au-train-0: 1 image.*not called like 00001.jpg \(first 2.jpg\)",
    ),
    "two images of one frame": Defect(
        lambda c: shutil.copy(c.root / FACES / "au-train-1/00002.jpg", c.root / FACES / "au-train-1/00002.jpeg"),
        r"au-train-1/00002.jpg: has the number of another image, which is read",
    ),
    "orphan folder": Defect(
        lambda c: c.put(f"{FACES}/nobody/00001.jpg", _jpeg(112)), r"cropped_aligned: 1 image folder.*\(nobody\)"
    ),
    "stray file": Defect(lambda c: c.put(f"{FACES}/list.csv", "a,b"), "list.csv: is a stray file"),
    "row cut short": Defect(
        lambda c: c.put(annotation("va", "train", "va-train-3"), rows("va", "0.25,")),
        "va-train-3.txt:4: '0.25,' is not made of numbers",
    ),
    "wrong number of columns": Defect(
        lambda c: c.put(annotation("au", "train", "au-train-2"), rows("au", "0,0,1")),
        r"au-train-2.txt:4: expected 12 value\(s\), found 3",
    ),
    "class out of range": Defect(
        lambda c: c.put(annotation("expr", "val", "expr-val-0"), rows("expr", "8", "1")),
        "expr-val-0.txt:3: '8' is not allowed",
    ),
    "valence out of range": Defect(
        lambda c: c.put(annotation("va", "val", "va-val-0"), rows("va", "1.5,0")), "va-val-0.txt:4: '1.5,0' is not"
    ),
    "action units ignored in part": Defect(
        lambda c: c.put(annotation("au", "train", "au-train-3"), rows("au", "-1" + ",0" * 11)),
        r"au-train-3.txt:4: 1 row\(s\) have -1 in some columns only",
    ),
    "track annotated twice": Defect(
        lambda c: c.put(
            annotation("expr", "train", "expr-train-2").replace("Recognition", "Classification"), rows("expr")
        ),
        "Classification_Challenge/Train_Set/expr-train-2.txt: is a second annotation",
    ),
    "track in two splits": Defect(
        lambda c: c.put(annotation("expr", "val", "expr-train-3"), rows("expr")),
        "Validation_Set: track expr-train-3 stands in the train split too",
    ),
    "split missing": Defect(
        lambda c: c.remove(f"{AFF}/CVPR_8th_ABAW_VA_test_set_sample.txt"), "no .*test_set_sample.txt for va"
    ),
    "video missing": Defect(lambda c: c.remove(f"{AFF}/batch1/va-val-1.mp4"), f"{AFF}: .*no raw video for va-val-1$"),
    "video broken": Defect(
        lambda c: c.cut(f"{CE}/videos/02.mp4", len(VIDEO) // 2), "02.mp4: holds no picture that can be decoded"
    ),
    "frame listed twice": Defect(
        lambda c: c.change(f"{CE}/CVPR_8th_ABAW_CE_test_set_sample.txt", "03/00002.jpg", "03/00001.jpg"),
        "track 03 is skipped because it lists a frame twice",
    ),
    "sound broken": Defect(
        lambda c: c.put(f"{EMI}/audio/00001.mp3", b"no sound" * 40), "00001.mp3: is a media file that cannot"
    ),
    "sound missing": Defect(lambda c: c.remove(f"{EMI}/audio/12661.mp3"), "no audio/12661.mp3"),
    "clip listed twice": Defect(
        lambda c: c.change(f"{EMI}/train_split.csv", "00003,", "00002,0,0,0,0,0,0\n00003,"),
        r"train_split.csv:5: clip 00002 is listed a second time",
    ),
    "clip without a folder": Defect(
        lambda c: c.remove(f"{EMI}/face_images/00006"), "valid_split.csv: no face_images folder for clip 00006"
    ),
    "intensity out of range": Defect(
        lambda c: c.change(f"{EMI}/valid_split.csv", "00005,0.5", "00005,1.5"), "valid_split.csv:2: clip 00005 has an"
    ),
    "transcript missing": Defect(
        lambda c: c.remove(f"{AH}/transcription/{answer(2)}"), f"no transcript for {answer(2)}"
    ),
    "transcript broken": Defect(
        lambda c: c.put(f"{AH}/transcription/{answer(1)}/{STEM}.yml", 'text: "never closed\n'),
        rf"{STEM}.yml: .*not valid YAML",
    ),
    "video without annotation": Defect(
        lambda c: c.change(f"{AH}/annotation.yml", entry(answer(4)), ""), "val.txt:1: .*no entry"
    ),
    "label that is none": Defect(
        lambda c: c.change(f"{AH}/annotation.yml", f'{answer(3)}/frame-2.jpg", 0', f'{answer(3)}/frame-2.jpg", 3'),
        "annotation.yml:.*0 or 1",
    ),
}


def test_a_sound_copy_of_each_layout_has_no_problem(copy: Copy) -> None:
    assert copy.everything() == []


def test_every_planted_defect_is_named_and_nothing_else(copy: Copy) -> None:
    assert len(DEFECTS) >= 20
    for defect in DEFECTS.values():
        defect.plant(copy)
    lines = copy.everything()
    unnamed = [name for name, defect in DEFECTS.items() if not any(re.search(defect.named, line) for line in lines)]
    unplanted = [line for line in lines if not any(re.search(defect.named, line) for defect in DEFECTS.values())]
    assert (unnamed, unplanted) == ([], [])
    assert len(lines) == len(DEFECTS)


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_alone_gives_one_line(copy: Copy, name: str) -> None:
    DEFECTS[name].plant(copy)
    (line,) = copy.everything()
    assert re.search(DEFECTS[name].named, line), line


def test_fast_reads_sizes_and_still_sees_what_is_cut(copy: Copy) -> None:
    for name in ("JPEG truncated", "JPEG empty", "wrong size", "names not padded"):
        DEFECTS[name].plant(copy)
    lines = [str(problem) for problem in copy.verify(AFF, fast=True).problems]
    assert len(lines) == 4
    # only decoding tells that what stands between whole headers and a whole end is noise
    image = copy.root / FACES / "va-val-0/00001.jpg"
    data = image.read_bytes()
    scan = data.rfind(b"\xff\xda")
    image.write_bytes(data[: scan + 2] + b"\x00\x00" + data[-2:])
    assert len(copy.verify(AFF, fast=True).problems) == 4
    assert len(copy.verify(AFF).problems) == 5


def test_several_processes_say_the_same_as_one(copy: Copy) -> None:
    for defect in DEFECTS.values():
        defect.plant(copy)
    assert copy.verify(EMI, jobs=2).problems == copy.verify(EMI).problems


def test_labels_and_splits_narrow_what_is_looked_at(copy: Copy) -> None:
    DEFECTS["class out of range"].plant(copy)
    DEFECTS["split missing"].plant(copy)
    assert len(copy.verify(AFF).problems) == 2
    found = copy.verify(AFF, labels=["expr"], splits=["train"])
    assert (found.problems, {(line.label, line.split) for line in found.lines if line.label}) == (
        [],
        {("expr", "train")},
    )


def test_files_that_only_do_not_belong_leave_a_copy_complete(copy: Copy) -> None:
    DEFECTS["orphan folder"].plant(copy)
    DEFECTS["stray file"].plant(copy)
    found = copy.verify(AFF)
    assert [problem.extra for problem in found.problems] == [True, True]
    assert found.defects == []


def test_counts_tell_tracks_rows_images_and_classes(copy: Copy) -> None:
    copy.put(annotation("expr", "val", "expr-val-0"), rows("expr", "2", "-1", "7") + "7\n")
    copy.remove(f"{FACES}/expr-val-1/00002.jpg")
    found = {line.what: line.found for line in copy.verify(AFF, labels=["expr"], splits=["val"]).lines}
    assert found["tracks"] == 2
    assert found["rows"] == 7
    assert (found["annotated"], found["annotated with image"], found["annotated without image"]) == (6, 4, 2)
    assert (found["Disgust"], found["Happiness"], found["Happiness with image"]) == (1, 3, 2)
    assert (found["Other"], found["Other with image"], found["images beyond the rows"]) == (2, 1, 0)


def test_participants_are_counted_across_splits(copy: Copy) -> None:
    lines = copy.verify(AH).lines
    assert {line.split: line.found for line in lines if line.what == "participants"}["train+val"] == 5


def test_a_copy_without_any_video_says_so_once(copy: Copy) -> None:
    copy.remove(f"{AFF}/batch1")
    (problem,) = copy.verify(AFF).problems
    assert problem.what == "no raw video at all; unpack them"


def test_a_copy_without_any_image_says_so_once_for_each_split(copy: Copy) -> None:
    copy.remove(FACES)
    found = copy.verify(AFF, labels=["va"], splits=["train"])
    assert [problem.what for problem in found.problems] == [
        "no folder cropped_aligned with images for the tracks of Train_Set; unpack the face images there."
    ]
    assert found.status is Status.INCOMPLETE


# The command line.


def call(*arguments: object) -> Any:
    return CliRunner().invoke(cli.group, [*map(str, arguments)], standalone_mode=False, catch_exceptions=False)


def test_the_command_exits_1_and_prints_every_defect(copy: Copy) -> None:
    DEFECTS["JPEG empty"].plant(copy)
    result = call("data", "verify", AFF, copy.root / AFF, "--jobs", 1, "--quiet")
    assert result.return_value == 1
    assert "defect: cropped_aligned/va-train-2/00001.jpg: is empty; treated as missing" in result.stdout
    assert re.search(r"va +train +tracks +4 +356 +differs +CONFIRMED", result.stdout)
    assert "aff-wild2: incomplete; 1 defect(s)" in result.stdout


def test_the_command_prints_json_for_machines(copy: Copy) -> None:
    DEFECTS["clip listed twice"].plant(copy)
    found = json.loads(call("data", "verify", EMI, copy.root / EMI, "--jobs", 1, "--quiet", "--json").stdout)
    assert (found["database"], found["status"], found["files"]) == (EMI, "incomplete", 50)
    assert found["problems"][0]["line"] == 5
    (tracks,) = (row for row in found["counts"] if (row["split"], row["what"]) == ("train", "tracks"))
    assert (tracks["found"], tracks["official"], tracks["verdict"]) == (5, 8072, "differs")


def test_a_copy_in_which_nothing_can_be_read_is_unusable(copy: Copy) -> None:
    copy.put(f"{CE}/CVPR_8th_ABAW_CE_test_set_sample.txt", "image_location\nnonsense\n")
    assert call("data", "verify", CE, copy.root / CE, "--jobs", 1, "--quiet").return_value == 2


def test_problems_of_a_name_that_breaks_lines_stay_on_one(copy: Copy) -> None:
    copy.put(f"{FACES}/bad\nname.csv", "x")
    output = call("data", "verify", AFF, copy.root / AFF, "--jobs", 1, "--quiet").stdout
    assert "extra: cropped_aligned/bad name.csv: is a stray file" in output


def test_the_problem_tells_whether_it_is_harmless() -> None:
    assert Problem("a", "b") != Problem("a", "b", extra=True)
