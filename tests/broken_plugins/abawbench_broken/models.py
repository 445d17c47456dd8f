"""The declarations of the models that are broken; each lives in the module of its name."""

from abawbench.contracts import Declaration, ModelDeclaration
from abawbench.hookspecs import hookimpl
from abawbench_broken import BROKEN


@hookimpl
def abawbench_plugins() -> list[Declaration]:
    return [
        ModelDeclaration(
            name=f"broken-{name}",
            summary=what,
            build=f"abawbench_broken.{name.replace('-', '_')}:Broken",
            licence="Apache-2.0",
            weights="none",
        )
        for name, (where, what) in BROKEN.items()
        if where == f"model broken-{name}" and name != "duplicate"
    ]
