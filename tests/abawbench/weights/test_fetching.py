"""Weights arrive once, are the same from then on, and nothing half-written or different is ever used."""

import gc
import hashlib
import os
import socket
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import huggingface_hub
import local_hub
import pytest
from local_hub import Hub

from abawbench import fetch_weights
from abawbench.contracts import DataError, Source, UsageError
from abawbench.weights import addresses, lock, obtain, places

pytestmark = pytest.mark.slow

REPO = "some/where"
SOURCE = Source(name="big", what="the weights", licence="MIT", repository=REPO)
CONTENT, OTHER = b"\x08abc" * 5000, b"\x08xyz" * 5000


@pytest.fixture
def hub(consent: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub on this machine with one repository, an empty cache, and consent."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1000)
    monkeypatch.setattr("abawbench.weights.hub.PATIENCE", 1.0)
    monkeypatch.setattr("abawbench.weights.addresses.PATIENCE", 1.0)
    with local_hub.serve() as served:
        served.repository(REPO).commit({"model.safetensors": CONTENT})
        served.files["/w.pth"] = CONTENT
        monkeypatch.setenv("HF_ENDPOINT", served.address)
        huggingface_hub.close_session()
        yield served
    huggingface_hub.close_session()
    with warnings.catch_warnings():
        # requests leaves the sockets of answers that were refused to the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def address(hub: Hub, **more: Any) -> Source:
    return Source(name="big", what="the weights", url=f"{hub.address}/w.pth", **more)


def kinds(hub: Hub) -> list[Source]:
    return [SOURCE, address(hub)]


def half_written(folder: Path) -> list[Path]:
    """Files that a reader could take for whole ones and that are not."""
    known = {hashlib.sha256(content).hexdigest() for content in (CONTENT, OTHER)}
    found = [path for path in folder.rglob("*") if path.is_file() and path.name in ("model.safetensors", "w.pth")]
    return [path for path in found if hashlib.sha256(path.read_bytes()).hexdigest() not in known]


@pytest.mark.parametrize("kind", [0, 1])
def test_the_first_use_fetches_and_records_and_the_next_asks_nobody(hub: Hub, kind: int, tmp_path: Path) -> None:
    source = kinds(hub)[kind]
    path = fetch_weights(source, "m")
    assert path.read_bytes() == CONTENT
    ((pin, where),) = lock.pins_of(source.origin).values()
    assert (pin.sha256, pin.size) == (hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
    assert pin.commit == (hub.repositories[REPO].refs["main"] if kind == 0 else None)
    assert where == tmp_path / "cache" / lock.FILE
    hub.asked.clear()
    hub.fault = "status=500"
    os.environ["ABAWBENCH_NETWORK"] = "0"
    assert fetch_weights(source, "m") == path
    assert hub.asked == []
    assert obtain.verify(source) == ("ok", str(path))


@pytest.mark.parametrize("kind", [0, 1])
def test_without_consent_one_line_ends_with_the_command_that_works(
    hub: Hub, kind: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ABAWBENCH_NETWORK")
    source = kinds(hub)[kind]
    with pytest.raises(UsageError) as refused:
        fetch_weights(source, "my model")
    assert str(refused.value).endswith("run: abawbench weights fetch 'my model' big --network")
    assert "\n" not in str(refused.value)
    assert not hub.asked
    Path("abawbench.toml").write_text("network = true\n")
    assert fetch_weights(source, "my model").read_bytes() == CONTENT


@pytest.mark.parametrize("kind", [0, 1])
def test_a_changed_file_is_refused_with_both_digests_until_it_is_accepted(hub: Hub, kind: int) -> None:
    source = kinds(hub)[kind]
    path = fetch_weights(source, "m")
    path.resolve().write_bytes(OTHER)
    with pytest.raises(UsageError) as refused:
        fetch_weights(source, "m")
    said = str(refused.value)
    assert all(hashlib.sha256(content).hexdigest() in said for content in (CONTENT, OTHER))
    assert said.endswith("run: abawbench weights accept m big")
    assert obtain.verify(source)[0] == "changed"
    os.environ["ABAWBENCH_NETWORK"] = "0"
    obtain.accept(source)
    assert fetch_weights(source, "m").read_bytes() == OTHER


def test_a_moved_tag_changes_nothing_until_it_is_accepted(hub: Hub, tmp_path: Path) -> None:
    first = fetch_weights(SOURCE, "m")
    moved = hub.repositories[REPO].commit({"model.safetensors": OTHER})
    assert fetch_weights(SOURCE, "m") == first
    # another machine with the same lock file gets the same commit
    huggingface_hub.constants.HF_HUB_CACHE = str(tmp_path / "another")
    assert fetch_weights(SOURCE, "m").read_bytes() == CONTENT
    obtain.accept(SOURCE)
    assert fetch_weights(SOURCE, "m").read_bytes() == OTHER
    ((pin, _),) = lock.pins_of(SOURCE.origin).values()
    assert pin.commit == moved


def test_another_file_at_the_address_is_refused_on_the_next_machine(hub: Hub, monkeypatch: Any, tmp_path: Path) -> None:
    source = address(hub)
    fetch_weights(source, "m")
    (tmp_path / lock.FILE).write_text((tmp_path / "cache" / lock.FILE).read_text())
    monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path / "another"))
    hub.files["/w.pth"] = OTHER
    with pytest.raises(UsageError, match="is not the weights of the first use"):
        fetch_weights(source, "m")


@pytest.mark.parametrize("fault", ["break-once", "no-range"])
def test_a_broken_download_from_the_hub_is_taken_up_again(hub: Hub, fault: str) -> None:
    hub.fault = fault
    assert fetch_weights(SOURCE, "m").read_bytes() == CONTENT
    assert any("bytes=" in asked for asked in hub.asked)


def _served(content: bytes) -> Callable[[Hub], None]:
    def change(hub: Hub) -> None:
        hub.repositories[REPO].commit({"model.safetensors": content})
        hub.files["/w.pth"] = content

    return change


def _fault(name: str) -> Callable[[Hub], None]:
    def change(hub: Hub) -> None:
        hub.fault = name

    return change


def _gone(hub: Hub) -> None:
    hub.repositories.clear()
    hub.files.clear()


def _no_file(hub: Hub) -> None:
    hub.repositories[REPO].commit({"README.md": b"moved"})
    hub.files.clear()


WRONG: dict[str, tuple[Callable[[Hub], None], str, str]] = {
    "the server fails": (_fault("status=500"), "server failed", "server failed"),
    "the server is down": (_fault("status=503"), "server failed", "server failed"),
    "asked too often": (_fault("status=429"), "too often", "too often"),
    "a token is wanted": (_fault("status=401"), "hf auth login", "wants a token"),
    "not for this account": (_fault("status=403"), "account", "account"),
    "the proxy wants a name": (_fault("status=407"), "proxy wants", "proxy wants"),
    "gone for good": (_fault("status=410"), "any more", "any more"),
    "no such repository": (_gone, "has no some/where, or keeps it private", "no such file"),
    "no such file": (_no_file, "has no model.safetensors of some/where", "no such file"),
    "gated": (_fault("gated"), "is gated: agree to its terms at", ""),
    "breaks off each time": (_fault("truncate"), "broke off before the end", "broke off before the end"),
    "no answer": (_fault("stall"), "no answer", "no answer"),
    "sends round and round": (_fault("loop"), "without end", "without end"),
    "no hub": (_fault("no-commit"), "names no commit|as a hub does", ""),
    "another size than said": (_fault("size"), "broke off before the end", ""),
    "a login page": (_served(b"<!DOCTYPE html><html>log in</html>"), "is a web page", "is a web page"),
    "a pointer": (_served(b"version https://git-lfs.github.com/spec/v1\noid"), "is the pointer", "is the pointer"),
    "nothing": (_served(b""), "is empty", "is empty"),
}


@pytest.mark.parametrize("way", WRONG)
@pytest.mark.parametrize("kind", [0, 1], ids=["hub", "address"])
def test_a_download_that_goes_wrong_is_one_sentence_and_leaves_nothing(
    hub: Hub, way: str, kind: int, tmp_path: Path
) -> None:
    change, *messages = WRONG[way]
    if not messages[kind]:
        pytest.skip("an address has no such thing")
    change(hub)
    with pytest.raises(UsageError, match=messages[kind]) as refused:
        fetch_weights(kinds(hub)[kind], "m")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "cache" / lock.FILE).exists()
    if kind == 1:
        assert not half_written(tmp_path / "cache")
    # and it is not taken for the file next time, without a network
    os.environ["ABAWBENCH_NETWORK"] = "0"
    with pytest.raises(UsageError):
        fetch_weights(kinds(hub)[kind], "m")


