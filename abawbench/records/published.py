"""Results that others report: the rows of ``published.yaml``."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from abawbench.contracts.errors import DataError
from abawbench.system.files import read_whole

PUBLISHED = "published.yaml"
"""Their file in a folder of leaderboards."""


class Published(BaseModel):
    """One result that somebody else reports."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_min_length=1)

    system: str
    task: str
    edition: int = Field(ge=1)
    database: str
    split: Literal["val", "test", "public test", "private test"]
    metric: str
    value: float = Field(ge=-1, le=3, allow_inf_nan=False)
    """The metric's value; the largest possible one is 3, of P_MTL."""
    source: str
    """The paper or repository that reports it."""
    confidence: Literal["CONFIRMED", "SINGLE", "INFERRED"]
    note: str | None = None
    plugin: str | None = None
    """The model plugin that implements the system here."""
    needs: str | None = None
    """What it takes to measure it with the plugin: data, weights, options."""
    parameters: float | None = Field(default=None, gt=0)
    """Of the whole system, as its source states them."""
    macs_per_frame: float | None = Field(default=None, gt=0)
    """Multiply-accumulates, as its source states them: a number of FLOPs is halved only where the source counts 2."""


def load(path: Path) -> list[Published]:
    """Return the published results in a YAML file. Raises DataError naming the file and the entry that is wrong."""
    import yaml

    try:
        entries = yaml.safe_load(read_whole(path).decode("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{path}: not a readable YAML file ({error})") from error
    if not isinstance(entries, list):
        raise DataError(f"{path}: expected a list of results")
    rows: list[Published] = []
    for number, entry in enumerate(entries, 1):
        try:
            row = Published.model_validate(entry)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the entry"
            raise DataError(f"{path}: entry {number}: {where}: {first['msg']}") from error
        if any(_identity(row) == _identity(other) for other in rows):
            raise DataError(f"{path}: entry {number} repeats {row.system} on {row.task}; keep one of them")
        rows.append(row)
    return rows


def _identity(row: Published) -> tuple[object, ...]:
    return row.system, row.task, row.edition, row.database, row.split, row.metric
