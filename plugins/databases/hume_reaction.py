"""Hume-Reaction: the emotional reaction intensity challenge of edition 5."""

from collections.abc import Sequence
from pathlib import Path

from abawbench_plugins.databases.hume_vidmimic2 import HumeVidmimic2

EMOTIONS = ("Adoration", "Amusement", "Anxiety", "Disgust", "Empathic-Pain", "Fear", "Surprise")


def open_database(roots: Sequence[Path]) -> "HumeReaction":
    """Return Hume-Reaction as found in the roots together. Raises DataError when they hold nothing of it."""
    return HumeReaction(roots)


class HumeReaction(HumeVidmimic2):
    """Hume-Reaction in the layout of Hume-Vidmimic2, with seven emotions and ids of up to five digits.

    Only the emotions and their range are CONFIRMED (abaw-protocols, section 4.3). That files and columns are those of
    the later database is INFERRED: bring a copy that differs into this form, or read it with a database of your own.
    Who is seen in several clips is not known, so that every clip is its own subject. Without ``test_split.csv`` the
    test split holds the clips of folders without a csv; no id tells it apart.
    """

    name = "hume-reaction"
    label_names = ("eri",)
    emotions = EMOTIONS
    first_test = None
