"""A plugin that was written for a contract this abawbench no longer keeps."""

from abawbench.contracts import Declaration, ModelDeclaration
from abawbench.hookspecs import hookimpl


@hookimpl
def abawbench_plugins() -> list[Declaration]:
    build = "abawbench_broken.healthy:build_model"
    return [ModelDeclaration(name="broken-old-contract", summary="of another time", build=build, contract=0)]
