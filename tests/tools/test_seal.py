"""What holds gets a seal, and what does not stays as it is."""

import json
from pathlib import Path

import abawbench_leaderboards
import seal

from abawbench.records.store import read

RESULTS = Path(abawbench_leaderboards.__file__).parent / "results"


def test_only_a_result_that_holds_is_sealed(tmp_path: Path) -> None:
    for name, edit in (("constant", {}), ("random", {"value": 0.99})):
        stem = f"{name}-expr-facial-expressions-seed0"
        said = json.loads((RESULTS / f"{stem}.json").read_text(encoding="utf-8"))
        said |= {"seal": None, "score": said["score"] | edit}
        (tmp_path / f"{name}.json").write_text(json.dumps(said), encoding="utf-8")
        (tmp_path / f"{name}.parquet").write_bytes((RESULTS / f"{stem}.parquet").read_bytes())
    (why,) = seal.seal(tmp_path)
    assert "random.json: score.value is 0.99" in why
    assert read(tmp_path / "constant.json").seal is not None
    assert read(tmp_path / "random.json").seal is None


def test_every_shipped_result_has_a_seal() -> None:
    assert [path.name for path in RESULTS.glob("*.json") if read(path).seal is None] == []
