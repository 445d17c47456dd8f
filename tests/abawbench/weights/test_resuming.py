"""A download that was cut off goes on where it can, and two contents are never joined."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import local_hub
import pytest
from local_hub import Hub

from abawbench import fetch_weights
from abawbench.contracts import Source, UsageError

pytestmark = pytest.mark.slow

CONTENT, OTHER = b"\x08abc" * 50_000, b"\x08xyz" * 50_000


@pytest.fixture
def hub(consent: None) -> Iterator[Hub]:
    """A server on this machine with one file, an empty cache, and consent."""
    with local_hub.serve() as served:
        served.files["/w.pth"] = CONTENT
        yield served


def source(hub: Hub) -> Source:
    return Source(name="big", what="the weights", url=f"{hub.address}/w.pth")


def parts(folder: Path) -> list[Path]:
    return list(folder.rglob("*.part"))


def cut_off(hub: Hub, fault: str) -> None:
    """Fetch once from a server that breaks off in the middle."""
    hub.fault = fault
    with pytest.raises(UsageError, match="broke off before the end"):
        fetch_weights(source(hub), "m")
    hub.fault = ""
    hub.asked.clear()


def test_what_a_killed_process_left_is_not_fetched_again(hub: Hub, tmp_path: Path) -> None:
    hub.fault = "hang-half"
    program = "from abawbench import fetch_weights as f; from abawbench.contracts import Source as S; "
    program += f"f(S(name='big', what='the weights', url={source(hub).url!r}), 'm')"
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        until = time.monotonic() + 60
        while not any(part.stat().st_size for part in parts(tmp_path)) and time.monotonic() < until:
            time.sleep(0.02)
        process.kill()
        process.wait(timeout=10)
    (part,) = parts(tmp_path)
    had = part.stat().st_size
    assert 0 < had < len(CONTENT)
    hub.fault = ""
    hub.asked.clear()
    assert fetch_weights(source(hub), "m").read_bytes() == CONTENT
    assert hub.asked == [f"GET /w.pth bytes={had}-"]
    assert parts(tmp_path) == []


def test_another_content_at_the_address_begins_anew(hub: Hub, tmp_path: Path) -> None:
    cut_off(hub, "break-once")
    hub.files["/w.pth"] = OTHER
    assert fetch_weights(source(hub), "m").read_bytes() == OTHER
    assert hub.asked[0].startswith("GET /w.pth bytes=")
    assert parts(tmp_path) == []


def test_a_server_that_gives_no_parts_gives_all_again(hub: Hub, tmp_path: Path) -> None:
    cut_off(hub, "break-once")
    (part,) = parts(tmp_path)
    hub.fault = "no-range"
    assert fetch_weights(source(hub), "m").read_bytes() == CONTENT
    assert not part.exists()


def test_without_a_mark_of_the_content_nothing_is_kept(hub: Hub, tmp_path: Path) -> None:
    cut_off(hub, "no-mark")
    assert parts(tmp_path) == []
    assert fetch_weights(source(hub), "m").read_bytes() == CONTENT


def test_a_part_that_is_longer_than_the_file_is_thrown_away(hub: Hub, tmp_path: Path) -> None:
    cut_off(hub, "break-once")
    (part,) = parts(tmp_path)
    part.write_bytes(CONTENT + b"more")
    assert fetch_weights(source(hub), "m").read_bytes() == CONTENT
    assert [asked.rpartition(" ")[2] for asked in hub.asked] == [f"bytes={len(CONTENT) + 4}-", "/w.pth"]
