"""Locks where a folder itself cannot be locked: by a file beside it, or by a lease."""

import multiprocessing
import threading
from pathlib import Path

import pytest

from abawbench.system import locks

WAYS = ("_by_file", "_by_lease")


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Leave one way alone, as on a file system that refuses the others."""
    for name in ("_by_folder", *WAYS):
        if name != request.param:
            monkeypatch.setattr(locks, name, lambda folder, wait: None)
    return str(request.param)


def test_the_second_waits_for_the_first(way: str, tmp_path: Path) -> None:
    folder, order, waits = tmp_path / "run", list[str](), threading.Event()

    def second() -> None:
        with locks.hold_alone(folder, lambda waiting: waits.set()) as alone:
            assert alone
            order.append("second")

    thread = threading.Thread(target=second, daemon=True)
    with locks.hold_alone(folder) as alone:
        assert alone
        assert not locks.remove_abandoned(folder)
        thread.start()
        assert waits.wait(10)
        order.append("first")
    thread.join(20)
    assert order == ["first", "second"]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def _count(folder: Path, way: str, times: int) -> None:
    for name in {"_by_folder", *WAYS} - {way}:
        setattr(locks, name, lambda folder, wait: None)
    number = folder.parent / "number"
    for _ in range(times):
        with locks.hold_alone(folder):
            number.write_text(str(int(number.read_text()) + 1))


def test_processes_that_take_turns_lose_no_step(way: str, tmp_path: Path) -> None:
    (tmp_path / "number").write_text("0")
    context = multiprocessing.get_context("fork")
    two = [context.Process(target=_count, args=(tmp_path / "run", way, 20), daemon=True) for _ in range(2)]
    for one in two:
        one.start()
    for one in two:
        one.join(60)
        assert one.exitcode == 0
    assert (tmp_path / "number").read_text() == "40"


def test_a_lease_ends_some_time_after_its_holder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(locks, "LEASE", 1.5)
    monkeypatch.setattr(locks, "is_local_only", lambda folder: True)
    context = multiprocessing.get_context("fork")
    held = context.Event()

    def hold() -> None:
        with locks.hold_alone(tmp_path / "run"):
            held.set()
            threading.Event().wait(60)

    process = context.Process(target=hold, daemon=True)
    process.start()
    assert held.wait(20)
    assert not locks.remove_abandoned(tmp_path / "run")
    process.kill()
    process.join(10)
    done = threading.Event()

    def next_one() -> None:
        with locks.hold_alone(tmp_path / "run") as alone:
            assert alone
            done.set()

    threading.Thread(target=next_one, daemon=True).start()
    assert done.wait(30)


def test_a_folder_that_cannot_be_locked_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("_by_folder", *WAYS):
        monkeypatch.setattr(locks, name, lambda folder, wait: None)
    with locks.hold_alone(tmp_path) as alone:
        assert not alone
    assert not locks.remove_abandoned(tmp_path)


MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /shared rw,relatime - nfs4 server:/shared rw,vers=4.2,local_lock=none
31 22 0:41 / /old rw,relatime - nfs server:/old rw,vers=3,nolock,local_lock=all
32 22 0:42 / /home/me/with\\040space rw - fuse.sshfs me@server:/ rw,user_id=0
33 32 0:43 / /home/me/with\\040space/disk rw - fuseblk /dev/sdb1 rw
34 22 0:44 / /lustre rw - lustre a@tcp:/l rw,flock
35 22 0:45 / /lustre/other rw - lustre a@tcp:/o rw,localflock
36 22 0:46 / /win rw - cifs //server/share rw
37 22 0:47 / /sharedtoo rw - fuse.bindfs /x rw
"""


@pytest.mark.parametrize(
    ("path", "here_only"),
    [
        ("/tmp/runs", False),
        ("/shared/runs", False),
        ("/old", True),
        ("/home/me", False),
        ("/home/me/with space/runs", True),
        ("/home/me/with space/disk/runs", False),
        ("/lustre/runs", False),
        ("/lustre/other/runs", True),
        ("/win/runs", True),
        ("/sharedtoo", True),
        ("/sharedtoo2", False),
    ],
)
def test_mounts_tell_where_locks_hold_on_one_machine_only(path: str, here_only: bool) -> None:
    assert locks._holds_here_only(MOUNTS, path) == here_only
