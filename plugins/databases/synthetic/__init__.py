"""The synthetic database: drawn faces, made-up voices and words, written in the official layouts.

It is what the benchmark runs on where no real database is at hand, and it says nothing about real faces.
"""

from abawbench.contracts.declarations import DatabaseDeclaration
from abawbench.hookspecs import hookimpl


@hookimpl
def abawbench_databases() -> list[DatabaseDeclaration]:
    """Return the declaration of the synthetic database."""
    return [
        DatabaseDeclaration(
            name="synthetic",
            summary="Drawn faces and made-up voices with labels for every task, generated on first use",
            build="abawbench_plugins.databases.synthetic.database:open_database",
            licence="Apache-2.0",
            generated=True,
        )
    ]
