from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from abawbench.contracts import Recipe, UsageError
from abawbench.harness.request.settings import apply, parse_assignments, parse_grid, spread


@dataclass(kw_only=True)
class Settings(Recipe):
    recipes: ClassVar[Mapping[str, Mapping[str, Any]]] = {"theirs": {"lr": 7.0, "augmentation": {"flip": 0.5}}}
    freeze: str = "paper"
    nested: dict[str, dict[str, float]] = field(default_factory=lambda: {"a": {"x": 1.0, "y": 2.0}})


def test_values_are_numbers_where_they_look_like_numbers_and_text_elsewhere() -> None:
    assert parse_assignments(["lr=1e-3", "freeze=none", "nested.a.x=5"]) == {
        "lr": 1e-3,
        "freeze": "none",
        "nested": {"a": {"x": 5}},
    }


def test_an_assignment_without_a_value_is_refused() -> None:
    with pytest.raises(UsageError, match="write name=value"):
        parse_assignments(["lr"])


def test_overrides_replace_fields_and_merge_mappings() -> None:
    settings = apply(Settings, {"lr": 1, "nested": {"a": {"x": 5}}}, "m")
    assert settings.lr == 1.0
    assert settings.nested == {"a": {"x": 5.0, "y": 2.0}}
    assert settings.epochs == Settings().epochs


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"epoch": 1}, "did you mean epochs"),
        ({"zzzz": 1}, "it has epochs"),
        ({"lr": "fast"}, "setting 'lr'.*not 'fast'"),
        ({"recipe": "ours"}, "model 'm' has no recipe 'ours'; it has default, theirs"),
        ({"epoch_share": 0}, "setting 'epoch_share' of model 'm': give a share above 0"),
        ({"augmentation": {"flop": 0.5}}, "give numbers for flip, .*, blur, not for 'flop'"),
        ({"augmentation": {"flip": 2}}, "setting 'augmentation.flip' of model 'm': give a number from 0 to 1, not 2"),
        ({"batch": 0}, "setting 'batch' of model 'm': give a positive number of clips, not 0"),
    ],
)
def test_what_does_not_fit_is_refused(overrides: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        apply(Settings, overrides, "m")


def test_a_recipe_stands_over_the_stand_ins_and_under_what_is_set() -> None:
    stand_ins = {"lr": 1.0, "batch": 3}
    assert apply(Settings, {}, "m", stand_ins).lr == 1.0
    theirs: Any = apply(Settings, {"recipe": "theirs", "augmentation": {"blur": 1}}, "m", stand_ins)
    assert (theirs.recipe, theirs.lr, theirs.batch) == ("theirs", 7.0, 3)
    assert theirs.augmentation == {"flip": 0.5, "blur": 1}
    assert apply(Settings, {"recipe": "theirs", "lr": 2}, "m").lr == 2


@pytest.mark.parametrize("items", [["lr=1", "lr.x=2"], ["a.b=1", "a.b.c=2"], ["lr.x=2", "lr=1"]])
def test_a_value_cannot_have_keys_as_well(items: list[str]) -> None:
    with pytest.raises(UsageError, match="already"):
        parse_assignments(items)


def test_a_grid_is_every_combination_of_its_values() -> None:
    grid = parse_grid(["lr=1e-3,5e-4", "augmentation.flip=[0, 0.5]"])
    found = spread({"epochs": 3, "augmentation": {"shift": 0.1}}, grid)
    assert [(one["lr"], one["augmentation"]["flip"]) for one in found] == [
        (1e-3, 0),
        (1e-3, 0.5),
        (5e-4, 0),
        (5e-4, 0.5),
    ]
    assert all(one["epochs"] == 3 and one["augmentation"]["shift"] == 0.1 for one in found)
    assert spread({"epochs": 3}, {}) == [{"epochs": 3}]


@pytest.mark.parametrize("item", ["lr", "lr=", "=1", "lr=[]"])
def test_a_grid_without_values_is_refused(item: str) -> None:
    with pytest.raises(UsageError, match="--grid"):
        parse_grid([item])
