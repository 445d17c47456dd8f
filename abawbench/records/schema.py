"""The published JSON Schema of a record; ``python -m abawbench.records.schema`` writes it anew."""

import json
from pathlib import Path

from abawbench.records.record import Record

FILE = Path(__file__).with_name("schema.json")
"""The schema that ships with the package."""


def text() -> str:
    """Return the schema of the record as this version writes it, as indented JSON."""
    return json.dumps(Record.json_schema(), indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
