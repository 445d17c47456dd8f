from pathlib import Path

import pytest

from abawbench.config import parse_data, read_config
from abawbench.contracts import UsageError


def test_a_database_may_have_several_roots(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    roots = parse_data([f"aff-wild2={tmp_path}/a", f"aff-wild2={tmp_path}/b", "synthetic"])
    assert roots == {"aff-wild2": (tmp_path / "a", tmp_path / "b"), "synthetic": ()}


@pytest.mark.parametrize(
    ("item", "message"),
    [("=x", "write NAME=ROOT"), ("bah=", "write NAME=ROOT"), ("bah=/no/where", "no folder or file at /no/where")],
)
def test_what_names_no_folder_is_refused(item: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_data([item])


def test_roots_come_from_the_file_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "abawbench.toml").write_text('[data]\nbah = "data"\naff-wild2 = ["data", "data"]\n')
    assert read_config(tmp_path) == {"bah": (tmp_path / "data",), "aff-wild2": (tmp_path / "data", tmp_path / "data")}
    assert read_config(tmp_path / "data") == {}


@pytest.mark.parametrize(
    "text",
    ["[data", "data = 3", "[data]\nbah = 3", '[Data]\nbah = "."', "[datas]", "networks = true", '[data]\nbah = "gone"'],
)
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "abawbench.toml").write_text(text)
    with pytest.raises(UsageError, match=r"abawbench\.toml"):
        read_config(tmp_path)


def test_a_misspelt_table_is_named_with_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "abawbench.toml").write_text('[Data]\nbah = "."\n')
    with pytest.raises(UsageError, match="unknown key 'Data'; did you mean 'data'"):
        read_config(tmp_path)


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "abawbench.toml").write_text('[data]\nbah = "."\n', encoding="utf-8-sig")
    assert read_config(tmp_path) == {"bah": (tmp_path,)}
