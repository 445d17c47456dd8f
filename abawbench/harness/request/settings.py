"""Settings of a model after ``--set name=value``."""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from abawbench.contracts import BaseSettings, Recipe, UsageError


def parse_assignments(items: Iterable[str], option: str = "--set", example: str = "lr=1e-3") -> dict[str, Any]:
    """Return name -> value from ``name=value`` items; values are read as JSON where they are JSON, else as text.

    ``name.key=value`` sets one key of a mapping. Messages name the option of the command line and give an example.
    """
    found: dict[str, Any] = {}
    for item in items:
        name, equals, text = item.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} '{item}': write name=value, for example {option} {example}")
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = text
        *parents, last = name.split(".")
        inner = found
        for key in parents:
            inner = inner.setdefault(key, {})
            if not isinstance(inner, dict):
                raise UsageError(f"{option} '{item}': '{key}' has a value of its own already, {inner!r}; leave one out")
        if isinstance(inner.get(last), dict) and not isinstance(value, dict):
            raise UsageError(f"{option} '{item}': keys of '{last}' were given already, {inner[last]}; leave one out")
        inner[last] = value
    return found


def apply(kind: type[BaseSettings], overrides: Mapping[str, Any], model: str) -> BaseSettings:
    """Return the settings with overrides, checked against the field types.

    Mappings are merged into the default ones. The numbers of training mean nothing for a predictor, which is passed
    over by them. Raises UsageError for an unknown name, with near misses, and for a value of the wrong type or a batch
    of no clips.
    """
    if not issubclass(kind, Recipe):
        own = {field.name for field in dataclasses.fields(kind)}
        overrides = {name: v for name, v in overrides.items() if name in own or name not in Recipe.__dataclass_fields__}
    settings = dataclasses.replace(kind(), **check_options(kind, overrides, f"model '{model}'", "setting"))
    if isinstance(settings, Recipe) and settings.batch < 1:
        raise UsageError(f"setting 'batch' of model '{model}': give a positive number of clips, not {settings.batch}")
    return settings


def check_options(kind: type[Any], overrides: Mapping[str, Any], owner: str, noun: str) -> dict[str, Any]:
    """Return the overrides of a dataclass with defaults, checked as ``apply`` says; messages name owner and noun."""
    hints = get_type_hints(kind)
    fields = {field.name: hints[field.name] for field in dataclasses.fields(kind)}
    defaults = kind()
    given: dict[str, Any] = {}
    for name, value in overrides.items():
        if name not in fields:
            near = get_close_matches(name, fields, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(fields)}"
            raise UsageError(f"{owner} has no {noun} '{name}'; {hint}")
        default = getattr(defaults, name)
        merged = _merge(default, value) if isinstance(default, dict) and isinstance(value, dict) else value
        try:
            given[name] = TypeAdapter(fields[name]).validate_python(merged)
        except ValidationError as error:
            raise UsageError(f"{noun} '{name}' of {owner}: {error.errors()[0]['msg']}, not {value!r}") from error
    return given


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        known = merged.get(key)
        merged[key] = _merge(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged
