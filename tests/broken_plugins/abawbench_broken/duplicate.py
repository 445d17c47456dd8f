"""A model whose name another distribution claims too."""

from abawbench.contracts import Declaration, ModelDeclaration
from abawbench.hookspecs import hookimpl


@hookimpl
def abawbench_plugins() -> list[Declaration]:
    build = "abawbench_broken.healthy:build_model"
    return [
        ModelDeclaration(
            name="broken-duplicate", summary="claimed twice", build=build, licence="Apache-2.0", weights="none"
        )
    ]
