"""A whole run on the tiny copy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from abawbench import DataError

from abawbench_image_folders.database import ImageFoldersDatabase
from abawbench_image_folders.example import write


def test_a_model_is_scored_on_it(abawbench_run: Callable[..., Any], tmp_path: Path) -> None:
    write(tmp_path)
    data = {"image-folders": [tmp_path]}
    record = abawbench_run("prior", "expr", run_options={"data": data})
    assert record.database.name == "image-folders"
    assert record.counts.frames == 16


def test_a_root_without_splits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="neither a folder train nor"):
        ImageFoldersDatabase([tmp_path])
