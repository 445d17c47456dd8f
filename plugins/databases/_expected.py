"""The numbers that official copies have, kept as data in ``counts.csv`` with source and confidence."""

import csv
from importlib.resources import files
from typing import cast

from abawbench.contracts.inspection import Confidence, Expected

EDITION = 8
"""Whose numbers are meant when no edition is named."""


def expected_counts(database: str, edition: int | None) -> list[Expected]:
    """Return the known numbers of a database under an edition, none for an edition without any.

    Sources are sections of abaw-protocols.
    """
    text = files(__package__).joinpath("counts.csv").read_text(encoding="utf-8")
    return [
        Expected(
            label=row["label"],
            split=row["split"],
            what=row["what"],
            number=int(row["number"]),
            confidence=cast(Confidence, row["confidence"]),
            source=row["source"],
        )
        for row in csv.DictReader(text.splitlines())
        if row["database"] == database and str(edition or EDITION) in row["editions"].split()
    ]
