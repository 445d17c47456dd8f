"""The numbers that official copies have, kept as data in ``counts.csv`` with source and confidence."""

import csv
from importlib.resources import files
from typing import cast

from abawbench.contracts.inspection import Confidence, Expected


def expected_counts(database: str, edition: int | None) -> list[Expected]:
    """Return the known numbers of a database under an edition (None: the last with any), none for one without any.

    Sources are sections of abaw-protocols, and open-data for the databases without a form to sign.
    """
    text = files(__package__).joinpath("counts.csv").read_text(encoding="utf-8")
    rows = [row for row in csv.DictReader(text.splitlines()) if row["database"] == database]
    last = max((int(number) for row in rows for number in row["editions"].split()), default=None)
    return [
        Expected(
            label=row["label"],
            split=row["split"],
            what=row["what"],
            number=int(row["number"]),
            confidence=cast(Confidence, row["confidence"]),
            source=row["source"],
        )
        for row in rows
        if str(edition or last) in row["editions"].split()
    ]
