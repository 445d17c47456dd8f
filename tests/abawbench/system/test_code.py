"""Code is the same only while nothing that it consists of has changed."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from abawbench.system import code
from abawbench.system.cache import cache_folder
from abawbench.system.code import Code, Scope, identify_files, identify_module

FILES = {
    "lab/__init__.py": "",
    "lab/models/__init__.py": "",
    "lab/models/net.py": "from lab.layers import SCALE\n\ndef late():\n    import lab_helper\n",
    "lab/layers.py": "from .more import x\nSCALE = 1\n",
    "lab/more.py": "x = 1\n",
    "lab/config.json": "{}",
    "lab/weights/net.bin": "\x00",
    "lab_helper.py": "import lab_far\nimport lab_wheel.deep\n",
    "lab_far/__init__.py": "import lab_space.part\n",
    "lab_far/table.csv": "1\n",
    "lab_space/part/__init__.py": "",
    "lab_wheel/__init__.py": "",
    "lab_wheel/deep.py": "",
    "lab_wheel-1.2.dist-info/METADATA": "Metadata-Version: 2.1\nName: lab-wheel\nVersion: 1.2\n",
    "lab_wheel-1.2.dist-info/RECORD": "lab_wheel/__init__.py,sha256=x,0\nlab_wheel/deep.py,sha256=y,0\n",
    "unrelated.py": "",
}


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a plugin's package and what it imports, in reach of Python."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path / "cache"))
    yield tmp_path
    forget()


def forget() -> None:
    for known in (identify_module, identify_files, code._owner, code._in_folder, code._named, code._kept_in):
        known.cache_clear()


def identify() -> Code:
    forget()
    return identify_module("lab.models.net", "lab", Scope())


@pytest.mark.parametrize(
    "changed",
    [
        "lab/models/net.py",
        "lab/layers.py",
        "lab/more.py",
        "lab/config.json",
        "lab/weights/net.bin",
        "lab_helper.py",
        "lab_far/table.csv",
        "lab_space/part/__init__.py",
    ],
)
def test_a_change_in_whatever_it_consists_of_is_seen(lab: Path, changed: str) -> None:
    before = identify().digest
    (lab / changed).write_text(FILES[changed] + "# changed")
    assert identify().digest != before
    (lab / changed).write_text(FILES[changed])
    assert identify().digest == before


@pytest.mark.parametrize("added", ["lab/new.py", "lab/new.pt", "lab_far/lib.so"])
def test_a_file_that_is_added_is_seen(lab: Path, added: str) -> None:
    before = identify().digest
    (lab / added).write_text("")
    assert identify().digest != before


@pytest.mark.parametrize("changed", ["unrelated.py", "lab/__pycache__/net.pyc", "lab/.git/HEAD", "runs/result.json"])
def test_what_it_does_not_consist_of_changes_nothing(lab: Path, changed: str) -> None:
    before = identify().digest
    (lab / changed).parent.mkdir(exist_ok=True)
    (lab / changed).write_text("changed")
    assert identify().digest == before


def test_an_installed_distribution_counts_by_its_version(lab: Path) -> None:
    before = identify()
    assert before.imports == {"lab-wheel": "1.2"}
    metadata = lab / "lab_wheel-1.2.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("1.2", "1.3"))
    after = identify()
    assert after.imports == {"lab-wheel": "1.3"}
    assert after.digest != before.digest


def test_one_installed_from_a_folder_counts_by_what_it_holds(lab: Path) -> None:
    info = lab / "lab_wheel-1.2.dist-info"
    (info / "direct_url.json").write_text('{"dir_info": {}, "url": "file:///lab"}')
    before = identify()
    (info / "RECORD").write_text((info / "RECORD").read_text().replace("sha256=y", "sha256=z"))
    assert identify().digest != before.digest


def test_the_files_that_a_distribution_lists_count_wherever_they_lie(lab: Path) -> None:
    info = lab / "lab-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab\nVersion: 1.0\n")
    (lab / "lab_data").mkdir()
    (lab / "lab_data" / "means.npy").write_text("1")
    (info / "RECORD").write_text("lab/__init__.py,,\nlab_data/means.npy,,\nlab-1.0.dist-info/RECORD,,\n")
    before = identify()
    assert before.not_known == ()
    (lab / "lab_data" / "means.npy").write_text("2")
    assert identify().digest != before.digest


def test_a_module_that_is_installed_later_is_seen(lab: Path) -> None:
    (lab / "lab/more.py").write_text("import lab_optional\n")
    before = identify()
    assert before.imports["lab_optional"] == "not installed"
    (lab / "lab_optional.py").write_text("")
    assert identify().digest != before.digest


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import importlib\nimportlib.import_module(name)", "more.py:2 imports a module whose name is made at run"),
        ("import ctypes\n\nctypes.CDLL('x.so')", "more.py:3 calls CDLL, which may run other code"),
        ("exec(text)", "more.py:1 calls exec"),
    ],
)
def test_what_cannot_be_known_is_said(lab: Path, source: str, said: str) -> None:
    (lab / "lab/more.py").write_text(source)
    assert any(said in one for one in identify().not_known)


def test_a_distribution_without_a_list_of_files_is_said(lab: Path) -> None:
    assert identify().not_known == ("lab has no list of its files: only those of the packages that its code imports "
                                    "are known",)  # fmt: skip


def test_of_some_packages_only_what_is_imported_counts(lab: Path) -> None:
    def narrow() -> str:
        forget()
        return identify_module("lab.models.net", "lab", Scope(by_file=("lab",))).digest

    before = narrow()
    (lab / "lab/more.py").write_text("x = 2\n")
    assert (after := narrow()) != before
    (lab / "lab/models/other.py").write_text("")
    assert narrow() == after
    (lab / "lab/models/data.bin").write_text("")
    assert narrow() != after


def test_files_count_with_the_versions_of_what_they_import(lab: Path) -> None:
    (lab / "room").mkdir()
    (lab / "room" / "a.py").write_text("import numpy, lab_wheel\n")
    found = identify_files((lab / "room",), Scope())
    assert found.imports == {"lab-wheel": "1.2", "numpy": sys.modules["numpy"].__version__}


def test_finding_out_imports_nothing(lab: Path) -> None:
    identify()
    assert not {name for name in sys.modules if name.startswith("lab")}


def test_a_module_that_lies_in_no_file_is_said(monkeypatch: pytest.MonkeyPatch, lab: Path) -> None:
    from types import ModuleType

    monkeypatch.setitem(sys.modules, "made_up", ModuleType("made_up"))
    found = identify_module("made_up", "nobody", Scope())
    assert "module made_up lies in no file" in found.not_known


def test_what_was_read_once_is_not_parsed_again(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = identify()
    parsed: list[bytes] = []
    parse = code._read_mentions
    monkeypatch.setattr(code, "_read_mentions", lambda source: parsed.append(source) or parse(source))
    assert identify() == first
    assert not parsed
    (lab / "lab" / "layers.py").write_bytes(b"import lab.config\n")
    assert identify().digest != first.digest
    assert parsed == [b"import lab.config\n"]


@pytest.mark.parametrize("damage", [b"", b"[", b"[1]", b"null"])
def test_a_damaged_cache_of_code_is_made_again(lab: Path, damage: bytes) -> None:
    first = identify()
    (kept,) = (cache_folder() / "code").iterdir()
    kept.write_bytes(damage)
    assert identify() == first
