"""A track carries no labels; who may see them is handed the pair of both, and nobody can change a locked copy."""

import numpy as np
import pytest

from abawbench import PluginError
from abawbench.contracts import LabelledTrack, Labels


def test_a_track_that_is_asked_for_labels_says_who_gets_them(toy_database) -> None:
    one = toy_database.tracks("colour", "train")[0]
    with pytest.raises(PluginError, match=r"track 'train0' carries no labels: fit\(\) is given those"):
        one.track.labels("colour")
    assert one.known is one.labels


def test_a_pair_without_labels_has_none_to_know(toy_database) -> None:
    alone = LabelledTrack(toy_database.tracks("colour", "val")[0].track)
    assert alone.labels is None
    with pytest.raises(AssertionError):
        _ = alone.known


def test_a_read_only_copy_cannot_be_unlocked() -> None:
    labels = Labels(np.arange(6).reshape(3, 2), np.array([True, False, True]))
    locked = labels.read_only()
    for array, original in ((locked.values, labels.values), (locked.mask, labels.mask)):
        np.testing.assert_array_equal(array, original)
        assert array.dtype == original.dtype
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True
    labels.values[0] = 9
    assert locked.values[0].tolist() == [0, 1]