def _closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.parametrize("kind", [0, 1])
def test_a_host_that_is_away_and_a_proxy_that_is_are_named(hub: Hub, kind: int, monkeypatch: Any) -> None:
    away = f"http://127.0.0.1:{_closed_port()}"
    source = SOURCE if kind == 0 else Source(name="big", what="the weights", url=f"{away}/w.pth")
    monkeypatch.setenv("HF_ENDPOINT", away)
    with pytest.raises(UsageError, match="cannot be reached"):
        fetch_weights(source, "m")
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    source = SOURCE if kind == 0 else Source(name="big", what="the weights", url="http://hub.invalid/w.pth")
    with pytest.raises(UsageError, match="cannot be resolved"):
        fetch_weights(source, "m")
    monkeypatch.setenv("HTTP_PROXY", away)
    monkeypatch.setenv("http_proxy", away)
    huggingface_hub.close_session()
    with pytest.raises(UsageError, match=r"the proxy refused|cannot be reached"):
        fetch_weights(source, "m")


def test_an_offline_hub_says_which_variable_keeps_it_off(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    huggingface_hub.close_session()
    with pytest.raises(UsageError, match="HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set"):
        fetch_weights(SOURCE, "m")


def test_a_commit_that_the_hub_lost_is_not_replaced_by_another(hub: Hub, tmp_path: Path) -> None:
    fetch_weights(SOURCE, "m")
    hub.repositories[REPO].commits.clear()
    hub.repositories[REPO].commit({"model.safetensors": OTHER})
    huggingface_hub.constants.HF_HUB_CACHE = str(tmp_path / "another")
    with pytest.raises(UsageError, match="no longer has the commit"):
        fetch_weights(SOURCE, "m")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device"), PermissionError("no")])
def test_what_interrupts_leaves_nothing_to_use(
    hub: Hub, error: BaseException, monkeypatch: Any, tmp_path: Path
) -> None:
    def stop(answer: object, file: Any, what: str) -> None:
        file.write(CONTENT[:10])
        raise error

    monkeypatch.setattr("abawbench.weights.addresses._receive", stop)
    with pytest.raises((UsageError, KeyboardInterrupt), match=r"^$|the disk is full|may not be written"):
        fetch_weights(address(hub), "m")
    assert addresses.find_local(address(hub)) is None
    assert {path.suffix for path in (tmp_path / "cache").rglob("*") if path.is_file()} == {".part"}


def test_two_at_once_get_the_same_file(hub: Hub) -> None:
    source = address(hub)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: fetch_weights(source, "m"), range(2))
    assert first == second
    assert first.read_bytes() == CONTENT


