"""What goes wrong in a job, and where. This module is no plugin's, so that blame passes it by."""

import ctypes
import os
import time

from abawbench.contracts import DataError, UsageError
from abawbench.harness.request.journal import READ, Journal

planned = ("", "", "")
"""The kind of plugin that goes wrong, in which phase and how."""
_phase = READ
_enter = Journal.enter


def _listen(journal: Journal, phase: str, *given: object) -> None:
    global _phase
    _phase = phase
    _enter(journal, phase, *given)  # type: ignore[arg-type]


Journal.enter = _listen  # type: ignore[method-assign]


def plan(kind: str, phase: str, way: str) -> None:
    """Let plugins of a kind go wrong in a phase, in a way."""
    global planned, _phase
    planned, _phase = (kind, phase, way), READ


def reach(kind: str) -> None:
    """Go wrong if it is time: code of a plugin of that kind runs."""
    if planned[:2] != (kind, _phase):
        return
    way = planned[2]
    if way == "raise":
        raise RuntimeError("out of order")
    if way == "data":
        raise DataError("faces.bin: cut in the middle")
    if way == "usage":
        raise UsageError("not with these options")
    if way == "segfault":
        ctypes.string_at(0)
    if way == "exit":
        os._exit(7)
    while True:
        time.sleep(1)
