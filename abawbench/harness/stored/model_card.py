"""The model card of an exported network, with its results as Hugging Face's ``model-index`` has them."""

import shlex

from huggingface_hub import EvalResult, ModelCardData

from abawbench._version import __version__
from abawbench.contracts import Task
from abawbench.records.record import Record

CARD = "README.md"
LICENCES = ("apache-2.0", "mit", "bsd-3-clause", "cc-by-4.0", "cc-by-nc-4.0")
"""Those of which the hub has the name that a declaration uses."""
_SYNTHETIC = "drawn faces, which say nothing about real ones"


def card_text(record: Record, task: Task, licence: str, format: str, folder: str) -> str:
    """Return the card: front matter with the results, then in words what was measured, how, and what it starts from."""
    results = _results(record, task)
    named = licence.lower() in LICENCES
    front = ModelCardData(
        model_name=record.model,
        license=licence.lower() if named else "other",
        license_name=None if named else licence,
        tags=["affective-computing", record.task, format, "abawbench"],
        eval_results=results or None,
    )
    score, floor, weights = record.score, record.floor, record.weights
    ends = score.interval if score else None
    lines = [f"# {record.model} on {record.task}", ""]
    if record.database.synthetic:
        lines += [f"**Trained and scored on {_SYNTHETIC}.**", ""]
    if score is not None and score.value is not None:
        known = ends is not None and ends.low is not None and ends.high is not None
        between = f" [{ends.low:.3f}, {ends.high:.3f}]" if known and ends else ""
        nothing = f"; a constant scores {floor.value:.3f}" if floor and floor.value is not None else ""
        lines.append(f"{score.metric} on {record.scored_on}: {score.value:.3f}{between}{nothing}.")
    else:
        lines.append("Fitted to training and validation tracks together; nothing was left to score.")
    if len(record.entry) > 1:
        lines.append(f"Not the official protocol, or not ranked: {', '.join(record.entry[1:])}.")
    if weights is not None:
        seen = f", trained on {', '.join(weights.trained_on)}" if weights.trained_on else ""
        lines.append(f"It starts from weights '{weights.source}'{seen} ({weights.licence or 'no licence named'}).")
    lines += [
        "",
        "`example.py` runs it; `preprocessing.json` says how images and sound become its inputs, `model.json` what "
        "else is known of the run.",
        "",
        f"Measured by abawbench {__version__}, job {record.job[:8]}. To publish this folder:",
        "",
        f"    {upload_command(folder)}",
        "",
    ]
    return f"---\n{front.to_yaml()}\n---\n\n" + "\n".join(lines)


def upload_command(folder: str) -> str:
    """Return the command that uploads the folder to a hub, for the reader to put a name in."""
    name = folder.rstrip("/").rpartition("/")[2]
    return shlex.join(["hf", "upload", f"YOUR-NAME/{name}", folder])


def _results(record: Record, task: Task) -> list[EvalResult]:
    """Return the value and those of its parts; what keeps a value from being ranked stands in its name."""
    score = record.score
    if score is None or score.value is None:
        return []
    marks = f" ({', '.join(record.entry[1:])})" if len(record.entry) > 1 else ""
    values = {score.metric: score.value} | {
        f"{score.metric}, {name}": part.value for name, part in score.parts.items() if part.value is not None
    }
    data = record.database
    return [
        EvalResult(
            task_type="video-classification" if task.kind in ("multiclass", "multilabel") else "other",
            task_name=f"{record.task}, edition {record.edition}",
            dataset_type=data.name,
            dataset_name=f"{data.name}: {_SYNTHETIC}" if data.synthetic else data.name,
            dataset_split=record.scored_part,
            metric_type=score.metric,
            metric_name=f"{name}{marks}",
            metric_value=value,
        )
        for name, value in values.items()
    ]
