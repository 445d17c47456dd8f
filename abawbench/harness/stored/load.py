"""A run's model again: its network built as it was and filled with the weights it was left with."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from safetensors.torch import load
from torch import nn

from abawbench.contracts import DataError, Model, Predictor, Task, UsageError
from abawbench.harness.request.settings import apply
from abawbench.nn import frozen_prefixes
from abawbench.plugins import Plugins
from abawbench.records.record import Record
from abawbench.system.files import sha256


def restored(
    folder: Path, record: Record, plugins: Plugins, task: Task, weights: str | None = None
) -> tuple[Model, nn.Module]:
    """Return the model of a run and its network with the trained weights; the caller has seeded torch as the run did.

    A frozen ``embed`` is not stored: the model builds it from the weights it started from, and ``weights`` says where
    they lie when they came from a file. Raises DataError when a file is missing or not the run's, UsageError when the
    weights to start from are others and for a model without a network.
    """
    builder: Any = plugins.get("model", record.model, record.near("model")).builder()
    known = {field.name for field in fields(builder.Settings)}
    chosen = {name: value for name, value in record.settings.items() if name in known}
    model: Model = builder(apply(builder.Settings, chosen, record.model))
    if isinstance(model, Predictor):
        raise UsageError(f"{folder}: model '{record.model}' has no network, so there is none to export or predict with")
    state = _state(folder, record)
    started = record.weights
    source = model.weights(weights or (started.source if started else None), synthetic=record.database.synthetic)
    if started is not None and source.sha256 != started.sha256:
        raise UsageError(
            f"{folder}: the run started from other weights '{started.source}' ({_short(started.sha256)}) than "
            f"'{source.source}' ({_short(source.sha256)}) is now; give --weights with the same file"
        )
    network = model.network(task, source)
    frozen = frozen_prefixes(network)
    try:
        missing, unexpected = network.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise DataError(f"{folder}: its weights do not fit model '{record.model}': {_first(error)}") from error
    lost = [name for name in missing if not name.startswith(frozen)]
    if lost or unexpected:
        names = ", ".join([*lost, *unexpected][:5])
        raise DataError(f"{folder}: its weights do not fit model '{record.model}', which changed since: {names}")
    return model, network


def _state(folder: Path, record: Record) -> dict[str, Any]:
    if record.trained is None and record.protocol is not None and record.protocol.folds:
        raise DataError(f"{folder}: a cross-validated run keeps no weights; run without --folds")
    if record.trained is None:
        raise DataError(f"{folder}: the run kept no weights, so it cannot predict; run it again")
    path = folder / record.trained.file
    if not path.is_file():
        raise DataError(f"{path}: named in the record but missing; run it again")
    if sha256(path) != record.trained.sha256:
        raise DataError(f"{path}: changed since the record was written; run it again")
    return load(path.read_bytes())


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "no digest"


def _first(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
