"""What makes a copy complete, incomplete or unusable."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from abawbench.contracts import Count, Database, Expected, FileGroup, Inspection, UsageError
from abawbench.contracts.inspection import Confidence
from abawbench.contracts.problems import Problem, Problems
from abawbench.harness.data.verify import Line, Status, VerifyRequest, verify
from abawbench_plugins.databases._expected import expected_counts


@dataclass(frozen=True)
class Told(FileGroup):
    problems: tuple[Problem, ...] = ()
    files: int = 1

    def check(self, fast: bool) -> Sequence[Problem]:
        return self.problems


class Copy(Database):
    name = "copy"

    def __init__(self, tracks: int = 3, problems: Sequence[Problem] = (), expected: Sequence[Expected] = ()) -> None:
        self.problems = Problems()
        self._inspection = Inspection([Count("x", "train", "tracks", tracks)], [Told(tuple(problems)), Told()])
        self._expected = expected

    def splits(self, label: str) -> Sequence[str]:
        return ("train",)

    def tracks(self, label: str, split: str) -> Any:
        return ()

    def fingerprint(self) -> str:
        return ""

    def expected(self, edition: int | None = None) -> Sequence[Expected]:
        return self._expected

    def inspect(self, labels: Sequence[str] = (), splits: Sequence[str] = ()) -> Inspection:
        return self._inspection


ONE = VerifyRequest(jobs=1)


def known(number: int, confidence: Confidence, split: str = "train") -> Expected:
    return Expected(label="x", split=split, what="tracks", number=number, confidence=confidence, source="here")


def test_a_copy_with_the_right_numbers_and_no_problem_is_complete() -> None:
    found = verify(Copy(expected=[known(3, "CONFIRMED")]), ONE)
    assert (found.status, found.lines[0].verdict) == (Status.COMPLETE, "same")


@pytest.mark.parametrize("confidence", ["SINGLE", "INFERRED"])
def test_a_number_that_is_not_confirmed_is_shown_and_decides_nothing(confidence: Confidence) -> None:
    found = verify(Copy(expected=[known(4, confidence)]), ONE)
    assert (found.status, found.lines[0].verdict) == (Status.COMPLETE, "note")


def test_a_confirmed_number_that_differs_makes_it_incomplete() -> None:
    found = verify(Copy(expected=[known(4, "CONFIRMED")]), ONE)
    assert (found.status, found.lines[0].verdict) == (Status.INCOMPLETE, "differs")


def test_a_confirmed_number_that_was_not_found_at_all_differs() -> None:
    found = verify(Copy(expected=[known(4, "CONFIRMED", "test")]), ONE)
    assert found.lines[-1] == Line("x", "test", "tracks", None, known(4, "CONFIRMED", "test"))
    assert found.status is Status.INCOMPLETE


def test_a_file_that_cannot_be_read_makes_it_incomplete_and_a_stranger_does_not() -> None:
    assert verify(Copy(problems=[Problem("a.jpg", "is empty")]), ONE).status is Status.INCOMPLETE
    assert verify(Copy(problems=[Problem("a.txt", "is a stray", extra=True)]), ONE).status is Status.COMPLETE


def test_without_a_single_track_it_is_unusable() -> None:
    assert verify(Copy(tracks=0), ONE).status is Status.UNUSABLE


def test_numbers_of_splits_that_were_not_asked_for_are_not_compared() -> None:
    expected = [known(4, "CONFIRMED", "val"), known(7, "CONFIRMED", "train+val"), known(3, "CONFIRMED")]
    found = verify(Copy(expected=expected), VerifyRequest(splits=["train"], jobs=1))
    assert [line.split for line in found.lines] == ["train"]
    assert found.status is Status.COMPLETE


def test_a_database_that_cannot_tell_says_so(toy_database: Database) -> None:
    with pytest.raises(UsageError, match="no inspect"):
        verify(toy_database, ONE)


def test_every_known_number_has_a_source_and_stands_once() -> None:
    for database in ("aff-wild2", "c-expr-db", "hume-vidmimic2", "bah", "s-aff-wild2", "hume-reaction", "bah-video"):
        rows = expected_counts(database, None)
        assert rows
        assert len({(row.label, row.split, row.what) for row in rows}) == len(rows)
        assert all(row.source and row.confidence in ("CONFIRMED", "SINGLE", "INFERRED") for row in rows)
    assert expected_counts("aff-wild2", 3) == []


@pytest.mark.parametrize("label", ["va", "expr", "au"])
def test_the_known_numbers_agree_with_each_other(label: str) -> None:
    number = {(row.label, row.split, row.what): row.number for row in expected_counts("aff-wild2", 8)}
    assert (
        sum(number[label, s, "tracks"] for s in ("train", "val", "test")) == number[label, "train+val+test", "tracks"]
    )
    for split in ("train", "val"):
        with_image, without = (
            number[label, split, "annotated with image"],
            number[label, split, "annotated without image"],
        )
        assert with_image + without == number[label, split, "annotated"]
        if label == "expr":
            classes = [n for key, n in number.items() if key[:2] == (label, split) and key[2][0].isupper()]
            assert len(classes) == 8
            assert sum(classes) == with_image
