import multiprocessing
import shutil
import threading
from pathlib import Path

from abawbench import locks


def test_one_holds_a_folder_and_the_next_waits_for_it(tmp_path: Path) -> None:
    order: list[str] = []
    waits = threading.Event()

    def second() -> None:
        with locks.exclusive(tmp_path, lambda waiting: waits.set()) as alone:
            assert alone
            order.append("second")

    thread = threading.Thread(target=second)
    with locks.exclusive(tmp_path) as alone:
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
        with locks.exclusive(folder, lambda waiting: waits.set()):
            assert folder.is_dir()
            assert not locks.abandoned(folder)
            done.set()

    thread = threading.Thread(target=second)
    with locks.exclusive(folder):
        thread.start()
        assert waits.wait(10)
        shutil.rmtree(folder)
    thread.join(10)
    assert done.is_set()


def test_only_who_is_alone_sweeps(tmp_path: Path) -> None:
    swept: list[str] = []
    with locks.shared(tmp_path, lambda: swept.append("first")), locks.shared(tmp_path, lambda: swept.append("second")):
        pass
    assert swept == ["first"]


def _hold(folder: Path, held: "multiprocessing.synchronize.Event") -> None:
    with locks.exclusive(folder):
        held.set()
        threading.Event().wait(60)


def test_a_lock_ends_with_its_process_however_it_ends(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    held = context.Event()
    process = context.Process(target=_hold, args=(tmp_path, held))
    process.start()
    assert held.wait(30)
    assert not locks.abandoned(tmp_path)
    process.kill()
    process.join()
    assert locks.abandoned(tmp_path)
