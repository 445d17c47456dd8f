"""The plugins that are well: task ``colours``, database ``coloured``, model ``healthy``."""

from typing import Any

from abawbench.contracts import (
    Database,
    DatabaseDeclaration,
    Declaration,
    Model,
    ModelDeclaration,
    Recipe,
    Task,
    TaskDeclaration,
)
from abawbench.hookspecs import hookimpl


@hookimpl
def abawbench_plugins() -> list[Declaration]:
    return [
        TaskDeclaration(name="colours", summary="name the colour", build=f"{__name__}:build_task"),
        DatabaseDeclaration(
            name="coloured",
            summary="colours",
            build=f"{__name__}:build_database",
            licence="Apache-2.0",
            generated=True,
        ),
        ModelDeclaration(
            name="healthy", summary="works", build=f"{__name__}:build_model", licence="Apache-2.0", weights="none"
        ),
    ]


def build_task() -> Task:
    return Task(
        level="frame",
        kind="multiclass",
        outputs=("red", "green", "blue"),
        metric="macro-f1",
        database="coloured",
        label="colour",
        edition=1,
        activation="softmax",
        loss="abawbench.losses:cross_entropy",
    )


def build_database(**options: Any) -> Database:
    from abawbench_broken.world import Coloured

    return Coloured()


def build_model(settings: Recipe) -> Model:
    from abawbench_broken.world import Small

    return Small(settings)


build_model.Settings = Recipe  # type: ignore[attr-defined]
