"""Names that are no text are told before anything is computed."""

import os
from typing import Any

import pytest

from abawbench.contracts.errors import DataError
from abawbench_plugins.databases.aff_wild2 import open_database


def test_a_track_whose_name_is_not_utf8_is_a_data_error(disk: Any) -> None:
    folder = disk.root / "8th_ABAW_Annotations/VA_Estimation_Challenge/Validation_Set"
    folder.mkdir(parents=True)
    with open(os.path.join(os.fsencode(folder), b"caf\xe9.txt"), "wb") as file:
        file.write(b"valence,arousal\n0.1,0.2\n")
    with pytest.raises(DataError, match=r"track 'caf\\udce9' has a name that is no UTF-8 text") as refused:
        open_database([disk.root]).tracks("va", "val")
    assert str(refused.value).encode()
