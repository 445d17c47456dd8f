"""The rules of the challenges that can be checked."""

from abawbench.contracts import Database, ModelDeclaration, Task, Weights
from abawbench.plugins import Plugin


def layout_of(task: Task, database: Database) -> str | None:
    """Return the official layout a database had for a task, None for one of its own."""
    return task.database if database.synthetic or database.name == task.database else None


def forbidden(task: Task, database: Database, weights: Weights, model: Plugin) -> tuple[str, ...]:
    """Return what the weights have seen of the task's own database besides the task's label.

    An entry to a challenge may use the labels of its own task only, and weights that saw no other of the database
    (abaw-protocols, section 1). ``trained_on`` says ``DATABASE LABEL``, or ``DATABASE`` alone for any label of it.
    """
    if layout_of(task, database) is None or weights.source == "none":
        return ()
    declared = model.declaration.trained_on if isinstance(model.declaration, ModelDeclaration) else ()
    seen = dict.fromkeys(" ".join(entry.lower().split()) for entry in (*declared, *weights.trained_on))
    return tuple(
        entry for entry in seen if entry.partition(" ")[0] == task.database and entry.partition(" ")[2] != task.label
    )
