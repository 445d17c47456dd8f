"""Settings of a model after ``--set name=value``."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import product
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from abawbench.contracts import AUGMENTATIONS, BaseSettings, Recipe, UsageError


def parse_assignments(items: Iterable[str], option: str = "--set", example: str = "lr=1e-3") -> dict[str, Any]:
    """Return name -> value from ``name=value`` items; values are read as JSON where they are JSON, else as text.

    ``name.key=value`` sets one key of a mapping. Messages name the option of the command line and give an example.
    """
    found: dict[str, Any] = {}
    for item in items:
        name, equals, text = item.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} '{item}': write name=value, for example {option} {example}")
        value = _value(text)
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


def parse_grid(items: Iterable[str]) -> dict[str, list[Any]]:
    """Return name -> values from ``name=value,value`` items, the values as JSON where they are JSON, else as text.

    >>> parse_grid(["lr=1e-3,5e-4", "freeze=none,backbone"])
    {'lr': [0.001, 0.0005], 'freeze': ['none', 'backbone']}
    """
    grid: dict[str, list[Any]] = {}
    for item in items:
        name, equals, text = item.partition("=")
        if not (name and equals and text):
            raise UsageError(f"--grid '{item}': write name=value,value, for example --grid lr=1e-3,5e-4")
        whole = _value(text)
        grid[name] = whole if isinstance(whole, list) else [_value(one) for one in text.split(",")]
        if not grid[name]:
            raise UsageError(f"--grid '{item}': give at least one value")
    return grid


def spread(settings: Mapping[str, Any], grid: Mapping[str, Sequence[Any]]) -> list[Mapping[str, Any]]:
    """Return the settings with each combination of a grid in place; ``name.key`` is one key of a mapping.

    Raises UsageError for one that the settings give too: it would be passed over.
    """
    both = next((name for name in grid if _gives(settings, name)), None)
    if both is not None:
        raise UsageError(f"'{both}' is given by --set and by --grid; leave one out")
    found: list[Mapping[str, Any]] = []
    for values in product(*grid.values()):
        chosen: dict[str, Any] = {}
        for name, value in zip(grid, values, strict=True):
            for key in reversed(name.split(".")):
                value = {key: value}
            chosen = _merge(chosen, value)
        found.append(_merge(settings, chosen))
    return found


def _gives(settings: Any, name: str) -> bool:
    """Return whether settings give a name, such as ``lr`` or ``loss.va``."""
    for key in name.split("."):
        if not isinstance(settings, Mapping) or key not in settings:
            return False
        settings = settings[key]
    return True


def apply(
    kind: type[BaseSettings], overrides: Mapping[str, Any], model: str, stand_ins: Mapping[str, Any] | None = None
) -> BaseSettings:
    """Return the settings with overrides, checked against the field types.

    Mappings are merged into the default ones. ``stand_ins`` stand for some defaults, the recipe that is named for some
    of both. The numbers of training mean nothing for a predictor, which is passed over by them. Raises UsageError for
    an unknown name, with near misses, and for a value of the wrong type or out of its range.
    """
    if not issubclass(kind, Recipe):
        own = {field.name for field in dataclasses.fields(kind)}
        overrides = {name: v for name, v in overrides.items() if name in own or name not in Recipe.__dataclass_fields__}
    else:
        overrides = _merge(_recipe(kind, overrides.get("recipe", kind.recipe), model), overrides)
    overrides = _merge(stand_ins or {}, overrides)
    settings = dataclasses.replace(kind(), **check_options(kind, overrides, f"model '{model}'", "setting"))
    if isinstance(settings, Recipe):
        _check_ranges(settings, model)
    return settings


def _recipe(kind: type[Recipe], name: Any, model: str) -> Mapping[str, Any]:
    if name == Recipe.recipe:
        return {}
    if name not in kind.recipes:
        there = ", ".join((Recipe.recipe, *kind.recipes))
        raise UsageError(f"model '{model}' has no recipe {name!r}; it has {there}, as in --set recipe={Recipe.recipe}")
    return kind.recipes[name]


def _check_ranges(settings: Recipe, model: str) -> None:
    def refuse(name: str, wanted: str, value: object) -> None:
        raise UsageError(f"setting '{name}' of model '{model}': give {wanted}, not {value}")

    if settings.batch < 1:
        refuse("batch", "a positive number of clips", settings.batch)
    if not 0 < settings.epoch_share <= 1:
        refuse("epoch_share", "a share above 0 and up to 1", settings.epoch_share)
    for name, value in settings.augmentation.items():
        if name not in AUGMENTATIONS:
            refuse("augmentation", f"numbers for {', '.join(AUGMENTATIONS)}", f"for '{name}'")
        if not 0 <= value <= 1:
            refuse(f"augmentation.{name}", "a number from 0 to 1", value)


def check_options(kind: type[Any], overrides: Mapping[str, Any], owner: str, noun: str) -> dict[str, Any]:
    """Return the overrides of a dataclass with defaults, checked as ``apply`` says; messages name owner and noun."""
    hints = get_type_hints(kind)
    fields = {field.name: hints[field.name] for field in dataclasses.fields(kind)}
    defaults = kind()
    given: dict[str, Any] = {}
    for name, value in overrides.items():
        if name not in fields:
            near = get_close_matches(name, fields, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(fields) or 'none'}"
            raise UsageError(f"{owner} has no {noun} '{name}'; {hint}")
        default = getattr(defaults, name)
        merged = _merge(default, value) if isinstance(default, dict) and isinstance(value, dict) else value
        try:
            given[name] = TypeAdapter(fields[name]).validate_python(merged)
        except ValidationError as error:
            raise UsageError(f"{noun} '{name}' of {owner}: {error.errors()[0]['msg']}, not {value!r}") from error
    return given


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        known = merged.get(key)
        merged[key] = _merge(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged
