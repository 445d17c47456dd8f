"""Which runs a newer one makes outdated: the same request, run again since with other code, data or versions."""

import json
from collections.abc import Sequence

from abawbench.compare.sides import Run
from abawbench.records.record import Record


def outdated(runs: Sequence[Run]) -> list[Run]:
    """Return the results that a newer result of the same request takes the place of, and failures older than a result.

    A job that gave no result knows only model, task and seed; it makes no result outdated. Neither does a run whose
    time is still to come.
    """
    found: list[Run] = []
    newest: dict[str, Run] = {}
    done: set[tuple[str, str, int]] = set()
    told = [run for run in runs if not run.is_to_come]
    for run in sorted(told, key=lambda run: run.asked, reverse=True):
        record = run.record
        job = record.model, record.task, record.seed
        if record.status == "ok":
            done.add(job)
            if newest.setdefault(_request(record), run) is not run:
                found.append(run)
        elif job in done:
            found.append(run)
    return found


def _request(record: Record) -> str:
    """Return what was asked for, as text that is equal for equal requests."""
    said = record.model_dump(
        mode="json", include={"model", "task", "edition", "seed", "settings", "protocol", "weights", "parity"}
    )
    protocol = {k: v for k, v in (said["protocol"] or {}).items() if k not in ("threshold_values", "tuned_on")}
    weights = (said["weights"] or {}).get("source")
    runtime = (said["parity"] or {}).get("runtime")
    data = record.database.name, record.database.synthetic, record.scored_part
    plain = [said[name] for name in ("model", "task", "edition", "seed", "settings")]
    return json.dumps([*plain, protocol, weights, runtime, data], sort_keys=True)
