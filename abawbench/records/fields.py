"""What the pieces of a record are made of."""

import math
from collections.abc import Mapping
from operator import index
from pathlib import PurePath
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue


def finite(value: Any) -> float | None:
    """Return a number as float, or None for None, NaN and infinity. Raises ValueError for what is no number."""
    if value is None:
        return None
    if isinstance(value, bool | str | bytes):
        raise ValueError(f"a number is needed, not {value!r}")
    try:
        number = float(value)
    except (TypeError, OverflowError) as error:  # pydantic understands ValueError alone
        raise ValueError(f"a number is needed ({error})") from error
    return number if math.isfinite(number) else None


def count(value: Any) -> int:
    """Return a whole number as int. Raises ValueError for anything else."""
    if isinstance(value, bool):
        raise ValueError(f"a whole number is needed, not {value}")
    try:
        return index(value)
    except TypeError as error:
        raise ValueError(f"a whole number is needed ({error})") from error


def jsonable(value: Any) -> Any:
    """Return a setting as JSON can hold it: tuples as lists, paths and non-finite numbers as text."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item) for item in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, PurePath):
        return value.name
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value.item() if hasattr(value, "item") else value


Number = Annotated[float | None, BeforeValidator(finite)]
Count = Annotated[int, BeforeValidator(count), Field(ge=0)]
Settings = Annotated[dict[str, JsonValue], BeforeValidator(jsonable)]


class RecordPart(BaseModel):
    """The base of every piece of a record: unchangeable, and no field that the schema does not know."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, json_schema_serialization_defaults_required=True
    )
