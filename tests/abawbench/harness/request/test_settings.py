from dataclasses import dataclass, field

import pytest

from abawbench.contracts import Recipe, UsageError
from abawbench.harness.request.settings import apply, parse_assignments


@dataclass(kw_only=True)
class Settings(Recipe):
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
        ({"batch": 0}, "setting 'batch' of model 'm': give a positive number of clips, not 0"),
    ],
)
def test_what_does_not_fit_is_refused(overrides: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        apply(Settings, overrides, "m")


@pytest.mark.parametrize("items", [["lr=1", "lr.x=2"], ["a.b=1", "a.b.c=2"], ["lr.x=2", "lr=1"]])
def test_a_value_cannot_have_keys_as_well(items: list[str]) -> None:
    with pytest.raises(UsageError, match="already"):
        parse_assignments(items)