def test_files_behind_patterns_are_found_again_without_the_hub(hub: Hub) -> None:
    files = {"config.json": b"{}", "pytorch_model.bin": CONTENT, "vocab.txt": b"a", "README.md": b"?"}
    hub.repository("a/b").commit(files)
    source = Source(
        name="b", what="b", repository="a/b", files=("model.safetensors|pytorch_model.bin", "config.json", "vocab*")
    )
    path = fetch_weights(source, "m")
    assert path.name == "pytorch_model.bin"
    assert sorted(one.name for one in path.parent.iterdir()) == ["config.json", "pytorch_model.bin", "vocab.txt"]
    hub.asked.clear()
    assert fetch_weights(source, "m") == path
    assert hub.asked == []


def test_what_another_program_fetched_is_taken_and_recorded(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "kept.pth").write_bytes(CONTENT)
    source = address(hub, kept=str(tmp_path / "kept.pth"))
    assert fetch_weights(source, "m") == tmp_path / "kept.pth"
    assert hub.asked == []
    (tmp_path / "kept.pth").write_bytes(OTHER)
    with pytest.raises(UsageError, match="is not the weights of the first use"):
        fetch_weights(source, "m")


def test_a_package_that_is_not_installed_is_named_with_its_command() -> None:
    source = Source(name="big", what="its weights", package="no-such-package==1.0", files=("a.bin",))
    with pytest.raises(UsageError, match=r"run: pip install --no-deps 'no-such-package==1\.0'"):
        fetch_weights(source, "m")
    broken = Source(name="big", what="its weights", package="pluggy", files=("pluggy/none.bin",))
    with pytest.raises(UsageError, match=r"is installed without pluggy/none\.bin"):
        fetch_weights(broken, "m")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[file", "not valid TOML"),
        ("file = 3", "must be a list"),
        ('[[file]]\norigin = "a"', "entry 1 has no valid 'file'"),
        ('[[file]]\norigin = "a"\nfile = "b"\nsha256 = "XYZ"', "no valid 'sha256'"),
        ('[[file]]\norigin = "a"\nfile = "b"\nsize = "1"', "no valid 'size'"),
    ],
)
def test_a_damaged_lock_file_is_named_and_never_taken_for_an_empty_one(
    hub: Hub, text: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / lock.FILE).write_text(text)
    with pytest.raises(DataError, match=said):
        fetch_weights(SOURCE, "m")


def test_a_project_that_keeps_a_lock_file_gets_the_records(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / lock.FILE).write_text("")
    fetch_weights(SOURCE, "m")
    assert set(lock.read_lock(tmp_path / lock.FILE)) == {(SOURCE.origin, "model.safetensors")}
    assert not (tmp_path / "cache" / lock.FILE).exists()


def test_the_shipped_lock_is_valid_and_a_digest_of_few_digits_is_completed(hub: Hub, monkeypatch: Any) -> None:
    assert lock.read_lock(lock.SHIPPED)
    pin = lock.Pin(origin=address(hub).origin, file="w.pth", sha256=hashlib.sha256(CONTENT).hexdigest()[:8])
    shipped = Path("shipped.lock").absolute()
    lock.record([pin], at=shipped)
    monkeypatch.setattr(lock, "SHIPPED", shipped)
    fetch_weights(address(hub), "m")
    assert all(found.whole for found, _ in lock.pins_of(address(hub).origin).values())


def test_file_names_and_waiting_are_what_they_say() -> None:
    named = Source(name="n", what="w", url="https://x.invalid/a%20b/c%20d.pth?raw=true")
    assert addresses.file_name(named) == "c d.pth"
    assert 1 <= places.PATIENCE <= 30
