"""What two runs differ in besides their results: code, data, weights, settings, protocol, runtime, versions."""

from collections.abc import Callable, Mapping

from abawbench.records.record import Record
from abawbench.system.text import NONE

SHORT = 8
"""Characters of a digest that are shown."""


def differences(a: Record, b: Record) -> list[str]:
    """Return what differs from A to B, one line each, for example ``settings: epochs 3 -> 10``; empty where nothing.

    Two models have other weights and settings anyhow, so those are told of one model only.
    """
    found = []
    for kind, describe in _KINDS.items():
        if a.model != b.model and kind in ("weights", "settings"):
            continue
        one, other = describe(a), describe(b)
        changed = [
            f"{name} {one.get(name, NONE)} -> {other.get(name, NONE)}"
            for name in dict.fromkeys([*one, *other])
            if one.get(name) != other.get(name)
        ]
        if changed:
            found.append(f"{kind}: {', '.join(changed)}")
    return found


def _flat(values: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def _code(record: Record) -> dict[str, object]:
    found: dict[str, object] = {"abawbench": record.abawbench}
    for plugin in record.plugins:
        if plugin.kind == "database":
            continue  # its annotations say whether the data are the same
        version = f"{plugin.distribution} {plugin.version} ({plugin.digest[:SHORT]})"
        found[f"{plugin.kind} {plugin.name}"] = version
    return found


def _data(record: Record) -> dict[str, object]:
    data = record.database
    return {
        "database": data.name,
        "annotations": data.fingerprint[:SHORT],
        "split": record.scored_part,
        "scored tracks": data.tracks_sha256 and data.tracks_sha256[:SHORT],
    }


def _weights(record: Record) -> dict[str, object]:
    weights = record.weights
    return {"source": weights.source, "file": weights.sha256 and weights.sha256[:SHORT]} if weights else {}


def _protocol(record: Record) -> dict[str, object]:
    given = record.protocol.model_dump(mode="json", exclude={"threshold_values"}) if record.protocol else {}
    return _flat(given)


def _runtime(record: Record) -> dict[str, object]:
    latency, hardware = record.cost.latency if record.cost else None, record.hardware
    timed: dict[str, object] = {"timed by": latency.where} if latency else {}
    return timed | ({"processor": hardware.cpu, "GPU": hardware.gpu} if hardware else {})


_KINDS: Mapping[str, Callable[[Record], dict[str, object]]] = {
    "code": _code,
    "data": _data,
    "weights": _weights,
    "settings": lambda record: _flat(record.settings),
    "protocol": _protocol,
    "runtime": _runtime,
    "versions": lambda record: dict(record.versions),
}
