"""Give the results of a leaderboard that have no seal theirs: ``python tools/seal.py leaderboards/results``.

Each is verified first, as ``abawbench leaderboard`` does it: value, tracks and names against the statistics beside it.
One that does not hold is named and stays as it is, and the exit status is 1. A seal tells later edits; what was edited
before it is told by the history of the file alone.
"""

import json
import sys
from pathlib import Path

from abawbench.compare.sides import Run
from abawbench.compare.verify import verify
from abawbench.plugins import default_plugins
from abawbench.records.record import seal_of
from abawbench.records.store import read
from abawbench.system.files import replace_file


def seal(folder: Path) -> list[str]:
    """Seal what holds in a folder and return why the others do not, one sentence each."""
    records = {path: read(path) for path in sorted(folder.glob("*.json"))}
    found = verify([Run(path, record.sealed()) for path, record in records.items()], default_plugins())
    doubts = [found.unranked[id(run.record)] for run in found.runs if id(run.record) in found.unranked]
    believed = {run.path for run in found.runs}
    for path, record in records.items():
        if path in believed and record.seal is None:
            said = json.loads(path.read_text(encoding="utf-8"))
            with replace_file(path) as temporary:
                text = json.dumps(said | {"seal": seal_of(said)}, indent=2, allow_nan=False, ensure_ascii=False)
                temporary.write_text(text + "\n", encoding="utf-8")
            print(f"sealed {path}")
    return [*(why for _, why in found.left_out), *doubts]


if __name__ == "__main__":
    left = seal(Path(sys.argv[1]))
    for why in left:
        print(why, file=sys.stderr)
    sys.exit(bool(left))
