import multiprocessing
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from abawbench.system import locks


def test_one_holds_a_folder_and_the_next_waits_for_it(tmp_path: Path) -> None:
    order: list[str] = []
    waits = threading.Event()

    def second() -> None:
        with locks.hold_alone(tmp_path, lambda waiting: waits.set()) as alone:
            assert alone
            order.append("second")

    thread = threading.Thread(target=second)
    with locks.hold_alone(tmp_path) as alone:
        assert alone
        thread.start()
        assert waits.wait(10)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_a_folder_that_was_removed_under_a_lock_is_made_and_held_anew(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    waits, done = threading.Event(), threading.Event()

    def second() -> None:
        with locks.hold_alone(folder, lambda waiting: waits.set()):
            assert folder.is_dir()
            assert not locks.remove_abandoned(folder)
            done.set()

    thread = threading.Thread(target=second)
    with locks.hold_alone(folder):
        thread.start()
        assert waits.wait(10)
        shutil.rmtree(folder)
    thread.join(10)
    assert done.is_set()


def test_only_who_is_alone_sweeps(tmp_path: Path) -> None:
    swept: list[str] = []
    with (
        locks.hold_shared(tmp_path, lambda: swept.append("first")),
        locks.hold_shared(tmp_path, lambda: swept.append("second")),
    ):
        pass
    assert swept == ["first"]


def _hold(folder: Path, held: "multiprocessing.synchronize.Event") -> None:
    with locks.hold_alone(folder):
        held.set()
        threading.Event().wait(60)


def test_a_lock_ends_with_its_process_however_it_ends(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    held = context.Event()
    process = context.Process(target=_hold, args=(tmp_path, held))
    process.start()
    assert held.wait(30)
    assert not locks.remove_abandoned(tmp_path)
    process.kill()
    process.join()
    assert locks.remove_abandoned(tmp_path)
    assert not tmp_path.exists()


def test_a_folder_that_is_removed_as_abandoned_before_its_maker_holds_it_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    remove, sweeps, waits = shutil.rmtree, threading.Event(), threading.Event()

    def slow(path: Path, *, ignore_errors: bool) -> None:
        sweeps.set()
        assert waits.wait(10)
        remove(path, ignore_errors=ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", slow)
    sweeper = threading.Thread(target=locks.remove_abandoned, args=(folder,))
    sweeper.start()
    assert sweeps.wait(10)
    with locks.hold_alone(folder, lambda waiting: waits.set()) as alone:
        sweeper.join(10)
        assert alone
        assert folder.is_dir()


def test_a_folder_that_is_removed_before_it_is_opened_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, opened, seen = tmp_path / "run", os.open, list[Path]()

    def too_late(path: Path, flags: int) -> int:
        if not seen:
            folder.rmdir()
        seen.append(path)
        return opened(path, flags)

    monkeypatch.setattr(os, "open", too_late)
    with locks.hold_alone(folder) as alone:
        assert alone
        assert folder.is_dir()
    assert seen == [folder, folder]


@pytest.mark.parametrize("make", [os.mkfifo, Path.touch, lambda path: None])
def test_what_is_no_folder_is_left_alone_and_keeps_nobody_waiting(tmp_path: Path, make: Callable[[Path], None]) -> None:
    other = tmp_path / "abawb-other"
    make(other)
    there = other.exists()
    assert not locks.remove_abandoned(other)
    assert other.exists() == there
