"""One job from files to record, in a process of its own; who is to blame when it fails; the next ones go on.

In: ``Job`` and ``Work``. Out: a ``Record`` for each, on disk. May import: every other room of the harness.
``result.json`` is written last; whatever a plugin does costs its own job only.
"""
